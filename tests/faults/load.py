"""Clients that ask all the time, as well-behaved ones do, and keep count of what went wrong.

A keep-alive client uses its connection until a response says `Connection: close`, then opens another. A connection
that has ended before a request is sent on it is replaced, as any client would; a request that was sent and got no
whole response has failed, with what happened instead and when.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.live import Live, read_reply


@dataclass
class Tally:
    """What all the clients have seen so far."""

    answered: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)  # when (monotonic seconds), and what
    slowest: float = 0.0
    bodies: set[bytes] = field(default_factory=set)


class Client(threading.Thread):
    """One client. `target` is asked for over and over, `pause` seconds apart."""

    def __init__(self, server: Live, tally: Tally, target: str, keep_alive: bool, pause: float) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.tally = tally
        self.keep_alive = keep_alive
        self.pause = pause
        self.request = (
            f"GET {target} HTTP/1.1\r\nHost: a\r\n{'' if keep_alive else 'Connection: close' + chr(13) + chr(10)}\r\n"
        )
        self.stop = threading.Event()

    def run(self) -> None:
        """Ask until told to stop."""
        while not self.stop.is_set():
            try:
                self._use_one_connection()
            except OSError as error:
                self.tally.failures.append((time.monotonic(), f"connecting: {error!r}"))
                time.sleep(0.01)

    def _use_one_connection(self) -> None:
        with self.server.connect(timeout=20) as sock:
            while not self.stop.is_set():
                begun = time.monotonic()
                try:
                    sock.sendall(self.request.encode())
                    reply = read_reply(sock)
                except OSError as error:
                    self.tally.failures.append((time.monotonic(), f"asking: {error!r}"))
                    return
                self._count(reply.status, reply.body, time.monotonic() - begun)
                if not self.keep_alive or reply.headers.get("Connection", "").lower() == "close":
                    return
                time.sleep(self.pause)

    def _count(self, status: int, body: bytes, seconds: float) -> None:
        if status != 200:
            self.tally.failures.append((time.monotonic(), f"status {status}"))
        self.tally.answered += 1
        self.tally.bodies.add(body)
        self.tally.slowest = max(self.tally.slowest, seconds)


# Seconds: far less than what hangs in these tests lasts, and more than a busy machine lets anybody wait.
NOT_HELD_UP = 1.0


@contextlib.contextmanager
def load(server: Live, target: str = "/", keeping: int = 8, fresh: int = 2, pause: float = 0.005) -> Iterator[Tally]:
    """For the length of a block: `keeping` clients with a connection each that lasts, `fresh` with one a request."""
    tally = Tally()
    clients = [Client(server, tally, target, place < keeping, pause) for place in range(keeping + fresh)]
    for client in clients:
        client.start()
    try:
        yield tally
    finally:
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join(25)
