"""The plan of workers, whatever happens in whatever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from salver.service.worker_plan import Phase, Staff
from tests.service.worker_world import TIMES, World


@given(st.floats(0, 1e6), st.floats(0, 100))
def test_waiting_is_short_and_never_nothing(now, later):
    staff = Staff(1, TIMES)
    for _ in range(5):
        staff.not_started(now)
    assert 0 < staff.wait(now + later) <= 1


class AnyDay(RuleBasedStateMachine):
    """Whatever happens in whatever order: the rules at the top of the module hold."""

    @initialize(size=st.integers(1, 4))
    def begin(self, size: int) -> None:
        self.size = size
        self.world = World(size)
        self.world.settle()
        self.generations = 1

    def _pick(self, place: int) -> int | None:
        pids = self.world.pids
        return pids[place % len(pids)] if pids else None

    @rule(place=st.integers(0, 9))
    def one_is_ready(self, place: int) -> None:
        pid = self._pick(place)
        if pid is not None:
            self.world.staff.ready(pid, self.world.now)
            self.world.settle()

    @rule(place=st.integers(0, 9))
    def one_dies(self, place: int) -> None:
        pid = self._pick(place)
        if pid is not None:
            self.world.dies(pid)

    @rule(place=st.integers(0, 9))
    def one_falls_silent(self, place: int) -> None:
        self.world.silent.add(self._pick(place) or 0)

    @rule(seconds=st.floats(0, 70))
    def time_passes(self, seconds: float) -> None:
        self.world.passes(seconds)
        for pid, _ in self.world.kills:  # the kernel sees to it
            if pid in self.world.staff.workers:
                self.world.dies(pid)

    @rule()
    def reload(self) -> None:
        self.world.staff.reload()
        self.world.settle()

    @precondition(lambda self: not self.world.staff.stopping)
    @rule()
    def all_is_well_for_a_while(self) -> None:
        """Then everything that was asked for has been done."""
        self.world.silent.clear()
        for _ in range(60):
            self.world.ready()
            self.world.passes(2)
            for pid in [pid for pid, worker in self.world.staff.workers.items() if worker.phase is Phase.LEAVING]:
                self.world.dies(pid)
        assert len(self.world.serving) == len(self.world.pids) == self.size
        assert {worker.generation for worker in self.world.staff.workers.values()} == {self.world.staff._generation}

    @invariant()
    def never_too_many(self) -> None:
        active = [each for each in self.world.staff.workers.values() if each.phase is not Phase.LEAVING]
        assert len(active) <= self.size + 1

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.staff.stop()
            self.world.settle()
            self.world.passes(TIMES.stop + TIMES.patience + TIMES.kill + 1)
            killed = {pid for pid, _ in self.world.kills}
            assert set(self.world.pids) <= killed


AnyDay.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyDay = AnyDay.TestCase
