"""A connected socket as the client uses it: blocking, with limits on how long it blocks.

The read limit of a plain socket is the kernel's own (SO_RCVTIMEO): Python's `settimeout` asks `poll` before each call,
which is a second system call for every first one. SO_SNDTIMEO would not do for writing: a `send` that waits in vain
reports what it had sent before it waited, and the limit begins anew. So what can be sent is sent without waiting, and
only then is waited for room. Under TLS neither can be: OpenSSL asks again and again where a blocking socket says
EAGAIN, so there it is `settimeout`. Either way a limit that has passed is an `OSError` that `is_timeout` knows.

A wire knows neither HTTP nor the pool. One thread at a time uses it; `close` may come from any.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol, Union

from salver.client.errors import TLSFailed

_UNIX = sys.platform != "win32"  # there, SO_RCVTIMEO has another form, and there is neither MSG_DONTWAIT nor poll
_AT_ONCE = getattr(socket, "MSG_DONTWAIT", 0)
_TIMEVAL = struct.Struct("ll")
_RECORD = 16_384  # bytes: RFC 8446 §5.1
_AHEAD_MAX = 16_777_216  # bytes of an answer that are read while the request is still being sent


class Passed(Exception):
    """What a wire raises with an `error` that is not its own, but of a handler that runs in this process: the client
    lets go of the connection, and raises `error` as it is."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


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

    __slots__ = ("_ahead", "_poll", "_read", "_send", "_socket", "_write", "recv", "send_all")

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(None)
        self._socket = sock
        self._read: float | None = None
        self._write: float | None = None
        self._poll = _readiness(sock)
        self._send = sock.send
        self._ahead = bytearray()
        self.recv: Callable[[int], bytes] = sock.recv  # the C method itself: no line of Python in between
        self.send_all: Callable[[bytes], object] = self._send_all if _UNIX else sock.sendall

    def _send_all(self, data: bytes) -> None:
        try:
            sent = self._send(data, _AT_ONCE)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, rest: memoryview) -> None:
        while rest:
            if _await_room(self._socket, self._write, reads=len(self._ahead) < _AHEAD_MAX):
                try:
                    rest = rest[self._send(rest, _AT_ONCE) :]
                except BlockingIOError:
                    continue
            else:
                self._read_ahead()

    def _read_ahead(self) -> None:
        data = self._socket.recv(_RECORD, _AT_ONCE)
        if not data:
            raise BrokenPipeError("the peer has ended the connection, and takes nothing")
        self._ahead += data
        self.recv = self._recv_ahead

    def _recv_ahead(self, size: int) -> bytes:
        data = _taken(self._ahead, size)
        if not self._ahead:
            self.recv = self._socket.recv
        return data

    def limit(self, read: float | None, write: float | None) -> None:
        if read != self._read:
            self._read = read
            if _UNIX:
                self._limit_reading(read)
        self._write = write
        if not _UNIX:
            self._socket.settimeout(None if read is None or write is None else max(read, write))

    def _limit_reading(self, seconds: float | None) -> None:
        micros = 0 if seconds is None else max(1, int(seconds * 1e6))  # 0 is for ever
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(*divmod(micros, 1_000_000)))

    def is_readable(self) -> bool:
        return bool(self._ahead or self._poll())

    def close(self) -> None:
        self._socket.close()

    def detach(self) -> socket.socket:
        """The socket, for whoever speaks another protocol on it; the wire is closed without it."""
        return self._socket


class TLSWire:
    """A socket under TLS, its handshake done. Owns the socket, which was wrapped with `suppress_ragged_eofs=False`: a
    connection that is cut is not one that was ended."""

    __slots__ = ("_ahead", "_poll", "_read", "_socket", "_write", "recv", "send_all")

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._socket = sock
        self._read: float | None = None
        self._write: float | None = None
        self._poll = _readiness(sock)
        self._ahead = bytearray()
        self.recv: Callable[[int], bytes] = self._recv
        self.send_all: Callable[[bytes], object] = self._send_all

    def _recv(self, size: int) -> bytes:
        if self._ahead:
            return _taken(self._ahead, size)
        self._socket.settimeout(self._read)
        return self._recv_now(size)

    def _recv_now(self, size: int) -> bytes:
        try:
            return self._socket.recv(size)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLEOFError:  # no close_notify: whatever has no length may be cut short (RFC 9112 §9.8)
            raise ConnectionResetError("the TLS connection was cut off without a word") from None
        except ssl.SSLError as error:
            raise _refused(error) from None

    def _send_all(self, data: bytes) -> None:
        """Record by record: OpenSSL reports nothing before all it was given has gone, and that may well take longer
        than the limit for a part."""
        if not _UNIX:
            self._socket.settimeout(self._write)
            self._socket.sendall(data)
            return
        self._socket.settimeout(0.0)
        view = memoryview(data)
        for start in range(0, len(data), _RECORD):
            self._send_record(view[start : start + _RECORD])

    def _send_record(self, record: memoryview) -> None:
        while record:
            try:
                record = record[self._socket.send(record) :]
            except ssl.SSLWantReadError:  # TLS has something to settle first
                _await(self._socket, select.POLLIN, self._write)
            except ssl.SSLWantWriteError:
                has_room = _await_room(self._socket, self._write, reads=len(self._ahead) < _AHEAD_MAX)
                if not has_room and self._read_ahead() == b"":
                    raise BrokenPipeError("the peer has ended the connection, and takes nothing") from None

    def _read_ahead(self) -> bytes | None:
        """Take what has arrived: data, which is kept, b"" for the end, None for what is TLS's own."""
        try:
            data = self._recv_now(_RECORD)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None  # a session ticket, or a part of a record
        self._ahead += data
        return data

    def limit(self, read: float | None, write: float | None) -> None:
        self._read, self._write = read, write

    def is_readable(self) -> bool:
        """A session ticket makes a socket readable, too: what is no data is read away; what is, is kept."""
        if self._ahead or self._socket.pending():
            return True
        self._socket.settimeout(0.0)
        try:
            while self._poll():
                if self._read_ahead() is not None:
                    return True
        except OSError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


def _await_room(sock: socket.socket, seconds: float | None, *, reads: bool) -> bool:
    """Wait until the peer takes more: True; or, where `reads`, until it has something to say first: False. A server
    that answers while it reads takes no more before its answer is taken. Raises TimeoutError."""
    events = _await(sock, select.POLLOUT | (select.POLLIN if reads else 0), seconds)
    return bool(events & select.POLLOUT) or not events & select.POLLIN  # an error alone is told by sending


def _await(sock: socket.socket, events: int, seconds: float | None) -> int:
    poll = select.poll()
    poll.register(sock, events)
    found = poll.poll(None if seconds is None else max(1, seconds * 1000))
    if not found:
        raise TimeoutError("the peer takes nothing")
    return found[0][1]


def _taken(kept: bytearray, size: int) -> bytes:
    data = bytes(kept[:size])
    del kept[:size]
    return data


def _refused(error: ssl.SSLError) -> TLSFailed:
    """Under TLS 1.3 a server looks at our certificate after the handshake is over for us: its alert comes here."""
    reason = error.reason or str(error)
    hint = "; it wants a certificate of yours: give one with cert=" if "CERTIFICATE" in reason else ""
    return TLSFailed(f"the server ended TLS: {reason.lower().replace('_', ' ')}{hint}")


def _readiness(sock: Union[socket.socket, ssl.SSLSocket]) -> Callable[[], object]:
    """What is true where the socket can be read, without waiting."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return partial(poll.poll, 0)
    return lambda: select.select([sock], [], [], 0)[0]
