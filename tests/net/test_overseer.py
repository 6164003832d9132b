"""What the watch makes of what it sees; when the overseer sleeps and what wakes it."""

from __future__ import annotations

import math
import threading
import time
from types import SimpleNamespace
from typing import Any, cast

from salver.net.overseer import Overseer, Verdict, Watch
from salver.net.terms import Member, Term

EVERY, PATIENCE = 0.005, 0.02


class Scene:
    """A leader, its processor clock, and the time, all set by the test."""

    def __init__(self) -> None:
        self.term = Term()
        self.term.clock_id = 1
        self.cpu: float | None = 50.0
        self.now = 10.0
        self.runnable = False
        self.watch = Watch(EVERY, PATIENCE, lambda clock_id: self.cpu, lambda native_id: self.runnable)

    def call(self) -> None:
        """The leader begins a call."""
        self.term.polling = False
        self.term.calls += 1
        self.term.slot.append(cast(Member, SimpleNamespace(fd=1)))

    def end(self) -> None:
        self.term.slot.pop()

    def poll(self) -> None:
        self.term.polling = True

    def look(self, wall: float = EVERY, cpu: float = 0.0) -> Verdict:
        """A look after so much wall and processor time."""
        self.now += wall
        if self.cpu is not None:
            self.cpu += cpu
        return self.watch.look(self.now, self.term)


def test_a_call_that_waits_is_found_on_the_second_look() -> None:
    scene = Scene()
    scene.call()
    assert scene.look() is Verdict.FINE
    assert scene.look() is Verdict.BLOCKED


def test_a_call_that_computes_is_left_alone_for_a_while() -> None:
    scene = Scene()
    scene.call()
    assert [scene.look(cpu=EVERY) for _ in range(4)] == [Verdict.FINE] * 4
    assert scene.look(cpu=EVERY) is Verdict.BUSY


def test_a_call_that_computed_and_now_waits_is_blocked() -> None:
    scene = Scene()
    scene.call()
    scene.look(cpu=EVERY)
    assert scene.look(cpu=EVERY * 0.9) is Verdict.FINE
    assert scene.look() is Verdict.BLOCKED


def test_one_call_after_the_other_is_fine() -> None:
    scene = Scene()
    for _ in range(20):
        scene.call()
        assert scene.look() is Verdict.FINE
        scene.end()


def test_the_same_member_called_again_is_another_call() -> None:
    scene = Scene()
    scene.call()
    scene.look()
    scene.end()
    scene.call()
    assert scene.look() is Verdict.FINE
    assert scene.look() is Verdict.BLOCKED


def test_a_new_term_is_another_call() -> None:
    scene = Scene()
    scene.call()
    scene.look()
    scene.term = Term()
    scene.call()
    assert scene.look() is Verdict.FINE


def test_a_late_look_proves_nothing_until_it_lasts() -> None:
    """Where the overseer does not get its turn in time, the leader did not get its own either."""
    scene = Scene()
    scene.call()
    scene.look()
    assert scene.look(wall=0.011) is Verdict.FINE
    assert scene.look(wall=0.011) is Verdict.BLOCKED


def test_a_leader_without_a_processor_does_not_wait() -> None:
    scene = Scene()
    scene.runnable = True
    scene.call()
    assert [scene.look() for _ in range(4)] == [Verdict.FINE] * 4
    assert scene.look() is Verdict.BUSY


def test_without_a_clock_of_the_thread_standing_still_is_waiting() -> None:
    scene = Scene()
    scene.cpu = None
    scene.call()
    scene.look()
    assert scene.look() is Verdict.BLOCKED


def test_a_look_much_too_early_is_no_look() -> None:
    scene = Scene()
    scene.call()
    scene.look()
    assert scene.look(wall=EVERY / 4) is Verdict.FINE


def test_a_polling_leader_is_idle_after_several_looks() -> None:
    scene = Scene()
    scene.poll()
    verdicts = [scene.look() for _ in range(10)]
    assert verdicts[:8] == [Verdict.FINE] * 8
    assert verdicts[-1] is Verdict.IDLE
    scene.call()
    scene.end()
    scene.poll()
    assert scene.look() is Verdict.FINE


