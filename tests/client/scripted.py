"""A network of scripts: a `Transport` whose connections answer each request with the bytes that a test has written.

No socket, no thread, no clock. A connection records what was sent on it; when its script is at its end, it says what
a server would: the end of the stream, a reset, or nothing for longer than the time-out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from salver.client.connections import Route
from salver.client.timeouts import Deadline
from salver.client.wire import Wire

END, RESET, SILENCE = "end", "reset", "silence"


@dataclass
class Script:
    """One connection's answers, one for each request, and what comes behind the last of them."""

    answers: Sequence[bytes]
    then: str = END
    split: int = 0  # bytes that come at once; 0, all of one answer


class ScriptedWire:
    def __init__(self, script: Script) -> None:
        self.sent = bytearray()
        self.closed = False
        self.limits: tuple[float | None, float | None] = (None, None)
        self.readable = False
        self._script = script
        self._answers = iter(script.answers)
        self._waiting = b""
        self.recv: Callable[[int], bytes] = self._recv
        self.send_all: Callable[[bytes], object] = self._send_all

    def _send_all(self, data: bytes) -> None:
        assert not self.closed, "sent on a closed connection"
        self.sent += data
        if not self._waiting:
            self._waiting = next(self._answers, b"")

    def _recv(self, size: int) -> bytes:
        assert not self.closed, "read from a closed connection"
        if not self._waiting:
            if self._script.then == RESET:
                raise ConnectionResetError(104, "Connection reset by peer")
            if self._script.then == SILENCE:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return b""
        count = self._script.split or len(self._waiting)
        data, self._waiting = self._waiting[: min(count, size)], self._waiting[min(count, size) :]
        return data

    def limit(self, read: float | None, write: float | None) -> None:
        self.limits = (read, write)

    def is_readable(self) -> bool:
        return self.readable

    def close(self) -> None:
        self.closed = True


@dataclass
class ScriptedTransport:
    """Gives out one connection for each script, in order."""

    scripts: list[Script]
    wires: list[ScriptedWire] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)

    def connect(self, route: Route, deadline: Deadline) -> Wire:
        self.routes.append(route)
        self.wires.append(ScriptedWire(self.scripts[len(self.wires)]))
        return self.wires[-1]

    def close(self) -> None:
        pass


def network(*answers: bytes, then: str = END, split: int = 0) -> ScriptedTransport:
    """One connection that answers like this."""
    return ScriptedTransport([Script(answers, then, split)])


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
