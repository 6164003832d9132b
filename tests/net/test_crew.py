"""The crew on real sockets: what blocks stops nobody, what fails harms nobody else, and the end is clean."""

from __future__ import annotations

import logging
import math
import os
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from salver.net.crew import Crew, CrewSettings
from salver.net.poller import READ, EpollPoller, SelectorsPoller, make_poller
from tests.net.crew_sockets import Client, EchoMember, EchoServer, echo_server, until

KINDS = ["epoll", "selectors"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_what_is_sent_comes_back(kind: str) -> None:
    with echo_server(kind) as server:
        clients = [server.connect() for _ in range(30)]
        for number, client in enumerate(clients):
            client.send(f"fast {number}")
        assert [client.line() for client in clients] == [f"fast {number}" for number in range(30)]
        for client in clients:
            client.close()
        assert until(lambda: len(server.crew.members) == 1)


def test_pipelined_messages_are_all_carried_out_in_order(kind: str) -> None:
    with echo_server(kind) as server, server.connect() as client:
        client.socket.sendall(b"fast 1\nblock 0.03\nhand 0.03\nfast 2\nhand 0\nfast 3\n")
        assert [client.line() for _ in range(6)] == ["fast 1", "block 0.03", "hand 0.03", "fast 2", "hand 0", "fast 3"]


def test_who_blocks_stops_the_others_for_a_moment_only(kind: str) -> None:
    with echo_server(kind) as server, server.connect() as slow, server.connect() as quick:
        quick.ask("fast")
        slow.send("block 0.6")
        time.sleep(0.05)
        before = time.monotonic()
        assert quick.ask("fast") == "fast"
        assert time.monotonic() - before < 0.3
        assert slow.line() == "block 0.6"
        assert server.rescues == [True]
        assert slow.ask("fast") == "fast", "its connection is looked after again"


def test_many_that_block_at_once(kind: str) -> None:
    with echo_server(kind) as server:
        clients = [server.connect() for _ in range(8)]
        before = time.monotonic()
        for client in clients:
            client.send("block 0.4")
        for client in clients:
            assert client.line() == "block 0.4"
        assert time.monotonic() - before < 1.5
        for client in clients:
            assert client.ask("fast") == "fast"
            client.close()


def test_who_computes_is_rescued_and_not_called_blocking() -> None:
    with echo_server() as server, server.connect() as busy, server.connect() as quick:
        busy.send("compute 0.4")
        time.sleep(0.1)
        assert quick.ask("fast") == "fast"
        assert busy.line() == "compute 0.4"
        assert server.rescues
        assert server.rescues[0] is False


def test_who_hands_over_needs_no_rescue(kind: str) -> None:
    with echo_server(kind) as server, server.connect() as slow, server.connect() as quick:
        slow.send("hand 0.5")
        time.sleep(0.01)
        before = time.monotonic()
        assert quick.ask("fast") == "fast"
        assert time.monotonic() - before < 0.3
        assert server.crew.blocked == 1
        assert slow.line() == "hand 0.5"
        assert True not in server.rescues
        assert until(lambda: server.crew.blocked == 0)


def test_at_the_limit_work_waits_and_beyond_the_queue_it_is_refused(kind: str) -> None:
    with echo_server(kind, max_threads=2, queue=2) as server:
        clients = [server.connect() for _ in range(4)]
        for client in clients:
            client.ask("fast")
        clients[0].send("hand 0.3")
        assert until(lambda: server.crew.blocked == 1)
        clients[1].send("hand 0.1")
        clients[2].send("hand 0.1")
        assert until(lambda: server.crew.waiting == 2)
        assert clients[3].ask("hand 0.1") == "refused"
        assert clients[3].ask("fast") == "fast", "there is still a leader"
        assert clients[0].line() == "hand 0.3"
        assert clients[1].line() == "deferred"
        assert clients[2].line() == "deferred"
        for client in clients:
            assert client.ask("fast") == "fast"
            client.close()


def test_where_more_block_than_there_are_threads_it_goes_on_when_one_is_free() -> None:
    with echo_server(max_threads=2) as server:  # and four in reserve
        clients = [server.connect() for _ in range(12)]
        for client in clients:
            client.send("block 0.2")
        for client in clients:
            assert client.line() == "block 0.2"
            assert server.crew.threads <= 6
            client.close()


def test_of_one_thread_alone_everything_is_done_one_after_the_other() -> None:
    with echo_server(max_threads=1) as server, server.connect() as one, server.connect() as other:
        one.send("hand 0.1")
        other.send("block 0.1")
        assert one.line() == "hand 0.1"
        assert other.line() == "block 0.1"
        assert server.crew.threads == 1
        assert server.rescues == []


def test_who_raises_loses_its_connection_alone(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with echo_server(kind) as server, server.connect() as bad, server.connect() as good:
        assert bad.ask("raise") == ""
        assert good.ask("fast") == "fast"
        assert len(server.crew.members) == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "as planned" in caplog.text


def test_work_that_waited_and_raises_loses_its_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server(max_threads=2) as server, server.connect() as one, server.connect() as other:
        other.ask("fast")
        one.send("hand 0.2")
        assert until(lambda: server.crew.blocked == 1)
        other.socket.sendall(b"hand 0.01\nraise\n")
        assert other.line() == "deferred"
        assert other.line() == ""
        assert one.line() == "hand 0.2"
    assert "as planned" in caplog.text


def test_a_deadline_and_an_errand_that_raise_lose_their_member(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server(sweep_every=0.05) as server, server.connect() as one:

        def fail(now: float = 0.0) -> None:
            raise ValueError("as planned")

        one.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        member.on_deadline = fail  # type: ignore[method-assign]
        one.ask("expire 0.05")
        assert one.line() == ""
        with server.connect() as other:
            other.ask("fast")
            [member] = [member for member in server.crew.members.values() if member is not server.listening]
            server.crew.call_soon(fail, member)
            assert other.line() == ""
    assert caplog.text.count("a member failed") == 2


def test_a_member_that_fails_when_told_of_its_rescue_is_rescued(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server() as server, server.connect() as slow:

        def fail(blocked: bool) -> None:
            raise ValueError("as planned")

        slow.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        member.on_rescue = fail  # type: ignore[method-assign]
        slow.send("block 0.3")
        time.sleep(0.05)
        with server.connect() as quick:
            assert quick.ask("fast") == "fast"
        assert slow.line() == "block 0.3"
    assert "told of its rescue" in caplog.text


def test_even_an_exit_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server() as server:
        server.listening.on_ready = lambda: _exit(server.listening)  # type: ignore[method-assign]
        server.listening.close = lambda: _exit(server.listening)  # type: ignore[method-assign]
        client = socket.create_connection(server.target)
        assert until(lambda: "could not be closed" in caplog.text)
        assert until(lambda: server.listening.fd not in server.crew.members)
        ran = threading.Event()
        server.crew.call_soon(lambda: _exit(None))
        server.crew.call_soon(ran.set)
        assert ran.wait(5)
        client.close()
        del server.listening.close
        server.listening.close()


def _exit(_: object) -> None:
    raise SystemExit(3)


def test_clients_that_vanish_in_the_middle(kind: str) -> None:
    with echo_server(kind) as server:
        for number in range(60):
            client = server.connect()
            client.send(random.choice(["fast", "hand 0.01", "block 0.01", "close"]))
            if number % 2:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        assert until(lambda: len(server.crew.members) == 1)
        with server.connect() as client:
            assert client.ask("fast") == "fast"


def test_a_reader_that_is_slow_costs_no_thread(kind: str) -> None:
    with echo_server(kind) as server, server.connect() as slow, server.connect() as quick:
        lines = b"fast " + b"1" * 1000 + b"\n"
        slow.socket.settimeout(1)
        sent = 0
        try:
            while sent < 20_000 * len(lines):
                sent += slow.socket.send(lines * 100)
        except TimeoutError:
            pass
        assert quick.ask("fast") == "fast"
        assert server.crew.blocked == 0


def test_deadlines_and_ticks(kind: str) -> None:
    ticks: list[float] = []
    with echo_server(kind, on_tick=ticks.append, sweep_every=0.05) as server, server.connect() as client:
        assert client.ask("expire 0.1") == "expire 0.1"
        before = time.monotonic()
        assert client.line() == ""
        assert time.monotonic() - before < 1
        assert len(server.expired) == 1
        assert until(lambda: len(ticks) > 3)


def test_a_deadline_set_by_a_thread_that_does_not_lead_is_kept() -> None:
    with echo_server(sweep_every=0.05) as server, server.connect() as client:
        client.socket.sendall(b"hand 0.3\nexpire 0.1\n")
        assert client.line() == "hand 0.3"
        assert client.line() == "expire 0.1"
        assert client.line() == ""
        assert len(server.expired) == 1


def test_a_tick_that_blocks_stops_nobody() -> None:
    with echo_server(on_tick=lambda now: time.sleep(0.4), sweep_every=0.05) as server, server.connect() as client:
        client.ask("fast")
        for _ in range(10):
            before = time.monotonic()
            assert client.ask("fast") == "fast"
            assert time.monotonic() - before < 0.3
            time.sleep(0.02)


def test_functions_are_run_soon_by_the_leader() -> None:
    with echo_server() as server:
        threads: list[str] = []
        done = threading.Event()
        server.crew.call_soon(lambda: threads.append(threading.current_thread().name))
        server.crew.call_soon(done.set)
        assert done.wait(5)
        assert threads[0].startswith("crew-")


def test_a_function_about_a_member_waits_for_the_member() -> None:
    with echo_server() as server, server.connect() as client:
        client.send("hand 0.2")
        assert until(lambda: server.crew.blocked == 1)
        [member] = [member for member in server.crew.members.values() if member.detached]
        done: list[bool] = []
        server.crew.call_soon(lambda: done.append(member.detached), member)
        time.sleep(0.05)
        assert done == []
        assert client.line() == "hand 0.2"
        assert until(lambda: done == [False])


def test_a_function_about_a_member_that_has_gone_is_dropped() -> None:
    with echo_server() as server, server.connect() as client:
        client.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        client.ask("close")
        done = threading.Event()
        server.crew.call_soon(pytest.fail, member)
        server.crew.call_soon(done.set)
        assert done.wait(5)


def test_threads_that_are_not_needed_any_more_end() -> None:
    with echo_server(spare_threads=1, idle_after=0.1) as server:
        clients = [server.connect() for _ in range(6)]
        for client in clients:
            client.send("hand 0.1")
        for client in clients:
            client.line()
            client.close()
        assert server.crew.threads >= 5
        assert until(lambda: server.crew.threads <= 2)


def test_where_the_system_gives_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with echo_server() as server, server.connect() as one, server.connect() as other:
        one.ask("fast")
        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert one.ask("hand 0.1") == "refused"
        one.send("block 0.1")
        assert other.ask("fast") == "fast", "after a while"
        assert one.line() == "block 0.1"
        monkeypatch.undo()
        assert one.ask("hand 0.01") == "hand 0.01"


def test_a_crew_that_cannot_begin_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    crew = Crew(make_poller())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="no thread"):
        crew.start()
    crew.stop(1)


# The end


def test_a_stop_ends_all_threads_and_closes_the_poller(kind: str) -> None:
    before = threading.active_count()
    with echo_server(kind) as server, server.connect() as client:
        client.ask("hand 0.01")
        server.connect().close()
        assert server.crew.stop(5)
        assert server.crew.threads == 0
        assert until(lambda: threading.active_count() == before)
        assert server.crew.stop(5), "again does no harm"


def test_a_stop_waits_for_what_runs(kind: str) -> None:
    with echo_server(kind) as server, server.connect() as one, server.connect() as other:
        one.send("hand 0.2")
        other.send("block 0.2")
        time.sleep(0.05)
        assert server.crew.stop(5)
        assert one.line() == "hand 0.2"
        assert other.line() == "block 0.2"


def test_a_stop_does_not_wait_for_ever() -> None:
    with echo_server() as server, server.connect() as client:
        client.send("block 0.8")
        time.sleep(0.1)
        before = time.monotonic()
        assert not server.crew.stop(0.1)
        assert time.monotonic() - before < 0.5
        assert client.line() == "block 0.8"
        assert until(lambda: server.crew.threads == 0), "what was left ends by itself"


def test_deferred_work_that_never_began_is_closed_at_the_end() -> None:
    with echo_server(max_threads=2) as server, server.connect() as one, server.connect() as other:
        other.ask("fast")
        one.send("hand 0.6")
        assert until(lambda: server.crew.blocked == 1)
        hung = [member for member in server.crew.members.values() if member.detached]
        server.crew._roster.busy += 1  # the leader, when it ends, finds no room for it
        other.send("hand 0.6")
        assert until(lambda: server.crew.waiting == 1)
        server.crew._next = lambda worker, done: None  # type: ignore[method-assign]
        assert not server.crew.stop(0.05)
        assert other.line() == ""
        assert one.line() == "hand 0.6"
        assert len(hung) == 1


def test_a_member_may_stop_the_crew() -> None:
    with echo_server() as server, server.connect() as client:
        assert client.ask("stop") == "stop"
        assert server.stopped == [True]
        assert until(lambda: server.crew.threads == 0)


def test_a_crew_that_never_started_can_be_stopped() -> None:
    crew = Crew(make_poller())
    assert crew.hand_over(), "nobody leads"
    assert crew.stop(1)


def test_a_poller_that_fails_stops_the_crew_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    poller = SelectorsPoller()

    def fail(timeout: float | None) -> list[tuple[int, int]]:
        raise OSError(9, "as planned")

    class Failing(SelectorsPoller):
        poll = staticmethod(fail)

    poller.close()
    crew = Crew(Failing())
    crew.start()
    assert until(lambda: crew.threads == 0)
    assert crew.stop(5)
    assert "polling failed" in caplog.text


# What it costs


def test_an_idle_crew_uses_no_processor() -> None:
    with echo_server(on_tick=lambda now: None) as server:
        clients = [server.connect() for _ in range(20)]
        for client in clients:
            client.ask("expire 60")
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(1)
        assert time.process_time() - before < 0.02
        for client in clients:
            client.close()


def test_a_descriptor_closed_behind_its_back_does_not_make_it_spin() -> None:
    """A copy lives on, as in a child process: epoll goes on reporting the original number, until it is taken out."""
    with echo_server("epoll") as server, server.connect() as client:
        client.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        done = threading.Event()
        copies: list[int] = []

        def forget() -> None:
            copies.append(os.dup(member.fd))
            del server.crew.members[member.fd]
            done.set()

        server.crew.call_soon(forget)
        assert done.wait(5)
        client.send("fast")
        time.sleep(0.05)
        before = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - before < 0.1
        os.close(copies[0])
        member.fd, fd = -1, member.fd
        os.close(fd)
        assert isinstance(member, EchoMember)
        member.stream.detach()


def test_members_shared_with_other_processes_are_watched_exclusively() -> None:
    class Recording(EpollPoller):
        __slots__ = ("added",)

        def add(self, fd: int, mask: int, exclusive: bool = False) -> None:
            self.added: list[bool] = [*getattr(self, "added", []), exclusive]
            super().add(fd, mask, exclusive)

    poller = Recording()
    server = EchoServer(poller, CrewSettings())
    crew = server.crew
    crew.remove(server.listening)
    crew.add(server.listening, exclusive=True)
    crew.set_interest(server.listening, 0)
    crew.set_interest(server.listening, READ)
    assert poller.added == [False, True, True]
    crew.start()
    with server.connect() as client:
        assert client.ask("fast") == "fast"
    server.close()


def test_a_member_that_cannot_be_watched_is_not_added() -> None:
    crew = Crew(make_poller())

    class Bad:
        fd, interest, detached, deadline = 10_000, READ, False, math.inf

    with pytest.raises(OSError):
        crew.add(Bad())  # type: ignore[arg-type]
    assert not crew.members
    crew.stop(1)


# All of it at once


def _worker(server: EchoServer, seed: int, seconds: float) -> int:
    """One client after the other: each message comes back, in order, or its connection ends as it was asked to."""
    chance = random.Random(seed)
    deadline = time.monotonic() + seconds
    count = 0
    while time.monotonic() < deadline:
        with server.connect() as client:
            for _ in range(chance.randrange(1, 30)):
                count += 1
                if not _exchange(client, chance, count):
                    break
    return count


def _exchange(client: Client, chance: random.Random, count: int) -> bool:
    verb = chance.choices(["fast", "block", "hand", "compute", "raise", "close", "vanish"], [60, 2, 8, 2, 1, 3, 3])[0]
    if verb == "vanish":
        client.send("hand 0.002")
        return False
    if verb in ("raise", "close"):
        assert client.ask(verb) == ""
        return False
    seconds = 0.0 if verb == "fast" else chance.choice([0.0, 0.002, 0.02])
    lines = [f"{verb} {seconds} {count}.{number}" for number in range(chance.choice([1, 1, 1, 4]))]
    client.socket.sendall("".join(f"{line}\n" for line in lines).encode())
    for line in lines:
        assert client.line() in (line, "deferred")
    return True


@pytest.mark.slow
@pytest.mark.parametrize("max_threads", [3, 64])
def test_everything_mixed(kind: str, max_threads: int, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL)
    with echo_server(kind, max_threads=max_threads, queue=64) as server:
        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(lambda seed: _worker(server, seed, 1.5), range(8)))
        assert min(counts) > 10
        assert until(lambda: len(server.crew.members) == 1)
        assert until(lambda: server.crew.blocked == 0)
        assert server.crew.waiting == 0
        with server.connect() as client:
            assert client.ask("fast") == "fast"
        assert server.crew.stop(5)
