"""The crew on real sockets: what blocks stops nobody, and what it costs."""

from __future__ import annotations

import statistics
import threading
import time

import pytest

from salver.net.crew import CrewSettings
from salver.net.poller import READ, EpollPoller
from tests.net.crew_sockets import EchoServer, echo_server, until


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
        slow.send("block 0.8")
        time.sleep(0.05)
        assert quick.ask("fast") == "fast"
        assert not slow.is_answered()
        assert slow.line() == "block 0.8"
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
        assert time.monotonic() - before < 2.8, "one after the other they take 3.2 s"
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
        slow.send("hand 0.8")
        time.sleep(0.01)
        assert quick.ask("fast") == "fast"
        assert not slow.is_answered()
        assert server.crew.blocked == 1
        assert slow.line() == "hand 0.8"
        assert True not in server.rescues
        assert until(lambda: server.crew.blocked == 0)


def test_at_the_limit_work_waits_and_beyond_the_queue_it_is_refused(kind: str) -> None:
    with echo_server(kind, max_threads=2, queue=2) as server:
        clients = [server.connect() for _ in range(4)]
        for client in clients:
            client.ask("fast")
        clients[0].send("hand 1.5")
        assert until(lambda: server.crew.blocked == 1)
        clients[1].send("hand 0.1")
        clients[2].send("hand 0.1")
        assert until(lambda: server.crew.waiting == 2)
        assert clients[3].ask("hand 0.1") == "refused"
        assert clients[3].ask("fast") == "fast", "there is still a leader"
        assert clients[0].line() == "hand 1.5"
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
        assert time.monotonic() - before < 5
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
        waits = []
        for _ in range(10):
            before = time.monotonic()
            assert client.ask("fast") == "fast"
            waits.append(time.monotonic() - before)
            time.sleep(0.02)
        assert statistics.median(waits) < 0.2


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
        client.send("hand 1")
        assert until(lambda: server.crew.blocked == 1)
        [member] = [member for member in server.crew.members.values() if member.detached]
        done: list[bool] = []
        server.crew.call_soon(lambda: done.append(member.detached), member)
        time.sleep(0.05)
        assert done == []
        assert client.line() == "hand 1"
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
