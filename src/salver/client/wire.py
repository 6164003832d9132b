"""A connected socket as the client uses it: blocking, with limits on how long it blocks.

The limits of a plain socket are the kernel's own (SO_RCVTIMEO, SO_SNDTIMEO): Python's `settimeout` asks `poll` before
each call, which is a second system call for every first one. Under TLS that cannot be: OpenSSL asks again and again
where a blocking socket says EAGAIN, so there it is `settimeout`. Either way a limit that has passed is an
`OSError` that `is_timeout` knows.

A wire knows neither HTTP nor the pool. One thread at a time uses it; `close` may come from any.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from typing import Protocol, Union

_KERNEL_LIMITS = sys.platform != "win32"  # there, the option's value has another form
_TIMEVAL = struct.Struct("ll")
_UNSET = -1.0


class Wire(Protocol):
    """What a connection's bytes go through; a transport of one's own gives these out."""

    recv: Callable[[int], bytes]
    """Up to so many bytes, b"" at the end. Blocks up to the read limit."""

    send_all: Callable[[bytes], object]
    """Send everything. Blocks, up to the write limit for each part that the peer takes."""

    def limit(self, read: float | None, write: float | None) -> None:
        """Set how many seconds `recv` and `send_all` may block; None for ever."""

    def is_readable(self) -> bool:
        """Something has arrived, or the end: on an idle connection, either means that it is of no use any more."""

    def close(self) -> None:
        """Close; idempotent."""


def is_timeout(error: OSError) -> bool:
    """Whether a wire's error says that a limit has passed."""
    return isinstance(error, (TimeoutError, BlockingIOError))


class SocketWire:
    """A plain TCP or Unix socket. Owns the socket."""

    __slots__ = ("_poll", "_read", "_socket", "_write", "recv", "send_all")

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(None)
        self._socket = sock
        self._read: float | None = _UNSET
        self._write: float | None = _UNSET
        self._poll = _readiness(sock)
        self.recv: Callable[[int], bytes] = sock.recv  # the C method itself: no line of Python in between
        self.send_all: Callable[[bytes], object] = sock.sendall

    def limit(self, read: float | None, write: float | None) -> None:
        if read != self._read:
            self._read = read
            self._set(socket.SO_RCVTIMEO, read)
        if write != self._write:
            self._write = write
            self._set(socket.SO_SNDTIMEO, write)

    def _set(self, option: int, seconds: float | None) -> None:
        if not _KERNEL_LIMITS:
            limits = [each for each in (self._read, self._write) if each is not None and each != _UNSET]
            self._socket.settimeout(max(limits, default=None))
            return
        whole = max(1, int((seconds or 0.0) * 1_000_000)) if seconds is not None else 0  # 0 is for ever
        self._socket.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL.pack(*divmod(whole, 1_000_000)))

    def is_readable(self) -> bool:
        return self._poll()

    def close(self) -> None:
        self._socket.close()

    def detach(self) -> socket.socket:
        """The socket, for whoever speaks another protocol on it; the wire is closed without it."""
        return self._socket


class TLSWire:
    """A socket under TLS, its handshake done. Owns the socket."""

    __slots__ = ("_poll", "_read", "_socket", "_write", "recv", "send_all")

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._socket = sock
        self._read: float | None = _UNSET
        self._write: float | None = _UNSET
        self._poll = _readiness(sock)
        self.recv: Callable[[int], bytes] = self._recv
        self.send_all: Callable[[bytes], object] = self._send_all

    def _recv(self, size: int) -> bytes:
        self._socket.settimeout(self._read)
        try:
            return self._socket.recv(size)
        except ssl.SSLEOFError:  # without a close_notify: as good as a reset, for a body without a length
            raise ConnectionResetError("the TLS connection was cut off without a word") from None

    def _send_all(self, data: bytes) -> None:
        self._socket.settimeout(self._write)
        self._socket.sendall(data)

    def limit(self, read: float | None, write: float | None) -> None:
        self._read, self._write = read, write

    def is_readable(self) -> bool:
        """A session ticket makes a socket readable, too: what is no data is read away."""
        if self._socket.pending():
            return True
        while self._poll():
            self._socket.settimeout(0.0)
            try:
                self._socket.recv(1)
            except (ssl.SSLWantReadError, BlockingIOError):
                if not self._poll():
                    return False
                continue
            except OSError:
                return True
            return True
        return False

    def close(self) -> None:
        self._socket.close()


def _readiness(sock: Union[socket.socket, ssl.SSLSocket]) -> Callable[[], bool]:
    """Whether the socket can be read, without waiting."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return lambda: bool(poll.poll(0))
    return lambda: bool(select.select([sock], [], [], 0)[0])
