"""The crew of nobody, and the stream that waits for nothing."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from salver.net.stream import memory_pair
from salver.testing.service_side import MemoryCrew, ServerEnd


class Member:
    fd = 5
    interest = 0
    detached = False

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.called: list[float] = []

    def on_ready(self) -> None: ...

    def on_deadline(self, now: float) -> None:
        self.called.append(now)
        self.deadline = now + 100

    def on_rescue(self, blocked: bool) -> None: ...

    def close(self) -> None: ...


def ends() -> tuple[Any, ServerEnd]:
    near, far = memory_pair(1 << 30)
    return near, ServerEnd(far)


def test_what_is_sent_piecewise_arrives_at_once_and_comes_again():
    near, far = ends()
    far.piecewise = True
    with pytest.raises(BlockingIOError):
        far.send(b"abc")
    assert near.recv(10) == b"abc"
    assert far.send(b"abc") == 3
    assert not near.readable
    assert far.send(b"") == 0


def test_what_comes_again_to_a_client_that_has_left_is_an_error():
    near, far = ends()
    far.piecewise = True
    with pytest.raises(BlockingIOError):
        far.send(b"abc")
    near.close()
    with pytest.raises(ConnectionError):
        far.send(b"abc")


def test_otherwise_all_is_taken():
    _, far = ends()
    assert far.send(b"x" * 1_000_000) == 1_000_000
    assert far.unsent() == 1_000_000


def test_a_handler_that_waits_for_its_client_is_told_that_it_cannot():
    _, far = ends()
    with pytest.raises(ConnectionAbortedError, match="in one thread"):
        far.recv(10)


def test_an_errand_of_another_thread_ends_the_wait():
    crew, done = MemoryCrew(), []
    crew.add(Member(crew.now + 60))
    began = time.monotonic()
    thread = threading.Timer(0.05, lambda: crew.call_soon(lambda: done.append(1)))
    thread.start()
    crew.wait()
    thread.join()
    assert crew.run_errand()
    assert done == [1]
    assert not crew.run_errand()
    assert time.monotonic() - began < 30


def test_what_is_for_later_waits_for_its_time():
    crew, done = MemoryCrew(), []
    crew.add(Member(crew.now + 60))
    crew.call_at(crew.now + 0.05, lambda: done.append("second"))
    crew.call_at(crew.now + 0.02, lambda: done.append("first"))
    assert not crew.run_errand()
    while len(done) < 2:
        crew.wait()
        crew.run_errand()
    assert done == ["first", "second"]


def test_an_errand_that_is_there_already_is_not_waited_for():
    crew = MemoryCrew()
    member = Member(crew.now + 60)
    crew.add(member)
    assert crew.defer(member, lambda: None)
    began = time.monotonic()
    crew.wait()
    assert time.monotonic() - began < 30
    assert crew.run_errand()


def test_a_deadline_is_met_once():
    crew = MemoryCrew()
    member = Member(crew.now + 0.02)
    crew.add(member)
    crew.wait()
    assert len(member.called) == 1
    assert member.called[0] <= crew.now
    crew.remove(member)
    crew.wait()  # nobody is left, and nothing to wait for
    assert len(member.called) == 1
