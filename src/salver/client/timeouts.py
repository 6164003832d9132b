"""How long the client waits, and for what. Which of several limits comes first is decided here; nothing waits here."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Union

_FOR_EVER = 2_000_000.0  # seconds: 23 days, the longest that `poll` can be told to wait


@dataclass(frozen=True, slots=True)
class Timeout:
    """Seconds, None for no limit, as which more than three weeks are taken. Immutable.

    `connect`: from the look-up of the name to the end of the TLS handshake. `read` and `write`: while not a byte moves.
    `pool`: until a connection becomes free, where all that are allowed are in use. `total`: the whole exchange with its
    redirects and retries, up to the last byte of its body, streamed or not.
    """

    connect: float | None = 10.0
    read: float | None = 30.0
    write: float | None = 30.0
    pool: float | None = 30.0
    total: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not isinstance(value, (int, float)):
                raise TypeError(f"the {name} time-out is a number of seconds, not {type(value).__name__}")
            if value is not None and not value > 0:
                raise ValueError(f"the {name} time-out is a number of seconds above 0, or None; not {value!r}")
            if value is not None and value > _FOR_EVER:
                object.__setattr__(self, name, None)


TimeoutLike = Union[Timeout, float, None]

DEFAULT_TIMEOUT = Timeout()
NO_TIMEOUT = Timeout(None, None, None, None, None)


def as_timeout(value: TimeoutLike) -> Timeout:
    """A number is the limit of every kind of waiting, without a total; None waits for ever."""
    if isinstance(value, Timeout):
        return value
    return NO_TIMEOUT if value is None else Timeout(value, value, value, value, None)


class Deadline:
    """The end of one exchange's total time. `is_set`: there is a total."""

    __slots__ = ("_at", "is_set", "timeout")

    def __init__(self, timeout: Timeout) -> None:
        self.timeout = timeout
        self.is_set = timeout.total is not None
        self._at = None if timeout.total is None else time.monotonic() + timeout.total

    def left(self) -> float | None:
        """Seconds until the total is over, at least a thousandth; None where there is none."""
        return None if self._at is None else max(0.001, self._at - time.monotonic())

    @property
    def is_over(self) -> bool:
        """The total has passed."""
        return self._at is not None and time.monotonic() >= self._at

    def reading_for(self, seconds: float) -> Deadline:
        """The same end, with another `read` time-out, where that is the shorter one."""
        read = self.timeout.read
        other = Deadline(replace(self.timeout, read=seconds if read is None else min(seconds, read)))
        other._at = self._at
        return other

    def within(self, limit: float | None) -> float | None:
        """`limit`, or what is left of the total where that is less."""
        left = self.left()
        if left is None or limit is None:
            return limit if left is None else left
        return min(limit, left)
