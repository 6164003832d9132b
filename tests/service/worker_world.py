"""Workers that do what the plan says, on a clock of their own."""

from __future__ import annotations

from salver.service.worker_plan import Kill, Order, Phase, Staff, Start, Tell, WorkerTimes

TIMES = WorkerTimes()


class World:
    """Obeys a `Staff` at once, and has its workers do what a test says."""

    def __init__(self, size: int = 2, times: WorkerTimes = TIMES) -> None:
        self.size = size
        self.staff = Staff(size, times)
        self.now = 1000.0
        self.started = 0
        self.orders: list[tuple[int, Tell]] = []
        self.kills: list[tuple[int, str]] = []
        self.silent: set[int] = set()

    def settle(self) -> None:
        """Carry out what is decided until there is nothing left to do."""
        for _ in range(50):
            actions = self.staff.decide(self.now)
            if not actions:
                return
            for action in actions:
                self._do(action)
        raise AssertionError("it never comes to rest")

    def _do(self, action: object) -> None:
        if isinstance(action, Start):
            self.started += 1
            self.staff.started(self.started, self.now)
        elif isinstance(action, Order):
            self.orders.append((action.pid, action.what))
            if action.what is Tell.RETIRE:
                assert len(self.serving) >= self.size, "one leaves, and too few serve"
        elif isinstance(action, Kill):
            self.kills.append((action.pid, action.why))

    def ready(self) -> None:
        for worker in list(self.staff.workers.values()):
            self.staff.ready(worker.pid, self.now)
        self.settle()

    def running(self) -> World:
        self.settle()
        self.ready()
        return self

    def passes(self, seconds: float) -> None:
        """Time, a second at most at once, in which everybody who is not silent gives signs of life."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + self.staff.wait(self.now), end)
            for pid in self.staff.workers:
                if pid not in self.silent:
                    self.staff.heard(pid, self.now)
            self.settle()

    def dies(self, pid: int, **how: bool) -> str:
        ending = self.staff.ended(pid, self.now, **how)
        self.settle()
        return ending.then

    def replace_once(self) -> None:
        """The new worker comes up, the old one leaves and ends."""
        self.ready()
        for pid in [pid for pid, what in self.orders if what is Tell.RETIRE and pid in self.staff.workers]:
            self.dies(pid)

    @property
    def pids(self) -> list[int]:
        return sorted(self.staff.workers)

    @property
    def serving(self) -> list[int]:
        return [pid for pid, worker in self.staff.workers.items() if worker.phase is Phase.SERVING]
