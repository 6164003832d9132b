"""The threads of a crew: how many there are, which of them wait, and who is next.

One thread leads, some are busy (they serve a member without leading), the others wait, last come first called: the one
that waited least has its stack in the caches, and the rest can fall asleep for good. All methods but `wait` are called
under the crew's lock. This file does not know what the orders mean.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from salver.net.terms import Order, Worker

__all__ = ["CrewSettings", "Roster"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CrewSettings:
    """How large a crew may become, and how closely it is watched. Times in seconds.

    `max_threads`: threads that may serve at once, the leader among them. 1 means that nothing ever runs beside
    anything else: handlers run one after the other, whether they block or not.
    `queue`: pieces of work that may wait for a thread when all are busy.
    `look_every`: the overseer's looks; a call that waits is rescued between one and two of them.
    `rescue_busy_after`: how long a call may compute before another thread leads.
    `spare_threads`, `idle_after`: waiting threads beyond so many end after so long.
    `sweep_every`: how often deadlines are checked.
    """

    max_threads: int = 128
    queue: int = 1024
    look_every: float = 0.005
    rescue_busy_after: float = 0.02
    spare_threads: int = 4
    idle_after: float = 30.0
    sweep_every: float = 1.0

    def __post_init__(self) -> None:
        if self.max_threads < 1 or self.queue < 0 or self.spare_threads < 0:
            raise ValueError("a crew needs at least one thread, and no negative sizes")
        if min(self.look_every, self.rescue_busy_after, self.idle_after, self.sweep_every) <= 0:
            raise ValueError("the times of a crew must be positive")

    @property
    def reserve(self) -> int:
        """Threads beyond `max_threads` that exist only to lead when a leader is stuck."""
        return max(4, self.max_threads // 8)


class Roster:
    """Counts and waiting threads of one crew."""

    def __init__(self, settings: CrewSettings, main: Callable[[Worker], None]) -> None:
        """`main` is what a thread does from its beginning to its end."""
        self._settings = settings
        self._main = main
        self._idle: list[Worker] = []
        self._made = 0
        self.workers: set[Worker] = set()
        self.busy = 0

    @property
    def threads(self) -> int:
        """How many there are, the leader and those that wait included."""
        return len(self.workers)

    @property
    def idle(self) -> int:
        """How many wait."""
        return len(self._idle)

    def may_block(self) -> bool:
        """True if one more thread may stop leading of its own will, or do work that waited: one is left to lead."""
        return self.busy < self._settings.max_threads - 1

    def may_be_rescued(self) -> bool:
        """True if one more leader may be replaced; this may use the reserve."""
        return self.busy < self._settings.max_threads - 1 + self._settings.reserve

    def call(self) -> Worker | None:
        """A thread that waits for an order: the last that began to wait, else a new one; None if none can be made."""
        return self._idle.pop() if self._idle else self._hire()

    def put_back(self, worker: Worker) -> None:
        """It waits (again), and can be called."""
        self._idle.append(worker)

    def _hire(self) -> Worker | None:
        worker = Worker()
        self._made += 1
        worker.thread = threading.Thread(target=self._main, args=(worker,), name=f"crew-{self._made}", daemon=True)
        try:
            worker.thread.start()
        except (RuntimeError, MemoryError) as error:
            logger.warning("no new thread can be started: %s", error)
            return None
        self.workers.add(worker)
        return worker

    def dismiss_idle(self) -> None:
        """Send all that wait home."""
        for worker in self._idle:
            worker.give(None)
        self._idle.clear()

    def leave(self, worker: Worker) -> None:
        """It ends."""
        self.workers.discard(worker)

    def wait(self, worker: Worker, lock: threading.RLock) -> Order:
        """Wait for an order. NOT under the lock, which is taken here. None is the order to end."""
        while not worker.wait(self._settings.idle_after):
            with lock:
                # If it has been called just now it is not among the idle any more, and its order is on the way.
                if worker in self._idle and len(self._idle) > self._settings.spare_threads:
                    self._idle.remove(worker)
                    return None
        return worker.take()
