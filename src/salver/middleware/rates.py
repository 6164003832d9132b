"""No more requests than so many in a time: a token bucket for each client, in memory.

A bucket is one number: when it will be full again (the generic cell rate algorithm of ATM, which is a token bucket
turned around). A request moves it by the time that one token takes to come back; it is refused where the bucket would
be emptied below nothing. So a look-up and an assignment is all that a request costs, and a full bucket need not be
kept. The table is bounded: past it, the bucket that was used longest ago is forgotten. Each worker process has a table
of its own.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from salver.handler import Middleware, respond_and_finish, responder, wraps_handler
from salver.middleware.networks import client_network
from salver.problem import problem
from salver.protocol.headers import MutableHeaders
from salver.request import Request
from salver.response import Response

_TABLE = 65_536  # buckets; about 12 MB when all are used
_ERROR = 1e-9  # seconds: of sums of times
_LONGEST_KEY = 128  # characters that are remembered as they are


def rate_limit(
    limit: int,
    *,
    per: float = 60.0,
    burst: int | None = None,
    key: Callable[[Request], str | None] | None = None,
    table: int = _TABLE,
    clock: Callable[[], float] = time.monotonic,
) -> Middleware:
    """A middleware that lets through `limit` requests every `per` seconds, `burst` of them at once (None: `limit`), and
    answers others with 429, Retry-After and what is left (RateLimit fields, draft-ietf-httpapi-ratelimit-headers).

    `key`: whose requests count together, None for one that is not counted; by default the client's address, of IPv6
    its /64. Behind a proxy that is the proxy's: put `trusted_proxies` around this. `table`: how many keys are
    remembered. `clock`: seconds that only go forward. Raises ValueError for numbers that limit nothing.
    """
    buckets = Buckets(limit, per, limit if burst is None else burst, table=table, clock=clock)
    key_of = key or client_key
    policy = f'"default";q={buckets.burst};w={math.ceil(buckets.burst * per / limit)}'

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def limiting(request: Request, **params: Any) -> Response:
            whose = key_of(request)
            if whose is None:
                return respond(request, **params)
            verdict = buckets.take(whose if len(whose) <= _LONGEST_KEY else _digest(whose))

            def finish(request: Request, headers: MutableHeaders) -> None:
                headers["RateLimit-Policy"] = policy
                headers["RateLimit"] = f'"default";r={verdict.left};t={math.ceil(verdict.full_in)}'

            if verdict.retry_in <= 0.0:
                return respond_and_finish(respond, request, params, finish)
            refusal = problem(request, 429, "Those were too many requests. Try again a little later.")
            refusal.headers["Retry-After"] = str(math.ceil(verdict.retry_in))
            finish(request, refusal.headers)
            return refusal

        return limiting

    return wrap


def client_key(request: Request) -> str:
    """The client's address as one that counts; see `client_network`."""
    return client_network(request.client.host)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Verdict(NamedTuple):
    """What a bucket said: tokens left; seconds until it is full; seconds until a token is there, 0 if one was."""

    left: int
    full_in: float
    retry_in: float


class Buckets:
    """Buckets by key. Safe to use from several threads; every call takes the same time, however many there are."""

    __slots__ = ("_clock", "_full_at", "_lock", "_per_token", "_table", "burst")

    def __init__(self, limit: int, per: float, burst: int, *, table: int, clock: Callable[[], float]) -> None:
        """`limit` tokens come back every `per` seconds, at most `burst` are there, for at most `table` keys."""
        if not (limit >= 1 and burst >= 1 and table >= 1 and 0 < per < math.inf):
            raise ValueError(
                f"{limit} per {per} s, {burst} at once, for {table} keys: each has to be more than nothing"
            )
        self.burst = burst
        self._per_token = per / limit
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()  # the bucket used longest ago first

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._full_at)

    def take(self, key: str) -> Verdict:
        """Take a token of this key's, if there is one."""
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(key, now), now) + self._per_token
            over = full_at - now - self.burst * self._per_token
            if over > _ERROR:
                self._full_at.move_to_end(key)  # whoever is refused is not forgotten, and so let in again
                return Verdict(0, full_at - self._per_token - now, over)
            self._full_at[key] = full_at
            self._full_at.move_to_end(key)
            if len(self._full_at) > self._table:
                self._full_at.popitem(last=False)
        return Verdict(int((_ERROR - over) / self._per_token), full_at - now, 0.0)
