"""Which connection carries a request, and which are closed: decisions alone, without I/O, clock or lock.

Who asks passes the time, holds a lock of its own, and does what it is told: open, reuse, wait, close. The connection
used last is used first, so that those not needed grow old and are closed; a newer one is also less likely to have
been closed by the server meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`connections`: open at once, in use or idle. `per_origin`: of them to one origin (or through one proxy). `idle`:
    kept open without use. `idle_seconds`: how long; a server's own hint (`Keep-Alive: timeout`) shortens it."""

    connections: int = 100
    per_origin: int = 50
    idle: int = 32
    idle_seconds: float = 60.0

    def __post_init__(self) -> None:
        if min(self.connections, self.per_origin) < 1 or self.idle < 0 or self.idle_seconds < 0:
            raise ValueError("a pool needs at least one connection, and no limit below 0")


class Pooled(Protocol):
    """What the pool knows of a connection."""

    key: Hashable
    """Whom it goes to: it can be used again for the same key alone."""
    idle_until: float
    """When it is too old to be used again, while it is idle."""


Member = TypeVar("Member", bound=Pooled)


class Pool(Generic[Member]):
    """The state of one client's connections. Every method is O(1) but for what it closes. Not thread-safe."""

    __slots__ = ("_counts", "_idle", "_idle_count", "_limits", "_total")

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._idle: dict[Hashable, deque[Member]] = {}  # the newest at the right
        self._idle_count = 0
        self._counts: dict[Hashable, int] = {}  # per key: in use, being opened, and idle
        self._total = 0

    def take(self, key: Hashable, now: float) -> tuple[Member | None, list[Member]]:
        """(an idle connection to `key` or None, those to close). It is the caller's until `give_back` or `drop`."""
        waiting = self._idle.get(key)
        if not waiting:
            return None, []
        newest = waiting.pop()
        self._idle_count -= 1
        if newest.idle_until > now:
            return newest, []
        stale = [newest, *waiting]  # the others are older, or were given less time by their server
        self._idle_count -= len(waiting)
        waiting.clear()
        for each in stale:
            self._forget(each.key)
        return None, stale

    def may_open(self, key: Hashable) -> tuple[bool, list[Member]]:
        """(whether one more may be opened to `key`, those to close for it). Where it may, it is counted from now on:
        `drop_key` where opening fails."""
        limits = self._limits
        if self._counts.get(key, 0) >= limits.per_origin:
            return False, []
        closing: list[Member] = []
        if self._total >= limits.connections:
            oldest = self._oldest_idle()
            if oldest is None:
                return False, []
            closing.append(oldest)
        self._counts[key] = self._counts.get(key, 0) + 1
        self._total += 1
        return True, closing

    def has_idle(self, key: Hashable) -> bool:
        """One to `key` is idle."""
        return bool(self._idle.get(key))

    def has_room(self, key: Hashable) -> bool:
        """Who asks for a connection to `key` now will be given one, or may open one."""
        if self.has_idle(key):
            return True
        limits = self._limits
        return self._counts.get(key, 0) < limits.per_origin and (self._total < limits.connections or self.idle > 0)

    def give_back(self, member: Member, now: float, seconds: float | None = None) -> list[Member]:
        """It is idle from now on, for `seconds` at most; the ones to close, which may be itself."""
        limits = self._limits
        lasting = limits.idle_seconds if seconds is None else min(seconds, limits.idle_seconds)
        member.idle_until = now + lasting
        if lasting <= 0 or not limits.idle:
            self._forget(member.key)
            return [member]
        waiting = self._idle.get(member.key)
        if waiting is None:
            waiting = self._idle[member.key] = deque()
        waiting.append(member)
        self._idle_count += 1
        if self._idle_count <= limits.idle:
            return []
        oldest = self._oldest_idle()
        return [] if oldest is None else [oldest]

    def drop_key(self, key: Hashable) -> None:
        """A connection to `key` that was in use, or being opened, is no more."""
        self._forget(key)

    def clear(self) -> list[Member]:
        """All that are idle, to be closed; those in use are still counted."""
        idle = [member for waiting in self._idle.values() for member in waiting]
        self._idle.clear()
        self._idle_count = 0
        for member in idle:
            self._forget(member.key)
        return idle

    def _oldest_idle(self) -> Member | None:
        """Take the idle connection that would end first out of the pool. O(origins), and only past a limit."""
        waiting = min((each for each in self._idle.values() if each), key=lambda each: each[0].idle_until, default=None)
        if waiting is None:
            return None
        oldest = waiting.popleft()
        self._idle_count -= 1
        if not waiting:
            del self._idle[oldest.key]
        self._forget(oldest.key)
        return oldest

    def _forget(self, key: Hashable) -> None:
        left = self._counts[key] - 1
        self._total -= 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]
            if not self._idle.get(key, True):
                del self._idle[key]

    @property
    def open(self) -> int:
        """How many connections are open, or being opened."""
        return self._total

    @property
    def idle(self) -> int:
        """How many of them are idle."""
        return self._idle_count
