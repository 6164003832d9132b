"""The pool carried out, by many threads and over forks: who waits, who is woken, what is forgotten."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from salver.client import Client, ClientError, ConnectFailed, PoolLimits, PoolTimedOut, Timeout, TotalTimedOut
from salver.client.connections import Connections, Route
from salver.client.link import Link
from salver.client.pool import Pool
from salver.client.timeouts import Deadline
from salver.client.url import Origin
from salver.client.wire import Wire
from tests.client.raw_server import Connection, RawServer
from tests.client.scripted import OK, Script, ScriptedTransport, ScriptedWire

A, B = (Route(Origin("http", host, 80)) for host in "ab")


class Endless:
    """Connections without end; each answers OK for ever. `failing`: the next ones cannot be had."""

    def __init__(self) -> None:
        self.wires: list[ScriptedWire] = []
        self.failing = 0

    def connect(self, route: Route, deadline: Deadline) -> Wire:
        if self.failing:
            self.failing -= 1
            raise ConnectFailed("no")
        self.wires.append(ScriptedWire(Script([OK] * 1000)))
        return self.wires[-1]

    def close(self) -> None:
        pass


def connections_of(**limits: Any) -> tuple[Connections, Endless]:
    transport = Endless()
    return Connections(transport, PoolLimits(**limits)), transport


def patient(seconds: float = 20.0) -> Deadline:
    return Deadline(Timeout(pool=seconds))


def in_thread(action: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Started, with what it will give or raise."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(action())
        except ClientError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.002)


def test_who_waits_is_given_what_is_given_back() -> None:
    pool, transport = connections_of(per_origin=1)
    link = pool.take(A, patient())
    thread, results = in_thread(lambda: pool.take(A, patient()))
    until(lambda: pool._queue)
    head = link.exchange(_get(), patient())
    link.read(patient())
    pool.give_back(link, head)
    thread.join(10)
    assert results == [link]
    assert len(transport.wires) == 1


def test_a_place_wakes_the_one_who_can_use_it() -> None:
    """The first in the queue wants A, of which one is in use still; what is free is a B."""
    pool, _ = connections_of(per_origin=1)
    pool.take(A, patient())
    b = pool.take(B, patient())
    first, first_results = in_thread(lambda: pool.take(A, patient(1.0)))
    until(lambda: len(pool._queue) == 1)
    second, second_results = in_thread(lambda: pool.take(B, patient()))
    until(lambda: len(pool._queue) == 2)
    pool.discard(b)
    second.join(0.8)
    assert isinstance(second_results[0], Link)
    first.join(10)
    assert isinstance(first_results[0], PoolTimedOut)


def test_a_place_of_the_whole_pool_is_for_anybody() -> None:
    pool, transport = connections_of(connections=1)
    a = pool.take(A, patient())
    thread, results = in_thread(lambda: pool.take(B, patient()))
    until(lambda: pool._queue)
    head = a.exchange(_get(), patient())
    a.read(patient())
    pool.give_back(a, head)  # idle, and in the way of a B: it is closed for it
    thread.join(10)
    assert isinstance(results[0], Link)
    assert transport.wires[0].closed


def test_a_connection_that_fails_gives_its_place_on() -> None:
    """Two wait for one place; the first finds no server there, and the other is woken for it."""
    pool, transport = connections_of(connections=1)
    a = pool.take(A, patient())
    waiting = [in_thread(lambda: pool.take(B, patient())) for _ in range(2)]
    until(lambda: len(pool._queue) == 2)
    transport.failing = 1
    pool.discard(a)
    for thread, _ in waiting:
        thread.join(10)
    kinds = sorted(type(results[0]).__name__ for _, results in waiting)
    assert kinds == ["ConnectFailed", "Link"]


def test_the_time_to_wait_is_counted_once() -> None:
    """Others are faster each time a place becomes free; the wait ends when it was to end."""
    pool, _ = connections_of(per_origin=1)
    link = pool.take(A, patient())
    begun = time.monotonic()
    thread, results = in_thread(lambda: pool.take(A, patient(0.5)))
    while time.monotonic() - begun < 6 and not results:
        until(lambda: pool._queue or results)
        with pool._lock:  # woken, and nothing is there
            for waiter in list(pool._queue):
                pool._queue.remove(waiter)
                waiter.woken.set()
        time.sleep(0.01)
    thread.join(10)
    assert isinstance(results[0], PoolTimedOut)
    assert 0.45 < time.monotonic() - begun < 5
    pool.discard(link)


def test_closing_ends_the_waiting() -> None:
    pool, _ = connections_of(per_origin=1)
    link = pool.take(A, patient())
    thread, results = in_thread(lambda: pool.take(A, patient()))
    until(lambda: pool._queue)
    pool.close()
    thread.join(10)
    assert "closed" in str(results[0])
    with pytest.raises(ClientError, match="make another one"):
        pool.take(B, patient())
    pool.discard(link)


def test_what_is_in_use_is_closed_when_it_comes_back() -> None:
    pool, transport = connections_of()
    link = pool.take(A, patient())
    pool.close()
    head = link.exchange(_get(), patient())
    link.read(patient())
    pool.give_back(link, head)
    assert transport.wires[0].closed
    assert pool._pool.open == 0


class TestAbandoned:
    """A stream that is collected as garbage, at whatever moment that is."""

    def test_while_the_lock_is_held(self) -> None:
        pool, transport = connections_of(per_origin=1)
        link = pool.take(A, patient())
        with pool._lock:  # where the garbage collector may run, too
            pool.abandon(link)
        assert transport.wires[0].closed
        assert pool._pool.open == 1  # who holds the lock does the rest
        pool.discard(pool.take(B, patient()))
        assert pool._pool.open == 0

    def test_by_a_collection_inside_the_pool(self, monkeypatch: pytest.MonkeyPatch) -> None:
        transport = ScriptedTransport(
            [Script([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]), Script([OK, OK]), Script([OK])]
        )
        with Client(transport=transport, trust_env=False) as client:
            circle: list[Any] = [client.request("GET", "http://a/", stream=True)]
            circle.append(circle)
            del circle
            take = Pool.take

            def take_and_collect(self: Pool[Any], key: Any, now: float) -> Any:
                gc.collect()
                return take(self, key, now)

            monkeypatch.setattr(Pool, "take", take_and_collect)
            thread, results = in_thread(lambda: client.get("http://a/").text)
            thread.join(10)
            assert results == ["ok"]
            assert transport.wires[0].closed

    def test_wakes_who_waits(self) -> None:
        pool, _ = connections_of(per_origin=1)
        link = pool.take(A, patient())
        thread, results = in_thread(lambda: pool.take(A, patient()))
        until(lambda: pool._queue)
        pool.abandon(link)
        thread.join(10)
        assert isinstance(results[0], Link)


def test_a_server_that_went_away_meanwhile() -> None:
    """Each connection is closed behind its response, without a word of it in the head."""

    def once(connection: Connection, number: int) -> None:
        connection.head()
        connection.send(OK)

    with RawServer(once) as server, Client(trust_env=False, retries=0) as client:
        for expected in range(1, 6):
            assert client.post(server.url, content=b"").text == "ok"
            assert server.accepted == expected
            time.sleep(0.03)


def test_many_threads_and_few_places() -> None:
    def echoes(connection: Connection, number: int) -> None:
        while head := connection.head():
            name = head.split(b" ", 2)[1]
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))

    wrong: list[str] = []

    def ask(number: int) -> None:
        for count in range(40):
            path = f"/{number}/{count}"
            if client.get(server.url + path).text != path:
                wrong.append(path)

    with RawServer(echoes) as server, Client(trust_env=False, limits=PoolLimits(per_origin=3)) as client:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not wrong
        assert server.accepted <= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_has_connections_of_its_own() -> None:
    def counts(connection: Connection, number: int) -> None:
        while connection.head():
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)

    with RawServer(counts) as server, Client(trust_env=False) as client:
        assert client.get(server.url).text == "1"
        child = os.fork()
        if child == 0:
            try:
                os._exit(int(client.get(server.url).text))
            finally:
                os._exit(99)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        assert client.get(server.url).text == "1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_closes_what_another_thread_was_using() -> None:
    connections, _ = connections_of()
    with connections._lock:  # as a thread that the child has not
        child = os.fork()
        if child == 0:
            closing = threading.Thread(target=connections.close, daemon=True)
            closing.start()
            closing.join(20)
            os._exit(closing.is_alive())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_is_abandoned_while_the_queue_is_entered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a collection has it that runs in the middle of `take`: nobody else would come to settle it."""
    connections, _ = connections_of(per_origin=1)
    held = connections.take(A, patient())
    may_open = Pool.may_open

    def collected(pool: Pool[Link], key: Any) -> Any:
        found = may_open(pool, key)
        monkeypatch.undo()
        connections.abandon(held)
        return found

    monkeypatch.setattr(Pool, "may_open", collected)
    assert connections.take(A, patient(5.0)) is not held


