"""Handlers that raise, lie, hang, compute and eat memory: what they do is their request's trouble alone."""

from __future__ import annotations

import contextlib
import time

import pytest

from tests.faults.live import HELLO, live, read_reply, read_to_end, wait_until, with_limits
from tests.faults.load import NOT_HELD_UP, load

pytestmark = pytest.mark.fault


def ask_raw(server, target: str) -> bytes:
    with server.connect() as client:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return read_to_end(client)


class TestRaising:
    def test_before_the_head_is_a_500_without_a_detail(self):
        with live() as server, server.connect() as client:
            for _ in range(3):
                client.sendall(b"GET /raise HTTP/1.1\r\nHost: a\r\n\r\n")
                reply = read_reply(client)
                assert reply.status == 500
                assert b"as asked" not in reply.body
            assert server.log.count("ValueError: as asked") == 3
            client.sendall(HELLO)
            assert read_reply(client).status == 200

    @pytest.mark.parametrize("target", ["/raise-late", "/short"])
    def test_after_the_head_the_connection_is_aborted(self, target):
        with live() as server:
            received = ask_raw(server, target)
            assert received == b"" or received.startswith(b"HTTP/1.1 200")
            assert not received.endswith(b"0\r\n\r\n")
            assert received.count(b"x") < 1500
            assert server.answers_promptly()

    def test_a_body_longer_than_promised_is_cut_logged_and_closed(self):
        with live() as server:
            received = ask_raw(server, "/long")
            assert received.partition(b"\r\n\r\n")[2] == b"x" * 10
            assert "longer than its Content-Length" in server.log

    def test_a_field_with_a_line_end_never_leaves(self):
        with live() as server:
            reply = server.get("/inject")
            assert reply.status == 500
            assert "X-Injected" not in reply.headers

    def test_others_do_not_notice(self):
        with live() as server:
            with load(server, keeping=4, fresh=2) as tally:
                end = time.monotonic() + 1.5
                while time.monotonic() < end:
                    assert server.get("/raise").status == 500
                    ask_raw(server, "/raise-late")
            assert tally.failures == []
            assert tally.answered > 300
            assert tally.slowest < NOT_HELD_UP


class TestHanging:
    @pytest.mark.slow
    def test_twenty_that_hang_hold_nobody_up(self):
        with live() as server, contextlib.ExitStack() as stack, load(server, keeping=4, fresh=2) as tally:
            for _ in range(20):
                client = stack.enter_context(server.connect())
                client.sendall(b"GET /sleep?s=100 HTTP/1.1\r\nHost: a\r\n\r\n")
                time.sleep(0.05)
            time.sleep(1)
            assert tally.failures == []
            assert tally.slowest < NOT_HELD_UP

    @pytest.mark.slow
    def test_past_the_limits_it_is_503_and_the_rest_goes_on(self):
        small = ("--set", "limit_threads=8", "--set", "limit_queue=4")
        with live(*small) as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(30)]
            for client in clients:
                client.sendall(b"GET /sleep?s=3 HTTP/1.1\r\nHost: a\r\n\r\n")
                time.sleep(0.02)
            with load(server, keeping=4, fresh=0) as tally:
                replies = [read_reply(client) for client in clients]
            statuses = [reply.status for reply in replies]
            assert set(statuses) == {200, 503}
            assert statuses.count(200) >= 8
            assert all("Retry-After" in reply.headers for reply in replies if reply.status == 503)
            assert tally.failures == []
            assert tally.slowest < NOT_HELD_UP
            assert server.status("Threads") < 30

    @pytest.mark.slow
    def test_one_that_computes_shares(self):
        with live() as server, load(server, keeping=4, fresh=0) as tally, server.connect() as client:
            client.sendall(b"GET /spin?s=1.5 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_reply(client).body == b"spun"
            assert tally.failures == []
            assert tally.slowest < NOT_HELD_UP


class TestMemory:
    def test_more_than_there_is_is_a_500(self):
        with live(prefix=with_limits(v=2_000_000)) as server:
            assert server.get("/eat?mb=4000").status == 500
            assert "MemoryError" in server.log
            assert server.answers_promptly()

    def test_what_was_eaten_is_given_back(self):
        with live() as server:
            before = server.status("VmRSS")
            assert server.get("/eat?mb=300").status == 200
            wait_until(lambda: server.status("VmRSS") - before < 20_000)
