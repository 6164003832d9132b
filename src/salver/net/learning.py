"""Which sites (routes, handlers) were seen to block, so that they are handed over before they block again.

A site enters when it was caught blocking, and leaves when it has not blocked for many runs in a row: a cache that has
become warm, a database that answers from memory, brings a site back to the fast way. To block is to take wall time
without taking processor time; what computes is busy, and a second thread would not make it faster.

This file does not know what a site is: any hashable value that stands for the same code each time.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

__all__ = ["SiteTable"]

# A run that waited less than this could as well have been preempted; a hand-over costs less than waiting it out.
_CALM_SECONDS = 0.001
# So many calm runs in a row before a site is trusted again: one wrong guess costs 5 to 10 ms of everybody's time, a
# needless hand-over about 0.03 ms.
_CALM_RUNS = 256


class SiteTable:
    """The sites that might block. Thread-safe; at most `bound` entries, the longest unconfirmed goes first.

    `any` is False as long as nothing blocks anywhere: the hot path looks at it and at nothing else.
    """

    __slots__ = ("_bound", "_calm", "_lock", "any")

    def __init__(self, bound: int = 1024) -> None:
        self.any = False
        self._bound = bound
        self._calm: dict[Hashable, int] = {}  # site -> calm runs in a row; ordered by the last time it blocked
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return self.any

    def __len__(self) -> int:
        return len(self._calm)

    def might_block(self, key: Hashable) -> bool:
        """True if the site was seen to block and has not yet earned its way back."""
        return key in self._calm

    def learn(self, key: Hashable) -> None:
        """Note that the site was caught blocking."""
        with self._lock:
            self._calm.pop(key, None)
            self._calm[key] = 0
            if len(self._calm) > self._bound:
                del self._calm[next(iter(self._calm))]
            self.any = True

    def observe(self, key: Hashable, wall: float, cpu: float) -> None:
        """Note how a handed-over run went: `wall` seconds in all, `cpu` of them computing. Ignores unknown sites."""
        if wall - cpu >= _CALM_SECONDS:
            if key in self._calm:
                self.learn(key)
            return
        with self._lock:
            runs = self._calm.get(key)
            if runs is None:
                return
            if runs + 1 < _CALM_RUNS:
                self._calm[key] = runs + 1
            else:
                del self._calm[key]
                self.any = bool(self._calm)
