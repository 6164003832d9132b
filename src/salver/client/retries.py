"""Whether a request that failed is sent again, and after how long: a decision, without clock and without sleep.

What was lost on its way can be repeated where the method is idempotent (RFC 9110 §9.2.2) and its content can be had
again; what never left (no connection) can be repeated whatever it was. A response is an answer, and is not asked for
again unless its status is among those named.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from salver.client.content import Content
from salver.client.errors import (
    ClientError,
    ConnectFailed,
    ConnectionLost,
    ConnectTimedOut,
    NameNotFound,
    TLSFailed,
)
from salver.client.message import Request
from salver.semantics.dates import parse_date

IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))


@dataclass(frozen=True, slots=True)
class Retries:
    """`lost`: how often a request is repeated whose connection broke before its response. `connect`: how often a
    connection that failed, or took too long, is tried anew. `statuses`: responses that are asked for again, `lost`
    times at most, after the seconds of their Retry-After (not more than `max_wait`). `backoff`: seconds before the
    second repetition, doubled each time, with chance; the first repetition after a loss is made at once."""

    lost: int = 3
    connect: int = 0
    statuses: Collection[int] = ()
    backoff: float = 0.1
    max_wait: float = 30.0
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def after_error(self, request: Request, error: ClientError, attempt: int, *, sent: bool) -> float | None:
        """Seconds to wait before attempt number `attempt` + 1 (`attempt` counts from 1), None to give up. `sent`: a
        part of the request has left."""
        if isinstance(error, (ConnectFailed, ConnectTimedOut)):
            if isinstance(error, (TLSFailed, NameNotFound)) or attempt > self.connect:
                return None
            return self._wait(attempt + 1)
        if not isinstance(error, ConnectionLost) or attempt > self.lost:
            return None
        if sent and request.method not in IDEMPOTENT:
            return None
        if isinstance(request.content, Content) and request.content.is_gone:
            return None
        return self._wait(attempt)

    def after_response(self, request: Request, status: int, asked: float | None, attempt: int) -> float | None:
        """As `after_error`, for a response. `asked`: the seconds of its Retry-After."""
        if status not in self.statuses or attempt > self.lost or request.method not in IDEMPOTENT:
            return None
        if isinstance(request.content, Content) and request.content.is_gone:
            return None
        if asked is not None:
            return asked if asked <= self.max_wait else None
        return self._wait(attempt + 1)

    def _wait(self, attempt: int) -> float:
        if attempt <= 1:
            return 0.0
        return float(min(self.max_wait, self.backoff * 2 ** (attempt - 2) * (0.5 + self.chance() / 2)))


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a Retry-After asks to wait (RFC 9110 §10.2.3), a date seen from `now`; None where it says
    nothing that can be read."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:15])
    date = parse_date(value)
    return None if date is None else max(0.0, date - now)
