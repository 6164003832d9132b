"""Deadlines as a number on each member, found by one survey a second.

Setting a deadline is an assignment, because that happens on every request; finding those that have passed costs a pass
over all members, because that happens once a second. The rejected way, a heap of timers, turns it around.
"""

from __future__ import annotations

import math
from typing import Protocol, TypeVar

__all__ = ["Calendar", "Dated", "survey"]


class Dated(Protocol):
    """What has a deadline, in seconds of a monotonic clock, `math.inf` for none."""

    deadline: float
    detached: bool


D = TypeVar("D", bound=Dated)


def survey(members: list[D], now: float) -> tuple[list[D], float]:
    """Who is past its deadline, and the earliest deadline of the others (`math.inf` if there is none).

    Detached members are left out: another thread serves them, and may be setting their deadline at this moment.
    """
    dates = [member.deadline for member in members if not member.detached]
    earliest = min(dates, default=math.inf)
    if earliest > now:
        return [], earliest
    due = [member for member in members if member.deadline <= now and not member.detached]
    return due, min([date for date in dates if date > now], default=math.inf)


class Calendar:
    """When the next survey is due: `every` so many seconds while anything happens, else when a deadline passes. `due`
    is that, or the time of a timer, whichever comes first.

    A deadline can only be set by what happens, so a crew without events sleeps as long as its earliest deadline says.
    Used by the leader alone.
    """

    __slots__ = ("_alarm", "_every", "due", "survey")

    def __init__(self, every: float) -> None:
        self._every = every
        self._alarm = math.inf
        self.survey = 0.0
        self.due = 0.0

    def timeout(self, now: float) -> float | None:
        """Seconds that nothing needs to be done; None for ever."""
        wait = self.due - now
        return None if wait == math.inf else max(0.0, wait)

    def hasten(self, now: float) -> None:
        """Something happens: deadlines may be set that the last survey did not see."""
        self.survey = min(self.survey, now + self._every)
        self.due = min(self.survey, self._alarm)

    def set_alarm(self, when: float) -> None:
        """The earliest timer; `math.inf` for none."""
        self._alarm = when
        self.due = min(self.survey, when)

    def plan(self, now: float, earliest: float, more: bool) -> None:
        """A survey is done: its earliest deadline, and whether there may be `more` than it saw."""
        # Deadlines a moment apart share a survey.
        self.survey = now + self._every if more else max(now + self._every / 4, earliest)
        self.due = min(self.survey, self._alarm)
