"""Workers at their gates, and processor clocks of other threads."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from salver.net.terms import Term, Worker, cpu_clock, cpu_time, is_runnable


def test_a_worker_waits_until_it_gets_an_order() -> None:
    worker, term = Worker(), Term()
    assert not worker.wait(0.01)
    worker.give(term)
    assert worker.wait(1)
    assert worker.take() is term
    assert not worker.wait(0)


def test_an_order_given_before_it_waits_is_there() -> None:
    worker = Worker()
    worker.give(None)
    assert worker.wait()
    assert worker.take() is None


def waiting(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.001)


def used(clock: int | None, meanwhile: float | None = None) -> float:
    """Seconds of processor: since the thread began, or during the next `meanwhile` seconds."""
    before = 0.0
    if meanwhile is not None:
        before = used(clock)
        time.sleep(meanwhile)
    now = cpu_time(clock)
    assert now is not None
    return now - before


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="this platform has no clocks of other threads")
def test_another_threads_clock_tells_computing_from_waiting() -> None:
    clocks: list[int | None] = []
    go, end = threading.Event(), threading.Event()

    def body() -> None:
        clocks.append(cpu_clock())
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        go.set()
        end.wait(5)

    thread = threading.Thread(target=body)
    thread.start()
    assert go.wait(5)
    # The system may add up a little later what a thread has used, and a busy one lets it reach its wait late.
    assert any(used(clocks[0]) >= 0.02 for _ in waiting(5))
    assert any(used(clocks[0], meanwhile=0.05) < 0.01 for _ in waiting(5))
    end.set()
    thread.join()
    # Python counts a thread as ended a moment before the system does.
    assert any(cpu_time(clocks[0]) is None for _ in waiting(5)), "who has ended has no clock, and asking does no harm"


def test_without_such_clocks_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "pthread_getcpuclockid", raising=False)
    assert cpu_clock() is None
    assert cpu_time(None) is None


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux' /proc")
def test_a_thread_that_sleeps_is_not_runnable_and_one_that_runs_is() -> None:
    ids: list[int] = []
    end = threading.Event()

    def body() -> None:
        ids.append(threading.get_native_id())
        end.wait(5)

    thread = threading.Thread(target=body, name=") R (")
    thread.start()
    assert any(ids and not is_runnable(ids[0]) for _ in waiting(5))
    assert is_runnable(threading.get_native_id())
    end.set()
    thread.join()
    assert not is_runnable(0)
