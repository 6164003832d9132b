"""Functions that the leader was asked to run at its next turn.

One that is about a member waits while another thread serves that member, and is dropped with it. This file does not run
anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from salver.net.terms import Member

__all__ = ["Errand", "Errands"]


class Errand(NamedTuple):
    """A function, and the member that it is about, if any."""

    function: Callable[[], None]
    member: Member | None


class Errands:
    """`put` is for any thread, `pop` for the leader; the rest is called under the crew's lock."""

    __slots__ = ("_parked", "_ready")

    def __init__(self) -> None:
        self._ready: deque[Errand] = deque()
        self._parked: dict[int, list[Errand]] = {}  # by descriptor

    def __len__(self) -> int:
        """How many are ready."""
        return len(self._ready)

    def put(self, errand: Errand) -> None:
        """Ready at once."""
        self._ready.append(errand)

    def pop(self) -> Errand:
        """The oldest that is ready. Raises IndexError if none is."""
        return self._ready.popleft()

    def park(self, fd: int, errand: Errand) -> None:
        """Its member is served by another thread: until `release`, or `drop`."""
        self._parked.setdefault(fd, []).append(errand)

    def release(self, fd: int) -> bool:
        """The member is back; True if something had waited for it."""
        parked = self._parked.pop(fd, None)
        if parked:
            self._ready.extend(parked)
        return bool(parked)

    def drop(self, fd: int) -> None:
        """The member is gone."""
        self._parked.pop(fd, None)
