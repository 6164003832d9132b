"""Workers of a live server that are killed, stopped and replaced while clients ask all the time."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.live import HELLO, Live, live, read_reply, stop_process, wait_until
from tests.faults.load import Tally, load

pytestmark = pytest.mark.fault


@contextlib.contextmanager
def two_workers(*arguments: str) -> Iterator[Live]:
    with live("--workers", "2", *arguments) as server:
        wait_until(lambda: len(serving(server)) == 2)
        yield server


def serving(server: Live) -> list[int]:
    """The workers that have said so, and have not ended."""
    said = [int(pid) for pid in re.findall(r"worker (\d+) serves", server.log)]
    ended = {int(pid) for pid in re.findall(r"worker (\d+) (?:was ended|has ended)", server.log)}
    return [pid for pid in said if pid not in ended]


class TestKilled:
    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS])
    def test_only_what_it_had_in_flight_is_lost(self, number):
        """Eight keep-alive clients: each loses its connection at most once a kill, and none finds nobody there."""
        with two_workers("--settle", "1") as server, load(server, keeping=8, fresh=4) as tally:
            time.sleep(0.5)
            for _ in range(3):
                self.lose_one(server, tally, number)
            assert not [what for _, what in tally.failures if "connecting" in what]

    def lose_one(self, server: Live, tally: Tally, number: signal.Signals) -> None:
        failures, enough = len(tally.failures), tally.answered + 100
        os.kill(serving(server)[0], number)
        wait_until(lambda: len(serving(server)) == 2)
        time.sleep(1.3)  # older than `settle`, so that the next death is a first one
        lost = len(tally.failures)
        assert lost - failures <= 12
        wait_until(lambda: tally.answered > enough)
        assert len(tally.failures) == lost, "there was nothing left to lose"

    @pytest.mark.slow
    def test_by_a_handler(self):
        with two_workers() as server:
            for _ in range(2):
                with pytest.raises(ConnectionError), server.connect() as client:
                    client.sendall(b"GET /segv HTTP/1.1\r\nHost: a\r\n\r\n")
                    read_reply(client)
                assert server.answers_promptly()

    @pytest.mark.slow
    def test_a_stopped_one_is_noticed_and_the_other_serves(self):
        with two_workers("--heartbeat", "2") as server:
            first = serving(server)[0]
            stop_process(first)
            begun = time.monotonic()
            waits = []
            while first in serving(server):
                waits.append(server.seconds_to_answer())
                time.sleep(0.02)
                assert time.monotonic() - begun < 10
            assert max(waits) < 1.5
            wait_until(lambda: len(serving(server)) == 2)
            assert "nothing was heard of it" in server.log

    @pytest.mark.slow
    def test_idle_workers_are_left_alone(self):
        with two_workers("--heartbeat", "2") as server:
            before = serving(server)
            time.sleep(5)
            assert serving(server) == before


class TestReplaced:
    @pytest.mark.slow
    def test_twenty_times_under_load_no_request_fails(self):
        """Keep-alive clients, fast and slow ones, and fresh connections. (gunicorn: 0 of 411; granian 2 of 414.)"""
        with two_workers("--patience", "5") as server, load(server, "/pid", keeping=6, fresh=3) as tally:
            with load(server, "/sleep?s=0.05", keeping=4, fresh=1, pause=0.3) as slow:
                for _ in range(20):
                    server.signal(signal.SIGHUP)
                    time.sleep(0.25)
                time.sleep(2)
            assert slow.failures == []
            assert tally.failures == []
            assert tally.answered > 2_000
            assert slow.answered > 100
            assert len(tally.bodies) > 10  # so many workers have answered
            wait_until(lambda: len(serving(server)) == 2, within=15)
            assert "Traceback" not in server.log

    @pytest.mark.slow
    def test_a_long_request_outlives_its_worker(self):
        with two_workers() as server, server.connect() as client:
            client.sendall(b"GET /sleep?s=3 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.3)
            server.signal(signal.SIGHUP)
            reply = read_reply(client)
            assert (reply.body, reply.headers["Connection"]) == (b"slept", "close")

    @pytest.mark.slow
    def test_an_idle_connection_may_ask_once_more_and_is_then_closed(self):
        with two_workers("--patience", "3") as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(6)]
            for client in clients:
                client.sendall(HELLO)
                read_reply(client)
            old = serving(server)
            server.signal(signal.SIGHUP)
            wait_until(lambda: server.log.count(" serves") == 4)  # an old one without a connection is gone by then
            time.sleep(0.5)
            for client in clients[:3]:
                client.sendall(HELLO)
                assert read_reply(client).headers["Connection"] == "close"
            assert clients[3].recv(10) == b""
            wait_until(lambda: not set(old) & set(serving(server)), within=6)


@pytest.mark.slow
def test_logs_are_rotated_and_no_line_is_lost(tmp_path):
    path = tmp_path / "access.log"
    with two_workers("--set", f"access_log={path}", "--set", "log_format={target} {status}") as server:
        with load(server, keeping=4, fresh=1) as tally:
            for number in range(3):
                time.sleep(0.7)
                path.rename(tmp_path / f"access.log.{number}")
                server.signal(signal.SIGUSR1)
            time.sleep(1)
        server.signal(signal.SIGTERM)
        assert server.ends() == 0
    files = list(tmp_path.iterdir())
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(files) == 4
    assert path.read_text()
    assert lines.count("/ 200") == tally.answered + 1  # and the one that found it up


@pytest.mark.slow
def test_master_and_workers_grow_in_nothing():
    with two_workers("--patience", "0") as server:

        def replaced() -> None:
            old = serving(server)
            server.signal(signal.SIGHUP)
            wait_until(lambda: not set(old) & set(serving(server)), within=15)

        replaced()
        before = (server.descriptors(), server.status("Threads"), server.status("VmRSS"))
        for _ in range(5):
            replaced()
        wait_until(lambda: server.descriptors() <= before[0])
        assert server.status("Threads") == before[1] == 1
        assert server.status("VmRSS") - before[2] < 1_000
