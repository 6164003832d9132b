"""A small echo server over a crew, on real sockets, whose clients choose what its handler does.

A message is one line: `fast`, `block 0.05` (waits in the leader), `hand 0.05` (hands over, or defers, then waits),
`compute 0.05`, `raise`, `close`; it is echoed when it has been carried out.
"""

from __future__ import annotations

import math
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from salver.net.address import Address
from salver.net.crew import Crew, CrewSettings
from salver.net.listener import Listener, open_listeners
from salver.net.poller import READ, WRITE, Poller, make_poller
from salver.net.stream import SocketStream


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait for it; whether it came."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


class EchoMember:
    """One connection."""

    def __init__(self, server: EchoServer, stream: SocketStream) -> None:
        self.server = server
        self.stream = stream
        self.fd = stream.fileno()
        self.interest = READ
        self.detached = False
        self.deadline = math.inf
        self._inside = threading.Lock()
        self._received = b""
        self._unsent = b""

    def on_ready(self) -> None:
        if not self._inside.acquire(blocking=False):
            self.server.broken.append("two threads in one member")
            return
        try:
            self._step()
        finally:
            self._inside.release()

    def _step(self) -> None:
        if self._unsent:
            self._send(b"")
            return
        try:
            data = self.stream.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received += data
        self._carry_out()

    def _carry_out(self) -> None:
        while b"\n" in self._received and self.fd >= 0:
            line, _, self._received = self._received.partition(b"\n")
            verb, _, argument = line.decode().partition(" ")
            action: Callable[[float], bool] = getattr(self, f"do_{verb}")
            if not action(float(argument.split()[0]) if argument else 0.0):
                return
            self._send(line + b"\n")

    def do_fast(self, seconds: float) -> bool:
        return True

    def do_block(self, seconds: float) -> bool:
        time.sleep(seconds)
        return True

    def do_compute(self, seconds: float) -> bool:
        deadline = time.thread_time() + seconds
        while time.thread_time() < deadline:
            pass
        return True

    def do_hand(self, seconds: float) -> bool:
        crew = self.server.crew
        if crew.hand_over():
            time.sleep(seconds)
            return True

        def work() -> None:
            time.sleep(seconds)
            self._send(b"deferred\n")
            self._carry_out()

        if not crew.defer(self, work):
            self._send(b"refused\n")
        return False

    def do_raise(self, seconds: float) -> bool:
        raise ValueError("as planned")

    def do_close(self, seconds: float) -> bool:
        self.close()
        return False

    def do_stop(self, seconds: float) -> bool:
        self.server.stopped.append(self.server.crew.stop(5))
        return True

    def do_expire(self, seconds: float) -> bool:
        self.deadline = self.server.crew.now + seconds
        return True

    def _send(self, data: bytes) -> None:
        self._unsent += data
        try:
            while self._unsent:
                self._unsent = self._unsent[self.stream.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self.server.crew.set_interest(self, WRITE if self._unsent else READ)

    def on_deadline(self, now: float) -> None:
        self.server.expired.append(now)
        self.close()

    def on_rescue(self, blocked: bool) -> None:
        self.server.rescues.append(blocked)

    def close(self) -> None:
        if self.fd >= 0:
            self.server.crew.remove(self)
            self.fd = -1
            self.stream.close()


class ListeningMember:
    """The listener."""

    def __init__(self, server: EchoServer, listening: Listener) -> None:
        self.server = server
        self.listening = listening
        self.fd = listening.fileno()
        self.interest = READ
        self.detached = False
        self.deadline = math.inf

    def on_ready(self) -> None:
        for _ in range(16):
            try:
                stream, _ = self.listening.accept()
            except BlockingIOError:
                return
            self.server.crew.add(EchoMember(self.server, stream))

    def on_deadline(self, now: float) -> None:
        self.deadline = math.inf

    def on_rescue(self, blocked: bool) -> None:
        self.server.rescues.append(blocked)

    def close(self) -> None:
        self.server.crew.remove(self)
        self.fd = -1
        self.listening.close()


class EchoServer:
    """The crew, and what the tests look at."""

    def __init__(self, poller: Poller, settings: CrewSettings, on_tick: Callable[[float], None] | None = None) -> None:
        self.crew = Crew(poller, settings, on_tick=on_tick)
        [listening] = open_listeners(Address("tcp", "127.0.0.1", 0))
        self.listening = ListeningMember(self, listening)
        self.target = ("127.0.0.1", listening.address.port)
        self.rescues: list[bool] = []
        self.expired: list[float] = []
        self.broken: list[str] = []
        self.stopped: list[bool] = []
        self.crew.add(self.listening)

    def connect(self) -> Client:
        return Client(self.target)

    def close(self) -> None:
        self.crew.stop(5)
        for member in list(self.crew.members.values()):
            member.close()


class Client:
    """A blocking client."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.socket = socket.create_connection(target, timeout=10)
        self._lines = self.socket.makefile("rb")

    def send(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\n")

    def line(self) -> str:
        return self._lines.readline().decode().rstrip("\n")

    def is_answered(self) -> bool:
        """There is something to be read, or the end."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def ask(self, line: str) -> str:
        self.send(line)
        return self.line()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def echo_server(
    kind: str = "auto", on_tick: Callable[[float], None] | None = None, **settings: Any
) -> Iterator[EchoServer]:
    """A server that runs; checked for broken rules at the end."""
    server = EchoServer(make_poller(kind), CrewSettings(**settings), on_tick)
    server.crew.start()
    try:
        yield server
    finally:
        server.close()
    assert not server.broken
