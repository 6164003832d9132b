"""Errands for later, in the order in which their time comes.

For what has to be on time: an event every second, a pause of 50 ms. Deadlines, which are set on every request and
hardly ever reached, are cheaper (`deadlines.py`); a timer costs a step in a heap, and cannot be called off: whoever
asked for it looks whether it is still wanted. This file reads no clock and runs nothing.
"""

from __future__ import annotations

import math

from salver.net.errands import Errand

__all__ = ["Timers"]


class Timers:
    """Called under the crew's lock, but for `earliest`."""

    __slots__ = ("_count", "_heap", "earliest")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Errand]] = []
        self._count = 0  # tells two of the same time apart
        self.earliest = math.inf  # when `take_due` has something to give

    def add(self, when: float, errand: Errand) -> bool:
        """Give it out from `when` on. True where no other comes before."""
        import heapq  # by those who need one: most servers never do

        self._count += 1
        heapq.heappush(self._heap, (when, self._count, errand))
        first = when < self.earliest
        self.earliest = self._heap[0][0]
        return first

    def take_due(self, now: float) -> list[Errand]:
        """All whose time has come, the earliest first."""
        import heapq

        due, heap = [], self._heap
        while heap and heap[0][0] <= now:
            due.append(heapq.heappop(heap)[2])
        self.earliest = heap[0][0] if heap else math.inf
        return due
