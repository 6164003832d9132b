"""Deciding what becomes of the workers, apart from doing it: events and times go in, orders come out.

`Staff` knows how many workers there should be, which are starting, serving or leaving, and when each was last heard
of. It forks nothing, kills nothing and reads no clock; a whole day of crashes is a test of some milliseconds.

Three rules hold at any time. Replacing (a new generation) never leaves fewer workers that serve than there should be:
first the new one is ready, then an old one is asked to leave. Workers that die one after the other are started at
growing distances. And a worker is killed only for its own silence: where nobody looked for a while (the master was
stopped, the machine slept), everybody's time begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """Seconds. Immutable."""

    heartbeat: float = 10.0  # without a word from a worker; past it killed and replaced; 0 never does (gunicorn: 30)
    start: float = 60.0  # until a worker must serve; past it killed
    patience: float = 10.0  # that a replaced worker keeps idle connections open for one more request
    stop: float = 30.0  # for what is in flight when a worker ends
    last_request: float = 0.0  # of `stop`: that idle connections stay for one more when all workers end
    kill: float = 2.0  # past `stop`, or after being told to hurry, until a worker is killed
    settle: float = 5.0  # a worker that dies younger than this has failed to start
    delay: float = 0.5  # before the third start in a row, then twice as long each time
    delay_max: float = 30.0


class Phase(Enum):
    """What a worker is doing as far as we know."""

    STARTING = "starting"
    SERVING = "serving"
    LEAVING = "leaving"


class Tell(IntEnum):
    """What a worker is told, each stronger than the one before."""

    NOTHING = 0
    RETIRE = 1  # accept nothing more; idle connections may send one more request
    STOP = 2  # finish what is in flight
    HURRY = 3  # end at once


@dataclass(frozen=True, slots=True)
class Start:
    """Fork a worker, and report `started` or `not_started`."""


@dataclass(frozen=True, slots=True)
class Order:
    """Tell a worker something."""

    pid: int
    what: Tell


@dataclass(frozen=True, slots=True)
class Kill:
    """End a worker the hard way."""

    pid: int
    why: str


Action = Start | Order | Kill


class Ending(NamedTuple):
    """What a worker's end means: was it asked for, and what is done about it, in words."""

    expected: bool
    then: str


class Worker:
    """One process as the master sees it. Times are monotonic seconds."""

    __slots__ = ("born", "deadline", "generation", "heard", "killed", "phase", "pid", "told")

    def __init__(self, pid: int, generation: int, now: float) -> None:
        self.pid = pid
        self.generation = generation
        self.born = now
        self.heard = now
        self.phase = Phase.STARTING
        self.told = Tell.NOTHING
        self.deadline = float("inf")  # by which it must have ended
        self.killed = False