def test_a_leader_between_two_calls_is_not_idle() -> None:
    scene = Scene()
    assert {scene.look() for _ in range(20)} == {Verdict.FINE}


class Office:
    """An overseer without its thread."""

    def __init__(self, rescue: Any = None) -> None:
        self.scene = Scene()
        self.rescued: list[bool] = []
        self.asked = 0
        self.on_asked: Any = lambda: None
        self.overseer = Overseer(
            self.scene.watch,
            EVERY,
            lambda: self.scene.now,
            lambda: self.scene.term,
            rescue or (lambda term, blocked: self.rescued.append(blocked)),
            self._asked,
        )

    def _asked(self) -> None:
        self.asked += 1
        self.on_asked()

    def step(self, cpu: float = 0.0) -> float:
        self.scene.now += EVERY
        assert self.scene.cpu is not None
        self.scene.cpu += cpu
        return self.overseer.step(self.scene.now)


def test_what_blocks_is_rescued_and_what_computes_too() -> None:
    office = Office()
    office.scene.call()
    pauses = [office.step(), office.step()]
    assert office.rescued == [True]
    assert pauses == [EVERY, EVERY]
    office = Office()
    office.scene.call()
    for _ in range(5):
        office.step(cpu=EVERY)
    assert office.rescued == [False]


def test_it_asks_to_be_roused_and_sleeps() -> None:
    office = Office()
    office.scene.poll()
    pauses = [office.step() for _ in range(9)]
    assert pauses[:-1] == [EVERY] * 8
    assert pauses[-1] == 1.0
    assert office.asked == 1


def test_it_stays_awake_where_the_leader_leaves_poll_at_that_moment() -> None:
    office = Office()
    office.scene.poll()
    for _ in range(8):
        office.step()
    office.on_asked = office.scene.call
    assert office.step() == EVERY


def test_before_anybody_leads_there_is_nothing_to_see() -> None:
    office = Office()
    office.scene.term = cast(Term, None)
    assert office.step() == EVERY


def test_its_thread_sleeps_is_roused_and_stops_at_once() -> None:
    looked = threading.Event()
    term = Term()
    term.polling = True

    def current() -> Term:
        looked.set()
        return term

    overseer = Overseer(Watch(EVERY, PATIENCE), EVERY, time.monotonic, current, lambda t, b: None, lambda: None)

    def sleeps() -> bool:
        looked.clear()
        return not looked.wait(0.1)

    overseer.start()
    assert any(sleeps() for _ in range(20))  # a busy machine lets it look late
    overseer.rouse()
    assert looked.wait(5)
    before = time.monotonic()
    overseer.request_stop()
    assert overseer.join(5)
    assert time.monotonic() - before < 3


def test_an_overseer_that_was_never_started_has_ended() -> None:
    office = Office()
    office.overseer.request_stop()
    office.overseer.rouse()
    assert office.overseer.join(1)


def test_a_rescue_that_fails_does_not_end_it(caplog: Any) -> None:
    term = Term()
    term.calls = 1
    term.slot.append(cast(Member, SimpleNamespace(fd=1)))
    tried: list[bool] = []

    def fail(term: Term, blocked: bool) -> None:
        tried.append(blocked)
        raise RuntimeError("as planned")

    overseer = Overseer(Watch(EVERY, PATIENCE), EVERY, time.monotonic, lambda: term, fail, lambda: None)
    overseer.start()
    deadline = time.monotonic() + 5
    while not tried and time.monotonic() < deadline:
        time.sleep(0.005)
    overseer.request_stop()
    assert overseer.join(5)
    assert tried
    assert "look failed" in caplog.text


def test_an_idle_overseer_sleeps_for_a_second_at_most() -> None:
    office = Office()
    office.scene.poll()
    assert max(office.step() for _ in range(30)) <= 1.0 < math.inf
