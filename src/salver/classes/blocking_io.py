"""What an HTTP handler on the blocking way reads from and writes to: a socket's input with a deadline, an output that
counts, and the errors of a body that cannot be read. This file does not know when either is used.
"""

from __future__ import annotations

import io
import logging
import socket
from time import monotonic
from typing import Any

logger = logging.getLogger("salver")


class TimedReader(io.RawIOBase):
    """A socket's input with a deadline beside the socket's own time-out. For the thread of the handler."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self.deadline: float | None = None  # of the monotonic clock
        self.last_byte = 0.0  # when something came last, of the same clock

    def readable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The socket's."""
        return self._connection.fileno()

    def readinto(self, buffer: Any) -> int:
        """As a socket's; raises TimeoutError at the deadline."""
        size = self._receive(buffer)
        self.last_byte = monotonic()
        return size

    def _receive(self, buffer: Any) -> int:
        if self.deadline is None:
            return self._connection.recv_into(buffer)
        usual, left = self._connection.gettimeout(), self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the request did not arrive in time")
        self._connection.settimeout(left if usual is None else min(usual, left))
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(usual)


class WatchedWriter:
    """`wfile` while a method runs: passes everything on at once, and counts the body against its Content-Length."""

    def __init__(self, under: Any) -> None:
        self.under = under
        self.room: int | None = None  # bytes of body that may still come
        self.wrote = False
        self.bodiless = False  # whatever is written of a body is dropped (HEAD, 204, 304)
        self.settled = False  # it is known where the response ends

    def write(self, data: Any) -> int:
        """Write what the framing has room for; says that all was written."""
        self.wrote = True
        if self.room is None:
            self.under.write(data)
            return len(data)
        view = memoryview(data)
        size = view.nbytes
        if size > self.room:
            if not self.bodiless:
                logger.error("a response was longer than its Content-Length, and was cut")
                self.settled = False
            data = bytes(view)[: self.room]
        self.room -= min(size, self.room)
        if data:
            self.under.write(data)
        return size

    @property
    def is_half(self) -> bool:
        """A response has begun, and nobody could tell that this is its end."""
        return self.wrote and not (self.settled and not self.room)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)


class BadBody(ConnectionAbortedError):
    """A request's body that cannot be read to its end; `status` is what its sender is told, if nothing has been."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SlowBody(BadBody, TimeoutError):
    """A body that does not come in time: a time-out for the method that reads it, 408 for its sender."""