class Staff:
    """The workers of one master, and what to do about them. Used by one thread.

    Report what happens (`started`, `ready`, `heard`, `ended`, `reload`, `stop`), then carry out what `decide` gives.
    """

    def __init__(self, size: int, times: WorkerTimes) -> None:
        """`size`: how many workers should serve, at least 1."""
        self.workers: dict[int, Worker] = {}
        self.stopping = Tell.NOTHING
        self.hopeless = False  # no worker has ever served, and one said that none will
        self._size = size
        self._times = times
        self._generation = 1
        self._proven = 0  # the last generation of which a worker has served
        self._failures = 0  # starts in a row that came to nothing
        self._not_before = float("-inf")
        self._youngest: Worker | None = None
        self._looked = float("inf")

    @property
    def finished(self) -> bool:
        """Everything has been stopped, and nobody is left."""
        return bool(self.stopping) and not self.workers

    # What happened

    def started(self, pid: int, now: float) -> None:
        """A worker was forked."""
        self._youngest = self.workers[pid] = Worker(pid, self._generation, now)

    def not_started(self, now: float) -> float:
        """Forking failed; returns the seconds until it is tried again."""
        self._count_failure(now)
        return max(0.0, self._not_before - now)

    def ready(self, pid: int, now: float) -> None:
        """A worker accepts connections."""
        worker = self.workers.get(pid)
        if worker is not None and worker.phase is Phase.STARTING:
            worker.phase = Phase.SERVING
            worker.heard = now
            self._proven = max(self._proven, worker.generation)

    def heard(self, pid: int, now: float) -> None:
        """A worker gave a sign of life."""
        if pid in self.workers:
            self.workers[pid].heard = now

    def ended(self, pid: int, now: float, *, cannot_start: bool = False) -> Ending:
        """A worker has gone. `cannot_start`: it said itself that no other could do better (a handler that cannot be
        imported)."""
        worker = self.workers.pop(pid)
        if self.stopping or worker.phase is Phase.LEAVING:
            return Ending(expected=not worker.killed, then="it was leaving")
        if cannot_start and not self._proven:
            self.hopeless = True
            self.stop()
            return Ending(expected=False, then="no other could do better, stopping")
        if self._give_up_reload(worker):
            return Ending(expected=False, then="the old workers stay")
        if worker.phase is Phase.STARTING or now - worker.born < self._times.settle:
            self._count_failure(now)
        delay = self._not_before - now
        return Ending(expected=False, then=f"starting another in {delay:.1f} s" if delay > 0 else "starting another")

    def _give_up_reload(self, worker: Worker) -> bool:
        """The first of a new generation did not come up, and the old ones are all there: they stay."""
        old = [each for each in self._active() if each.generation != self._generation]
        if worker.phase is not Phase.STARTING or len(old) < self._size or self._proven >= self._generation:
            return False
        for each in old:
            each.generation = self._generation
        self._proven = self._generation
        return True

    def _count_failure(self, now: float) -> None:
        """Several that die together are one failure: only what happens after the last delay makes it longer."""
        if now < self._not_before:
            return
        self._failures += 1
        if self._failures > 1:
            delay = self._times.delay * 2.0 ** min(self._failures - 2, 30)
            self._not_before = now + min(delay, self._times.delay_max)

    def reload(self) -> None:
        """Replace every worker by a new one, one by one."""
        self._generation += 1

    def stop(self) -> None:
        """Let everybody finish; the second time, end everybody at once."""
        self.stopping = Tell.HURRY if self.stopping else Tell.STOP

    # What to do

    def decide(self, now: float) -> list[Action]:
        """What is to be done now. Orders are given once; a start is given until it is reported."""
        self._forgive(now)
        self._note_success(now)
        actions: list[Action] = []
        if self.stopping:
            actions += self._tell_all(now)
        else:
            actions += self._replace(now)
            actions += [Start()] * self._missing(now)
        actions += self._kill(now)
        return actions

    def wait(self, now: float) -> float:
        """Seconds after which to decide again, if nothing happens."""
        left = self._not_before - now
        return left if 0.0 < left < 1.0 else 1.0

    def _active(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.phase is not Phase.LEAVING]

    def _missing(self, now: float) -> int:
        if now < self._not_before:
            return 0
        active = self._active()
        is_calm = all(worker.phase is Phase.SERVING for worker in active)
        if len(active) == self._size and is_calm and self._old(active):
            return 1  # the next one of a new generation, besides those who serve
        return max(0, self._size - len(active))

    def _replace(self, now: float) -> Iterator[Action]:
        """Old workers leave as new ones serve: no more of them than there are too many."""
        serving = [worker for worker in self._active() if worker.phase is Phase.SERVING]
        for worker in self._old(serving)[: max(0, len(serving) - self._size)]:
            worker.phase = Phase.LEAVING
            yield from self._tell(worker, Tell.RETIRE, now)

    def _old(self, workers: list[Worker]) -> list[Worker]:
        return [worker for worker in workers if worker.generation != self._generation]

    def _tell_all(self, now: float) -> Iterator[Action]:
        for worker in self.workers.values():
            worker.phase = Phase.LEAVING
            yield from self._tell(worker, self.stopping, now)

    def _tell(self, worker: Worker, what: Tell, now: float) -> Iterator[Action]:
        if worker.told < what:
            worker.told = what
            worker.deadline = min(worker.deadline, now + self._time_for(what))
            yield Order(worker.pid, what)

    def _time_for(self, what: Tell) -> float:
        times = self._times
        if what is Tell.HURRY:
            return times.kill
        return times.stop + times.kill + (times.patience if what is Tell.RETIRE else 0.0)

    def _kill(self, now: float) -> Iterator[Action]:
        for worker in self.workers.values():
            why = "" if worker.killed else self._fault(worker, now)
            if why:
                worker.killed = True
                yield Kill(worker.pid, why)

    def _fault(self, worker: Worker, now: float) -> str:
        """Why a worker has to be killed, "" where it has not."""
        times = self._times
        if now >= worker.deadline:
            return "it did not end in time"
        if worker.phase is Phase.STARTING:
            return f"it did not start within {times.start:g} s" if now - worker.born >= times.start else ""
        silent = now - worker.heard
        return f"nothing was heard of it for {silent:.0f} s" if 0 < times.heartbeat <= silent else ""

    def _forgive(self, now: float) -> None:
        """Nobody looked for longer than `wait` allows: what was not heard meanwhile is not the workers' silence."""
        gap = now - self._looked
        self._looked = now
        if gap > 3.0:
            for worker in self.workers.values():
                worker.heard += gap
                worker.born += gap
                worker.deadline += gap

    def _note_success(self, now: float) -> None:
        youngest = self._youngest
        if youngest is None or youngest.phase is not Phase.SERVING or youngest.pid not in self.workers:
            return
        if now - youngest.born >= self._times.settle:
            self._failures = 0
