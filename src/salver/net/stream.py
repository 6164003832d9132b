"""The narrow port through which a connection moves bytes, and its two kinds: a socket, and an in-memory twin.

The port is what a non-blocking stream socket does already, under its own names. So `SocketStream` *is* a socket: `recv`
and `send` are the C methods, and no line of Python stands between a connection and the kernel. The in-memory twin
behaves the same to the letter (partial sends, end of stream, resets), so that what is above can be tested without a
descriptor; one suite of tests holds both to this.

This file does not know what the bytes mean, and never waits: what would block is `BlockingIOError`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import termios
from typing import Protocol

__all__ = ["MemoryStream", "SocketStream", "Stream", "memory_pair"]

_LINGER_ZERO = struct.pack("ii", 1, 0)
# What os.sendfile says about a pair of descriptors that it cannot connect (a FIFO, some file systems).
_NO_SENDFILE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSOCK})
_COPY_SIZE = 131_072
_TIOCOUTQ = termios.TIOCOUTQ  # Linux, and the BSDs: what waits in the send buffer


class Stream(Protocol):
    """One end of a byte stream. Not thread-safe: its owner is one connection, served by one thread at a time.

    Every method raises BlockingIOError when it would have to wait, ConnectionError or another OSError when the stream
    has ended, and never waits.
    """

    def recv(self, size: int, /) -> bytes:
        """Up to `size` bytes; b"" when the peer has finished sending."""

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0, /) -> int:
        """Send some of `data`, return how many bytes. What was refused must come again before anything else is sent:
        TLS may have encrypted it already."""

    def send_file(self, fd: int, offset: int, length: int) -> int:
        """Send some of the `length` bytes at `offset` of the file `fd`; return how many, 0 if the file ended there.

        The file's own position is neither used nor moved, so that many connections can send from one descriptor.
        """

    def unsent(self) -> int:
        """Bytes that were sent and that the peer has not acknowledged yet; 0 where the system does not say."""

    def getsockname(self) -> object:
        """Our own end's name, as a socket gives it: a tuple that begins with address and port, or a path."""

    def shutdown_write(self) -> None:
        """Tell the peer that nothing more comes; receiving goes on."""

    def reset(self) -> None:
        """Close so that the peer sees an error (RST) and not a clean end: what it got is incomplete."""

    def close(self) -> None:
        """Close; idempotent."""

    def fileno(self) -> int:
        """The descriptor, -1 once closed."""


class SocketStream(socket.socket):
    """A connected, non-blocking stream socket as a Stream."""

    __slots__ = ()

    def send_file(self, fd: int, offset: int, length: int) -> int:
        try:
            return os.sendfile(self.fileno(), fd, offset, length)
        except AttributeError:  # no sendfile on this platform
            pass
        except OSError as error:
            if error.errno not in _NO_SENDFILE:
                raise
        data = os.pread(fd, min(length, _COPY_SIZE), offset)
        return self.send(data) if data else 0

    def unsent(self) -> int:
        try:
            (count,) = struct.unpack("i", fcntl.ioctl(self.fileno(), _TIOCOUTQ, b"\0\0\0\0"))
        except OSError:  # not a request that this kind of socket knows
            return 0
        return int(count)

    def shutdown_write(self) -> None:
        self.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        if self.fileno() == -1:
            return
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        except OSError:  # not a TCP socket, or gone already
            pass
        self.close()


class _Pipe:
    """One direction of a memory pair."""

    __slots__ = ("broken", "capacity", "data", "ended")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.data = bytearray()
        self.ended = False
        self.broken = False


class MemoryStream:
    """One end of a pair in memory: a Stream without a descriptor, single-threaded, for tests and embedding.

    `step` bounds what a single call moves, so that a test can make everything arrive byte by byte.
    """

    __slots__ = ("_closed", "_fileno", "_incoming", "_outgoing", "step")

    def __init__(self, incoming: _Pipe, outgoing: _Pipe, fileno: int, step: int | None = None) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._fileno = fileno
        self._closed = False
        self.step = step

    @property
    def readable(self) -> bool:
        """True if recv() would not raise BlockingIOError."""
        pipe = self._incoming
        return bool(pipe.data) or pipe.ended or pipe.broken

    @property
    def writable(self) -> bool:
        """True if send() would not raise BlockingIOError."""
        pipe = self._outgoing
        return len(pipe.data) < pipe.capacity or pipe.ended or pipe.broken

    def recv(self, size: int, /) -> bytes:
        self._check()
        pipe = self._incoming
        if pipe.broken:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        if not pipe.data:
            if pipe.ended:
                return b""
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        count = size if self.step is None else min(size, self.step)
        data = bytes(pipe.data[:count])
        del pipe.data[:count]
        return data

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0, /) -> int:
        self._check()
        pipe = self._outgoing
        if pipe.ended or pipe.broken:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        view = memoryview(data).cast("B")
        if not view:
            return 0
        room = pipe.capacity - len(pipe.data)
        if room <= 0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        count = min(len(view), room) if self.step is None else min(len(view), room, self.step)
        pipe.data += view[:count]
        return count

    def send_file(self, fd: int, offset: int, length: int) -> int:
        data = os.pread(fd, min(length, _COPY_SIZE), offset)
        return self.send(data) if data else 0

    def unsent(self) -> int:
        return len(self._outgoing.data)

    def getsockname(self) -> str:
        return ""

    def shutdown_write(self) -> None:
        self._check()
        self._outgoing.ended = True

    def reset(self) -> None:
        if not self._closed:
            self._break()
            self._closed = True

    def close(self) -> None:
        if self._closed:
            return
        if self._incoming.data:
            self._break()  # as TCP does: closing with unread bytes is a reset (RFC 9293, 3.6.1)
        self._closed = True
        self._outgoing.ended = True
        self._incoming.broken = True

    def _break(self) -> None:
        for pipe in (self._incoming, self._outgoing):
            pipe.broken = True
            pipe.data.clear()

    def fileno(self) -> int:
        return -1 if self._closed else self._fileno

    def _check(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def memory_pair(
    capacity: int = 65_536, step: int | None = None, filenos: tuple[int, int] = (1_000_001, 1_000_002)
) -> tuple[MemoryStream, MemoryStream]:
    """Two connected streams in memory. At most `capacity` bytes wait in each direction; `step` as in MemoryStream."""
    there, back = _Pipe(capacity), _Pipe(capacity)
    return MemoryStream(back, there, filenos[0], step), MemoryStream(there, back, filenos[1], step)
