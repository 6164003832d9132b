"""Timers: in the order of their times, each given out once."""

from __future__ import annotations

import itertools
import math
import threading
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.net.errands import Errand
from salver.net.timers import Timers
from tests.net.crew_sockets import echo_server, until

times = st.lists(st.integers(0, 20).map(float), max_size=30)


@given(times, times)
def test_each_is_given_out_once_and_on_time(asked: list[float], looks: list[float]) -> None:
    timers = Timers()
    left: list[tuple[float, int]] = []
    for number, when in enumerate(asked):
        first = timers.add(when, Errand(lambda: None, number))  # type: ignore[arg-type]  # told apart by it
        assert first == all(when < other for other, _ in left)
        left.append((when, number))
        assert timers.earliest == min(left)[0]
    for now in sorted(looks):
        due: list[object] = [errand.member for errand in timers.take_due(now)]
        expected = sorted(entry for entry in left if entry[0] <= now)
        assert due == [number for _, number in expected]
        left = [entry for entry in left if entry[0] > now]
        assert timers.earliest == min(left, default=(math.inf, 0))[0]


@pytest.mark.parametrize("kind", ["epoll", "selectors"])
def test_the_crew_is_on_time_with_many_in_their_order(kind: str) -> None:
    with echo_server(kind) as server:
        begun, called, done = server.crew.now, list[tuple[int, float]](), threading.Event()

        def note(number: int) -> None:
            called.append((number, time.monotonic()))

        for number in (3, 1, 2):
            server.crew.call_at(begun + number / 10, partial(note, number))
        server.crew.call_at(begun + 0.4, done.set)
        assert done.wait(5)
        assert [number for number, _ in called] == [1, 2, 3]
        assert all(when >= begun + number / 10 for number, when in called)
        assert called[0][1] < begun + 0.3  # and not at the next survey, a second later


def test_an_errand_may_ask_for_the_next() -> None:
    with echo_server() as server:
        called, done = list[float](), threading.Event()

        def again() -> None:
            called.append(time.monotonic())
            if len(called) < 10:
                server.crew.call_at(called[-1] + 0.02, again)
            else:
                done.set()

        server.crew.call_soon(again)
        assert done.wait(5)
        assert all(later - sooner >= 0.02 for sooner, later in itertools.pairwise(called))


def test_one_that_blocks_is_rescued_and_its_member_comes_back() -> None:
    with echo_server() as server, server.connect() as client, server.connect() as other:
        client.ask("fast")
        [member] = [each for each in server.crew.members.values() if each is not server.listening][:1]
        called = list[bool]()
        server.crew.call_at(server.crew.now + 0.05, lambda: time.sleep(0.3) or called.append(member.detached), member)
        time.sleep(0.1)
        assert other.ask("fast") == "fast"
        assert called == []
        assert until(lambda: called == [True])
        assert client.ask("fast") == "fast"


def test_a_member_does_not_wait_for_a_thousand_errands() -> None:
    with echo_server() as server, server.connect() as client:
        called = list[int]()
        server.crew.call_soon(lambda: time.sleep(0.1))  # so that the rest comes at once
        for _ in range(1_000):
            server.crew.call_soon(lambda: time.sleep(0.001) or called.append(1))
        assert client.ask("fast") == "fast"
        assert len(called) < 1_000
        assert until(lambda: len(called) == 1_000)


def test_one_about_a_member_that_has_gone_is_dropped() -> None:
    with echo_server() as server, server.connect() as client:
        client.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        done = threading.Event()
        server.crew.call_at(server.crew.now + 0.1, pytest.fail, member)
        server.crew.call_at(server.crew.now + 0.1, done.set)
        client.ask("close")
        assert done.wait(5)
