"""Descriptors that run out, connections that say nothing, little, or too slowly, and those that break off."""

from __future__ import annotations

import contextlib
import re
import resource
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.live import HELLO, Live, live, read_reply, read_to_end, reset, wait_until, with_limits
from tests.faults.load import NOT_HELD_UP

pytestmark = pytest.mark.fault

SHORT = ("--set", "timeout_head=2", "--set", "timeout_idle=2", "--set", "timeout_body=2", "--set", "timeout_stalled=2")


@contextlib.contextmanager
def opened(server: Live, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that have sent nothing yet."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(server.connect()) for _ in range(count)]


@contextlib.contextmanager
def others_unaffected(server: Live) -> Iterator[None]:
    """Meanwhile, fresh requests are answered without a wait."""
    stop, waits = threading.Event(), []

    def watch() -> None:
        while not stop.wait(0.02):
            waits.append(server.seconds_to_answer())

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield
        finally:
            stop.set()
            watching.result()
    assert is_soon(waits)


def is_soon(waits: list[float]) -> bool:
    """Nobody was held up, and most were answered at once."""
    return max(waits) < NOT_HELD_UP and statistics.median(waits) < 0.1


def ended(sock: socket.socket) -> tuple[bytes, float]:
    """What the server says until it closes, and how many seconds that takes."""
    begun = time.monotonic()
    return read_to_end(sock), time.monotonic() - begun


class TestOutOfDescriptors:
    """`ulimit -n 64` and 200 clients. (granian, waitress and tornado spin at 100 %.)"""

    CLIENTS = 200

    @pytest.fixture
    def server(self) -> Iterator[Live]:
        with live(prefix=with_limits(n=64)) as server:
            yield server

    @pytest.mark.slow
    def test_accepting_pauses_quietly_and_goes_on(self, server):
        with opened(server, self.CLIENTS) as clients:
            wait_until(lambda: server.descriptors() >= 30)
            time.sleep(0.5)
            cpu, lines = server.cpu_seconds(), server.log.count("\n")
            time.sleep(3)
            assert server.cpu_seconds() - cpu < 0.05 * 3
            assert server.log.count("\n") - lines <= 3
            assert re.search(r"WARNING .*accepting pauses", server.log)
            for client in clients[:-1]:
                client.close()
            clients[-1].sendall(HELLO)
            begun = time.monotonic()
            assert read_reply(clients[-1]).status == 200
            assert time.monotonic() - begun < 3
        assert server.answers_promptly()

    @pytest.mark.slow
    def test_those_that_have_a_place_are_served_meanwhile(self, server):
        with opened(server, self.CLIENTS) as clients:
            time.sleep(0.5)
            waits = []
            for _ in range(20):
                clients[0].sendall(HELLO)
                begun = time.monotonic()
                assert read_reply(clients[0]).status == 200
                waits.append(time.monotonic() - begun)
            assert is_soon(waits)

    @pytest.mark.slow
    def test_accept_itself_fails(self, server):
        """EMFILE: the limit falls while the server runs, so that its own count does not protect it."""
        with opened(server, 20) as early:
            wait_until(lambda: server.descriptors() >= 25)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.descriptors() + 2, 64))
            with opened(server, 10):
                time.sleep(0.5)
                cpu, lines = server.cpu_seconds(), server.log.count("\n")
                time.sleep(3)
                assert server.cpu_seconds() - cpu < 0.05 * 3
                assert server.log.count("\n") - lines <= 3
                assert "ulimit -n" in server.log
                for client in early:
                    client.close()
                assert server.answers_promptly()
        assert "Traceback" not in server.log


class TestSilent:
    @pytest.mark.slow
    def test_1500_silent_connections_hold_nobody_up_and_end(self):
        """With the default: after 10 s."""
        begun = time.monotonic()
        with live() as server, opened(server, 1_500) as clients:
            wait_until(lambda: server.descriptors() >= 1_500)
            assert is_soon([server.seconds_to_answer() for _ in range(20)])
            time.sleep(max(0.0, begun + 8 - time.monotonic()))
            all_are_there = server.descriptors() >= 1_500
            assert all_are_there or time.monotonic() > begun + 10
            wait_until(lambda: server.descriptors() < 50, within=15)
            assert read_to_end(clients[0]) == b""
            assert "Traceback" not in server.log

    def test_an_idle_one_after_its_request(self):
        with live(*SHORT) as server, server.connect() as client:
            client.sendall(HELLO)
            read_reply(client)
            rest, seconds = ended(client)
            assert rest == b""
            assert 1.5 <= seconds <= 9


