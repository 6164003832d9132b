"""SIGTERM: what has begun is finished, what is idle ends, and a second signal ends everything."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import time

import pytest

from tests.faults.live import HELLO, live, read_reply, read_to_end, wait_until_refused
from tests.faults.load import load

pytestmark = pytest.mark.fault

KINDS = [(), ("--workers", "2")]


@pytest.mark.parametrize("kind", KINDS)
class TestSigterm:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_everything_in_flight_is_answered_and_idle_ones_close(self, kind, number):
        with live(*kind) as server, contextlib.ExitStack() as stack:
            busy = [stack.enter_context(server.connect()) for _ in range(10)]
            idle = [stack.enter_context(server.connect()) for _ in range(10)]
            for client in idle:
                client.sendall(HELLO)
                read_reply(client)
            for client in busy:
                client.sendall(b"GET /sleep?s=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.3)
            begun = time.monotonic()
            server.signal(number)
            assert all(read_to_end(client) == b"" for client in idle)
            assert not select.select(busy, [], [], 0)[0], "they waited for what runs"
            for client in busy:
                reply = read_reply(client)
                assert (reply.status, reply.body, reply.headers["Connection"]) == (200, b"slept", "close")
            assert server.ends() == 0
            assert time.monotonic() - begun < 10  # of 30
            assert "Traceback" not in server.log

    def test_the_port_is_free_at_once(self, kind):
        with live(*kind) as server, server.connect() as busy:
            busy.sendall(b"GET /sleep?s=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.2)
            server.signal(signal.SIGTERM)
            wait_until_refused(server)
            socket.create_server(("127.0.0.1", server.port)).close()
            assert read_reply(busy).status == 200

    def test_a_body_on_its_way_in_and_one_on_its_way_out_arrive(self, kind):
        with live(*kind) as server, server.connect() as sending, server.connect(receive_buffer=4096) as reading:
            sending.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + b"x" * 1000)
            reading.sendall(b"GET /big?n=10000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.2)
            server.signal(signal.SIGTERM)
            time.sleep(0.3)
            sending.sendall(b"x" * 1000)
            assert read_reply(sending).body == b"2000"
            assert len(read_reply(reading).body) == 10_000_000
            assert server.ends() == 0

    def test_pipelined_requests_that_have_arrived(self, kind):
        """The one that runs is answered, and says that it is the last."""
        with live(*kind) as server, server.connect() as client:
            client.sendall(b"GET /sleep?s=0.5 HTTP/1.1\r\nHost: a\r\n\r\n" + HELLO * 3)
            time.sleep(0.2)
            server.signal(signal.SIGTERM)
            reply = read_reply(client)
            assert (reply.status, reply.headers["Connection"]) == (200, "close")
            client.close()  # otherwise it waits a while for the client to have read that
            assert server.ends() == 0

    def test_requests_that_wait_in_the_kernel(self, kind):
        """Sent before the signal, and not yet read: on idle connections, and on some not yet accepted."""
        if kind:
            pytest.skip("the workers go on while their master is stopped")
        with live(*kind) as server, contextlib.ExitStack() as stack:
            kept = [stack.enter_context(server.connect()) for _ in range(20)]
            for client in kept:
                client.sendall(HELLO)
                read_reply(client)
            server.signal(signal.SIGSTOP)
            fresh = [stack.enter_context(server.connect()) for _ in range(20)]
            for client in kept + fresh:
                client.sendall(HELLO)
            server.signal(signal.SIGTERM)
            server.signal(signal.SIGCONT)
            assert [read_reply(client).status for client in kept] == [200] * 20
            assert [read_reply(client).status for client in fresh] == [200] * 20
            assert server.ends() == 0

    def test_a_second_signal_is_at_once(self, kind):
        with live(*kind) as server, server.connect() as client:
            client.sendall(b"GET /sleep?s=60 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.3)
            server.signal(signal.SIGTERM)
            time.sleep(0.3)
            begun = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.ends() == 128 + signal.SIGTERM
            assert time.monotonic() - begun < 10  # of 30
            assert "Traceback" not in server.log

    def test_past_the_grace_it_is_cut(self, kind):
        with live(*kind, "--set", "timeout_stop=1") as server, server.connect() as client:
            client.sendall(b"GET /sleep?s=60 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.3)
            begun = time.monotonic()
            server.signal(signal.SIGTERM)
            server.ends()
            assert 1 <= time.monotonic() - begun < 10
            assert read_to_end(client) == b""

    def test_heads_and_bodies_that_never_come_do_not_hold_it_up(self, kind):
        short = ("--set", "timeout_head=2", "--set", "timeout_body=2")
        with live(*kind, *short) as server, server.connect() as head, server.connect() as body:
            head.sendall(b"GET / HT")
            body.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
            time.sleep(0.2)
            begun = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.ends() == 0
            assert time.monotonic() - begun < 15  # its time, what is read away behind a 408, a sweep each

    def test_under_load_every_request_that_was_taken_is_answered(self, kind):
        """Keep-alive clients may find their connection closed when they ask again; no answer may be cut short."""
        with live(*kind) as server:
            with load(server, "/sleep?s=0.02", keeping=8, fresh=2, pause=0) as tally:
                time.sleep(0.7)
                server.signal(signal.SIGTERM)
                server.ends()
                time.sleep(0.1)
            assert tally.answered > 50
            broken = [what for _, what in tally.failures if "Refused" not in what]
            assert len(broken) <= 2  # a request that crossed the close of its idle connection
            assert "Traceback" not in server.log