class TestAfterAFork:
    """As in a child: the count of forks has grown."""

    @staticmethod
    def forked(pool: Connections) -> None:
        pool._generation -= 1

    def test_nothing_idle_is_used(self) -> None:
        pool, transport = connections_of()
        link = pool.take(A, patient())
        head = link.exchange(_get(), patient())
        link.read(patient())
        pool.give_back(link, head)
        self.forked(pool)
        assert pool.take(A, patient()) is not link
        assert transport.wires[0].closed
        assert pool._pool.open == 1

    @pytest.mark.parametrize("takes_first", [False, True])
    @pytest.mark.parametrize("end", ["give_back", "discard", "abandon"])
    def test_a_stream_of_the_parents_has_no_place(self, end: str, takes_first: bool) -> None:
        pool, transport = connections_of()
        link = pool.take(A, patient())
        head = link.exchange(_get(), patient())
        link.read(patient())
        self.forked(pool)
        if takes_first:
            pool.take(A, patient())
        if end == "give_back":
            pool.give_back(link, head)
        else:
            getattr(pool, end)(link)
        assert transport.wires[0].closed
        if takes_first:
            assert (pool._pool.open, pool._pool.idle) == (1, 0)

    def test_a_lock_that_another_thread_held_is_not_waited_for(self) -> None:
        pool, _ = connections_of()
        pool._lock.acquire()
        self.forked(pool)
        assert isinstance(pool.take(A, patient()), Link)


