"""The crew on real sockets: all of it at once."""

from __future__ import annotations

import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.net.crew_sockets import Client, EchoServer, echo_server, until


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
