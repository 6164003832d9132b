"""TLS inside another wire, which may be TLS itself: to an origin behind a proxy that is spoken to by TLS.

OpenSSL works on two buffers in memory here; what it wants to send goes to the outer wire, and what comes from there it
is given. The outer wire's limits are this one's.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable

from salver.client.errors import ConnectTimedOut, TLSFailed
from salver.client.tls import TLSSettings, explain_failure
from salver.client.wire import Wire, is_timeout

_READ = 65_536
_WRITE = 262_144  # bytes that are encrypted at once: what a slow peer holds in memory


class NestedTLSWire:
    """See `Wire`. Owns the outer one."""

    __slots__ = ("_incoming", "_outer", "_outgoing", "_tls", "recv", "send_all")

    def __init__(self, outer: Wire, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.recv: Callable[[int], bytes] = self._recv
        self.send_all: Callable[[bytes], object] = self._send_all

    def shake_hands(self, end: float | None) -> None:
        """Raises OSError; a limit that has passed is one that `is_timeout` knows."""
        while True:
            left = None if end is None else max(0.001, end - time.monotonic())
            self._outer.limit(left, left)
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError from None
                self._take()
            except ssl.SSLError:
                self._flush()  # the alert that says why
                raise
            else:
                self._flush()
                return

    def _recv(self, size: int) -> bytes:
        while True:
            try:
                data = self._tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()  # a key update, or a renegotiated answer
                self._take()
                continue
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:  # without a close_notify: as good as a reset, for a body without a length
                raise ConnectionResetError("the TLS connection was cut off without a word") from None
            return data

    def _send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view[:_WRITE]) :]
            self._flush()

    def _take(self) -> None:
        data = self._outer.recv(_READ)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._outer.send_all(self._outgoing.read())

    def limit(self, read: float | None, write: float | None) -> None:
        self._outer.limit(read, write)

    def is_readable(self) -> bool:
        """What is no data (a session ticket) is read away."""
        while self._tls.pending() == 0:
            if not self._incoming.pending:
                if not self._outer.is_readable():
                    return False
                try:
                    self._take()
                except OSError:
                    return True
            try:
                return self._tls.read(1) is not None  # data, or the end
            except ssl.SSLWantReadError:
                continue
            except OSError:
                return True
        return True

    def close(self) -> None:
        self._outer.close()


def secure_over(outer: Wire, tls: TLSSettings, host: str, end: float | None) -> NestedTLSWire:
    """The handshake with `host` through `outer`, which is the new wire's from now on, and closed where it fails. `end`:
    of the time allowed, by the monotonic clock. Raises `TLSFailed`, `ConnectTimedOut`."""
    try:
        wire = NestedTLSWire(outer, tls.context, host.partition("%")[0].rstrip("."))
        wire.shake_hands(end)
    except TLSFailed:
        outer.close()
        raise
    except (OSError, ValueError) as error:
        outer.close()
        if isinstance(error, OSError) and is_timeout(error):
            raise ConnectTimedOut(f"the TLS handshake with {host} took too long") from None
        raise TLSFailed(explain_failure(host, error)) from error
    except BaseException:
        outer.close()
        raise
    return wire