def test_an_interruption_while_waiting_passes_the_place_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the moment in which a place was given to us: the next in the queue has it."""
    pool, _ = connections_of(per_origin=1)
    held = pool.take(A, patient())
    waiter = pool._reserve(A)
    assert waiter is not None

    def interrupted(timeout: float | None) -> bool:
        pool.discard(held)  # and so wakes us
        raise KeyboardInterrupt

    thread, results = in_thread(lambda: pool.take(A, patient()))
    until(lambda: len(pool._queue) == 2)
    monkeypatch.setattr(waiter.woken, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool._wait(waiter, None, patient())
    thread.join(10)
    assert isinstance(results[0], Link)


def test_an_interruption_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, _ = connections_of(per_origin=1)
    held = pool.take(A, patient())
    waiter = pool._reserve(A)
    assert waiter is not None

    def interrupted(timeout: float | None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiter.woken, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool._wait(waiter, None, patient())
    assert not pool._queue
    pool.discard(held)


def test_the_total_ends_the_waiting_too() -> None:
    pool, _ = connections_of(per_origin=1)
    held = pool.take(A, patient())
    with pytest.raises(TotalTimedOut):
        pool.take(A, Deadline(Timeout(total=0.05)))
    pool.discard(held)


def _get() -> Any:
    from salver.client.link import Outgoing
    from salver.protocol.client_connection import prepare_head

    return Outgoing(prepare_head("GET", "/", [("Host", "a")]))
