"""How many failures a minute are a person's: counted by account and address together, and by address alone.

The count is of failures, so that who logs in rightly is never kept out by it, and it is forgotten a minute after it
began: nobody can lock another one's account for longer, and from another address not at all. Accounts that are asked
for are counted by address, too. Counts are kept in memory, or in Redis where several machines serve; where Redis cannot
be asked, each process counts for itself until it can.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from salver.accounts.errors import StoreError, TooManyTries
from salver.middleware.networks import client_network

if TYPE_CHECKING:
    import redis

Answer = TypeVar("Answer")

logger = logging.getLogger("salver.accounts")

WINDOW = 60  # seconds
OF_PAIR = 10  # failures of one account from one address
OF_ADDRESS = 60  # failures from one address, whatever the account: a school behind one address still gets in
_TABLE = 65_536  # counts in memory
_REST = 1.0  # seconds that Redis is left alone after it has failed


class Counter(Protocol):
    """Counts that end by themselves."""

    def read(self, keys: list[str]) -> list[tuple[int, int]]:
        """(count, seconds until it ends) of each key."""

    def add(self, keys: list[str]) -> None:
        """One more for each; a count that begins lasts `WINDOW` seconds."""

    def clear(self, keys: list[str]) -> None:
        """Forget these."""


class MemoryCounter:
    """Counts of this process. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, table: int = _TABLE) -> None:
        self._clock = clock
        self._table = table
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}

    def read(self, keys: list[str]) -> list[tuple[int, int]]:
        now = self._clock()
        with self._lock:
            found = [self._counts.get(key, (0, now)) for key in keys]
        return [(count, math.ceil(ends - now)) if ends > now else (0, 0) for count, ends in found]

    def add(self, keys: list[str]) -> None:
        now = self._clock()
        with self._lock:
            if len(self._counts) >= self._table:
                self._make_room(now)
            for key in keys:
                count, ends = self._counts.get(key, (0, 0.0))
                self._counts[key] = (count + 1, ends) if ends > now else (1, now + WINDOW)

    def _make_room(self, now: float) -> None:
        self._counts = {key: kept for key, kept in self._counts.items() if kept[1] > now}
        while len(self._counts) >= self._table:  # the oldest first: a dictionary keeps the order of arrival
            del self._counts[next(iter(self._counts))]

    def clear(self, keys: list[str]) -> None:
        with self._lock:
            for key in keys:
                self._counts.pop(key, None)


class RedisCounter:
    """Counts that several processes and machines share. Where Redis fails, `fallback` counts, and Redis is not asked
    again for a second: one that hangs would hold up every login, and a thread with it. Safe to use from several
    threads."""

    def __init__(self, url: str, fallback: Counter | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`url`: `redis://host:6379/0`, `rediss://…`, `unix://…`. Nothing is opened. Raises `StoreError`."""
        self._client = _client(url)
        self._fallback = fallback or MemoryCounter()
        self._clock = clock
        self._told = -math.inf
        self._rests_until = -math.inf

    def read(self, keys: list[str]) -> list[tuple[int, int]]:
        def ask() -> list[tuple[int, int]]:
            pipe = self._client.pipeline(transaction=False)
            for key in keys:
                pipe.get(key)
                pipe.ttl(key)
            answers = pipe.execute()
            return [
                (int(count or 0), max(0, int(ends))) for count, ends in zip(answers[::2], answers[1::2], strict=True)
            ]

        return self._or_else(ask, lambda: self._fallback.read(keys))

    def add(self, keys: list[str]) -> None:
        def ask() -> None:
            pipe = self._client.pipeline(transaction=True)
            for key in keys:
                pipe.set(key, 0, ex=WINDOW, nx=True)
                pipe.incr(key)
            pipe.execute()

        self._or_else(ask, lambda: self._fallback.add(keys))

    def clear(self, keys: list[str]) -> None:
        self._or_else(lambda: self._client.delete(*keys), lambda: self._fallback.clear(keys))

    def _or_else(self, ask: Callable[[], Answer], otherwise: Callable[[], Answer]) -> Answer:
        from redis.exceptions import RedisError

        if self._clock() < self._rests_until:
            return otherwise()
        try:
            return ask()
        except (RedisError, OSError) as error:
            now = self._clock()
            self._rests_until = now + _REST
            if now - self._told > WINDOW:
                self._told = now
                logger.warning("cannot count tries in Redis (%s); each process counts its own until it answers", error)
            return otherwise()


def _client(url: str) -> redis.Redis:
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise StoreError('counting tries in Redis needs a library: pip install "salver[redis]"') from None
    try:
        # A count is not worth waiting for: a login that has to be decided goes on without Redis after half a second.
        # Once more at once where a connection that was kept has been closed meanwhile; not where nothing is heard.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=again)
    except ValueError as error:
        raise StoreError(f"{url!r} is no Redis; write redis://host:6379/0 ({error})") from None


class Tries:
    """Failed logins. Safe to use from several threads."""

    def __init__(self, counter: Counter, *, of_pair: int = OF_PAIR, of_address: int = OF_ADDRESS) -> None:
        self._counter = counter
        self._limits = (of_pair, of_address)

    def check(self, key: str, address: str) -> None:
        """Raise `TooManyTries` where the account (by its name's key) or the address has failed too often."""
        self._refuse(_keys(key, address))

    def _refuse(self, keys: list[str]) -> None:
        found = self._counter.read(keys)
        waits = [ends for (count, ends), limit in zip(found, self._limits, strict=True) if count >= limit]
        if waits:
            raise TooManyTries("too many tries", retry_after=max(1, *waits))

    def failed(self, key: str, address: str) -> None:
        """One more."""
        self._counter.add(_keys(key, address))

    def register(self, address: str) -> None:
        """One more account that an address asks for. Raises `TooManyTries` where it has asked for too many."""
        keys = [f"salver:tries:register:{client_network(address)}"]
        ((count, ends),) = self._counter.read(keys)
        if count >= self._limits[1]:
            raise TooManyTries("too many accounts", retry_after=max(1, ends))
        self._counter.add(keys)

    def ask_for_mail(self, key: str, address: str) -> None:
        """One more letter that an address asks for, by the account or the address of mail that it names. These are
        counted apart: whoever has failed to log in ten times is the one who needs it. Raises `TooManyTries`."""
        keys = _keys(key, address, "mail:")
        self._refuse(keys)
        self._counter.add(keys)

    def succeeded(self, key: str, address: str) -> None:
        """Who has the password may have mistyped it before."""
        self._counter.clear(_keys(key, address)[:1])


def _keys(key: str, address: str, what: str = "") -> list[str]:
    network = client_network(address)
    pair = hashlib.sha256(f"{network} {key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return [f"salver:tries:{what}pair:{pair}", f"salver:tries:{what}address:{network}"]
