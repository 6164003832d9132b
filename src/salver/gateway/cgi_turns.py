"""Which scripts are waited for by the thread that serves others as well, and which make way first.

To hand over, and to come back, costs as much as a tenth of a small script, and a script that runs beside another on
the same core only makes both slower. So a script has a head start: for two milliseconds the thread that started it
waits, whoever that is, and most scripts have ended by then. Others make way first: who did not end in time twice in a
row (once is what may happen to any on a busy machine); and, where there are cores for them, those of clients that
alternate, so that their scripts run side by side. A client that asks for one thing after the other gains nothing by a
second thread.

Only decides; knows no process and no connection.
"""

from __future__ import annotations

import os
from collections.abc import Hashable

_MOST_LATE = 1_024  # scripts that are remembered as late
_SLOW = 2  # times in a row


class Turns:
    """The decisions for one runner. Safe to use from several threads: each step is one of a set's own, and what two
    threads at once could get wrong is a decision, not a count."""

    __slots__ = ("_cores", "_last", "_late", "_young")

    def __init__(self, cores: int | None = None) -> None:
        """`cores`: how many scripts can run at once; None for as many as this process may use."""
        self._cores = cores
        self._young: set[object] = set()
        self._late: dict[str, int] = {}  # how often in a row
        self._last: Hashable = None

    def make_way(self, client: Hashable, path: str) -> bool:
        """Whether the script at `path` makes way before it is started; `client` is whose request it is."""
        last, self._last = self._last, client
        if self._late and self._late.get(path, 0) >= _SLOW:
            return True
        return client != last and len(self._young) + 1 < self._count_cores()

    def began(self, run: object) -> None:
        """`run` has its head start."""
        self._young.add(run)

    def grown(self, run: object, path: str, *, ended: bool) -> None:
        """Its head start is over; `ended`: and so is the script."""
        self._young.discard(run)
        if ended:
            if self._late:
                self._late.pop(path, None)
            return
        if len(self._late) >= _MOST_LATE:
            self._late.clear()
        self._late[path] = self._late.get(path, 0) + 1

    def _count_cores(self) -> int:
        if self._cores is None:
            self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self._cores
