"""What must not grow: with idle connections, and with a long mixed load of good and bad requests."""

from __future__ import annotations

import contextlib
import random
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.live import HELLO, Live, live, read_reply, reset, wait_until
from tests.wire.cases import load

pytestmark = [pytest.mark.fault, pytest.mark.slow]

IDLE = 2_000
MIXED = 50_000
GOOD = (
    HELLO,
    b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /big?n=30000 HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n",
    b"GET /pieces?n=3 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    HELLO * 3,
    b"GET /raise-late HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /sleep?s=0.001 HTTP/1.1\r\nHost: a\r\n\r\n",
)


def test_idle_connections_cost_little_and_slow_nobody_down():
    """After one request each. 2 KB is what the benchmark asks for of 10,000; here the first ones pay for the rest."""
    with live() as server, contextlib.ExitStack() as stack:
        first = [stack.enter_context(server.connect()) for _ in range(200)]
        ask_each(first)
        before = server.status("VmRSS")
        clients = [stack.enter_context(server.connect()) for _ in range(IDLE)]
        ask_each(clients)
        each = (server.status("VmRSS") - before) * 1024 / IDLE
        assert each < 4_096
        assert statistics.median(server.seconds_to_answer() for _ in range(20)) < 0.05
        time.sleep(1.5)
        cpu = server.cpu_seconds()
        time.sleep(2)
        assert server.cpu_seconds() - cpu < 0.04 * 2
        ask_each(random.sample(clients, 100))
        for client in clients + first:
            client.close()
        wait_until(lambda: server.descriptors() < 20)


def ask_each(clients: list[socket.socket]) -> None:
    for client in clients:
        client.sendall(HELLO)
    for client in clients:
        assert read_reply(client).status == 200


class Mixture:
    """A client that sends good and bad requests, sometimes in pieces, and goes away in every way there is."""

    def __init__(self, server: Live, seed: int) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.bad = [case.data for case in load("bad-requests.jsonl") if len(case.data) < 20_000]

    def run(self, count: int) -> None:
        while count > 0:
            with contextlib.suppress(OSError), self.server.connect(timeout=5) as sock:
                for _ in range(self.random.choice((1, 1, 5, 20))):
                    count -= 1
                    if not self.ask(sock):
                        break

    def ask(self, sock: socket.socket) -> bool:
        """One request; whether the connection can be used again."""
        data = self.random.choice(GOOD if self.random.random() < 0.6 else self.bad)
        if self.random.random() < 0.1:
            middle = len(data) // 2
            sock.sendall(data[:middle])
            data = data[middle:]
        sock.sendall(data)
        way = self.random.random()
        if way < 0.05:
            reset(sock)
        elif way < 0.1:
            sock.close()
        else:
            sock.settimeout(0.02)
            return bool(sock.recv(65_536)) and data in GOOD
        return False


def test_a_mixed_load_leaves_nothing_behind():
    short = [f"timeout_{name}=2" for name in ("head", "idle", "body", "stalled")]
    with live(*[word for each in short for word in ("--set", each)]) as server:
        run_mixed(server, MIXED // 5, 0)
        before = at_rest(server)
        run_mixed(server, MIXED - MIXED // 5, 100)
        after = at_rest(server)
        assert after["descriptors"] <= before["descriptors"]
        assert after["threads"] <= before["threads"] + 4
        assert after["kilobytes"] - before["kilobytes"] < 2_000
        assert server.answers_promptly()
        assert server.log.count("Traceback") == server.log.count("ValueError: as asked, late")


def run_mixed(server: Live, count: int, seed: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: Mixture(server, seed + place).run(count // 8), range(8)))


def at_rest(server: Live) -> dict[str, int]:
    wait_until(lambda: server.descriptors() < 12, within=12)
    return {
        "descriptors": server.descriptors(),
        "threads": server.status("Threads"),
        "kilobytes": server.status("VmRSS"),
    }
