"""The threads' counts and limits; who waits, who is called, who goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from salver.net.roster import CrewSettings, Roster
from salver.net.terms import Term, Worker


def _until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


class Hall:
    """A roster whose threads wait for orders and note them."""

    def __init__(self, **settings: Any) -> None:
        self.lock = threading.RLock()
        self.roster = Roster(CrewSettings(**settings), self._main)
        self.orders: list[tuple[Worker, object]] = []

    def _main(self, worker: Worker) -> None:
        while True:
            order = self.roster.wait(worker, self.lock)
            self.orders.append((worker, order))
            with self.lock:
                if order is None:
                    self.roster.leave(worker)
                    return
                self.roster.put_back(worker)

    def call(self) -> Worker:
        with self.lock:
            worker = self.roster.call()
        assert worker is not None
        return worker


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"max_threads": 0}, {"queue": -1}, {"spare_threads": -1}, {"look_every": 0.0}, {"idle_after": -1.0}):
        with pytest.raises(ValueError, match="crew"):
            CrewSettings(**wrong)


def test_the_last_that_began_to_wait_is_called_first() -> None:
    hall = Hall()
    first, second = hall.call(), hall.call()
    for worker in (first, second):
        worker.give(Term())
    assert _until(lambda: hall.roster.idle == 2)
    last = hall.orders[-1][0]
    assert hall.call() is last
    last.give(None)
    with hall.lock:
        hall.roster.dismiss_idle()
    assert _until(lambda: hall.roster.threads == 0)


def test_the_limits() -> None:
    roster = Roster(CrewSettings(max_threads=3), lambda worker: None)
    assert roster.may_block()
    roster.busy = 1
    assert roster.may_block()
    roster.busy = 2  # with the leader, three
    assert not roster.may_block()
    assert roster.may_be_rescued()
    roster.busy = 6
    assert not roster.may_be_rescued()


@pytest.mark.parametrize(("threads", "reserve"), [(1, 4), (32, 4), (128, 16)])
def test_the_reserve(threads: int, reserve: int) -> None:
    assert CrewSettings(max_threads=threads).reserve == reserve


def test_those_that_wait_too_long_beyond_the_spare_ones_end() -> None:
    hall = Hall(spare_threads=2, idle_after=0.05)
    workers = [hall.call() for _ in range(5)]
    for worker in workers:
        worker.give(Term())
    assert _until(lambda: hall.roster.idle == 5)
    assert _until(lambda: hall.roster.threads == 2)
    time.sleep(0.15)
    assert hall.roster.threads == hall.roster.idle == 2
    with hall.lock:
        hall.roster.dismiss_idle()
    assert _until(lambda: hall.roster.threads == 0)


def test_one_that_is_called_while_it_gives_up_waiting_gets_its_order() -> None:
    """It has waited too long, but before it could go, it was taken from those that wait."""
    roster = Roster(CrewSettings(spare_threads=0, idle_after=0.01), lambda worker: None)
    term = Term()

    class Late(Worker):
        __slots__ = ("waits",)

        def wait(self, timeout: float = -1) -> bool:
            self.waits = getattr(self, "waits", 0) + 1
            if self.waits == 1:
                assert roster.call() is self
                return False
            self.give(term)
            return super().wait(timeout)

    worker = Late()
    roster.put_back(worker)
    assert roster.wait(worker, threading.RLock()) is term


def test_where_the_system_gives_no_thread_nobody_comes(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    roster = Roster(CrewSettings(), lambda worker: None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert roster.call() is None
    assert roster.threads == 0
    assert "no new thread" in caplog.text
