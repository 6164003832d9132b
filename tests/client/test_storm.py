"""Many threads, one client, and a server that drops connections at random: nothing wrong, nothing lost that may be
asked for again."""

from __future__ import annotations

import random
import threading
import time

import pytest

from salver.client import Client, ConnectionLost, PoolLimits, Retries, Timeout
from tests.client.raw_server import Connection, RawServer

THREADS = 32
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class Dropping:
    """Answers a request with its own path, or drops the connection somewhere on the way. `acted`: how often it has had
    the whole of each request for a POST."""

    def __init__(self, seed: int, chance: float) -> None:
        self._seed = seed
        self._chance = chance
        self.acted: dict[str, int] = {}
        self.dropped = 0

    def __call__(self, connection: Connection, number: int) -> None:
        dice = random.Random(self._seed * 100_000 + number)
        while head := connection.head():
            method, path = head.split(b" ", 2)[:2]
            if method == b"POST":
                self.acted[path.decode()] = self.acted.get(path.decode(), 0) + 1
            body = path * (1 + number % 40)
            if dice.random() < self._chance:
                self.dropped += 1
                self._drop(connection, (_HEAD % len(body)) + body, dice)
                return
            if dice.random() < 0.1:  # as chunks, and then the connection is closed without a word
                connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body))
                connection.send(body + b"\r\n0\r\n\r\n")
                if dice.random() < 0.5:
                    return
            else:
                connection.send((_HEAD % len(body)) + body)

    def _drop(self, connection: Connection, answer: bytes, dice: random.Random) -> None:
        """Before the answer, inside its head, or inside its body; by an end or by a reset."""
        end = answer.index(b"\r\n\r\n") + 4
        connection.send(answer[: dice.choice((0, 0, dice.randrange(1, end), dice.randrange(end, len(answer))))])
        if dice.random() < 0.5:
            connection.reset()


def storm(method: str, requests: int, chance: float) -> tuple[Dropping, list[str], list[str]]:
    """(the server's side, paths whose answers were wrong, paths without an answer)."""
    behaviour = Dropping(seed=7, chance=chance)
    wrong: list[str] = []
    lost: list[str] = []
    share = requests // THREADS

    def ask(thread: int) -> None:
        for count in range(share):
            path = f"/{thread}/{count}"
            try:
                response = client.request(method, server.url + path)
            except ConnectionLost:
                lost.append(path)
                continue
            text = response.text
            if response.status != 200 or not text or text != path * (len(text) // len(path)):
                wrong.append(path)

    retries = Retries(lost=30, backoff=0.0005, max_wait=0.01)
    with (
        RawServer(behaviour) as server,
        Client(
            trust_env=False, retries=retries, limits=PoolLimits(per_origin=24), timeout=Timeout(read=20, pool=60)
        ) as client,
    ):
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(120)
        assert not any(each.is_alive() for each in threads)
        assert client._connections._pool.open == client._connections._pool.idle  # every place was given back
    return behaviour, wrong, lost


def test_a_shower() -> None:
    behaviour, wrong, lost = storm("GET", 640, chance=0.2)
    assert behaviour.dropped > 50
    assert (wrong, lost) == ([], [])


@pytest.mark.slow
def test_ten_thousand() -> None:
    begun = time.monotonic()
    behaviour, wrong, lost = storm("GET", 10_240, chance=0.1)
    assert behaviour.dropped > 500
    assert (wrong, lost) == ([], [])
    assert time.monotonic() - begun < 120


def test_nothing_is_posted_twice() -> None:
    behaviour, wrong, lost = storm("POST", 640, chance=0.2)
    assert wrong == []
    assert len(lost) >= 50  # each is told to the caller, who alone can know whether to ask again
    assert max(behaviour.acted.values()) == 1