class TestSlow:
    @pytest.mark.slow
    def test_a_slow_head_is_ended_at_the_limit(self):
        """A byte a second, default limits: ten seconds from its first byte. A byte came just now, so no 408."""
        with live() as server, server.connect() as client, others_unaffected(server):
            begun = time.monotonic()
            with contextlib.suppress(ConnectionError):
                for place in range(30):
                    client.sendall(HELLO[place % 20 :][:1])
                    client.settimeout(1)
                    with contextlib.suppress(TimeoutError):
                        if not client.recv(100):
                            break
            assert 9 <= time.monotonic() - begun <= 25

    @pytest.mark.slow
    def test_a_head_that_stops_gets_408(self):
        with live("--set", "timeout_head=6") as server, server.connect() as client:
            client.sendall(b"GET / HT")
            begun = time.monotonic()
            assert read_to_end(client).startswith(b"HTTP/1.1 408 ")
            assert 5.5 <= time.monotonic() - begun <= 11

    @pytest.mark.slow
    @pytest.mark.parametrize("how", [(), ("--stream",)])
    def test_a_slow_body_is_ended(self, how):
        with live(*SHORT, *how) as server, server.connect() as client, others_unaffected(server):
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            client.settimeout(0.5)
            begun, received = time.monotonic(), b""
            with contextlib.suppress(ConnectionError):
                while time.monotonic() - begun < 15:
                    client.sendall(b"x")
                    with contextlib.suppress(TimeoutError):
                        received = client.recv(1000)
                        break
            assert time.monotonic() - begun < 12
            assert received == b"" or received.startswith(b"HTTP/1.1 408 ")

    @pytest.mark.slow
    def test_a_body_that_is_fast_enough_may_take_long(self):
        with live(*SHORT) as server, server.connect() as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n")
            for _ in range(60):
                client.sendall(b"x" * 100)
                time.sleep(0.1)
            assert read_reply(client).body == b"6000"

    @pytest.mark.slow
    @pytest.mark.parametrize("target", ["/big?n=8000000", "/pieces?n=800"])
    def test_readers_that_read_nothing_are_cut(self, target):
        """Ten, of a large body and of a stream; and of the stream they keep no more than a piece in memory."""
        with live(*SHORT) as server, contextlib.ExitStack() as stack:
            for _ in range(3):
                server.get(target)
            before = server.status("VmRSS")
            clients = [stack.enter_context(server.connect(receive_buffer=4096)) for _ in range(10)]
            with others_unaffected(server):
                for client in clients:
                    client.sendall(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                wait_until(lambda: server.descriptors() >= 10)
                time.sleep(0.5)
                if target.startswith("/pieces"):
                    assert (server.status("VmRSS") - before) / len(clients) < 128
                wait_until(lambda: server.descriptors() <= 10, within=15)
            received = read_to_end(clients[0])
            assert len(received) < 8_000_000
            assert not received.endswith(b"0\r\n\r\n")

    @pytest.mark.slow
    def test_a_reader_that_takes_its_time_is_served(self):
        with live(*SHORT) as server, server.connect() as client:
            client.sendall(b"GET /big?n=30000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received, begun = 0, time.monotonic()
            while time.monotonic() - begun < 5:
                received += len(client.recv(1_000_000))
                time.sleep(0.2)
            received += len(read_to_end(client))
            assert received > 30_000_000

    def test_many_slow_heads_cost_little(self):
        with live() as server, opened(server, 200) as clients:
            before = server.status("VmRSS")
            for client in clients:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000)
            time.sleep(0.5)
            assert (server.status("VmRSS") - before) / len(clients) < 128
            assert server.answers_promptly()


class TestBreakingOff:
    def test_a_reset_in_the_middle_of_a_response(self):
        with live() as server:
            for target in (b"/big?n=20000000", b"/pieces?n=2000"):
                before = server.log
                for _ in range(10):
                    client = server.connect(receive_buffer=4096)
                    client.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                    client.recv(1000)
                    reset(client)
                wait_until(lambda: server.descriptors() < 10)
                assert server.log == before
            assert server.answers_promptly()

    def test_it_is_one_debug_line(self):
        with live("--debug") as server:
            client = server.connect(receive_buffer=4096)
            client.sendall(b"GET /big?n=20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            client.recv(1000)
            lines = server.log.count("\n")
            reset(client)
            wait_until(lambda: server.log.count("\n") > lines)
            time.sleep(0.2)
            assert server.log.count("\n") == lines + 1
            assert "Traceback" not in server.log

    @pytest.mark.parametrize("target", [b"/", b"/big?n=5000000", b"/sleep?s=0.3", b"/pieces?n=300"])
    def test_half_closed_after_the_request_is_answered(self, target):
        with live() as server, server.connect() as client:
            client.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            assert read_reply(client).status == 200
            assert read_to_end(client) == b""

    def test_half_closed_after_several_requests(self):
        with live() as server, server.connect() as client:
            client.sendall(HELLO * 5)
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client).count(b"HTTP/1.1 200 OK") == 5

    @pytest.mark.parametrize(
        "sent", [b"", b"GET / HT", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"]
    )
    def test_closed_before_the_request_is_whole(self, sent):
        with live() as server:
            for end in (socket.socket.close, reset):
                client = server.connect()
                client.sendall(sent)
                end(client)
            wait_until(lambda: server.descriptors() < 10)
            assert "Traceback" not in server.log
            assert server.answers_promptly()

    def test_a_client_that_goes_while_its_handler_runs(self):
        with live() as server:
            for end in (socket.socket.close, reset):
                client = server.connect()
                client.sendall(b"GET /sleep?s=0.3 HTTP/1.1\r\nHost: a\r\n\r\n")
                time.sleep(0.1)
                end(client)
            time.sleep(0.5)
            wait_until(lambda: server.descriptors() < 10)
            assert "Traceback" not in server.log
