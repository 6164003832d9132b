"""`connection` and `request` of a handler on the fast way: what a socket offers, where the socket is the event loop's.

The socket itself must not be given away. It does not block, so that `recv` would raise; a `settimeout` would make the
loop wait for one client; and what is sent past `wfile` overtakes what is kept there, and is followed by a 500 for a
method that seems to have answered nothing. So bytes go out by `wfile`, come in by `rfile` and then as they are, and
`close` means what it means in `socketserver`, where `rfile` keeps the socket open: the end, when the handler returns.

This file knows TLS only as a session that may be asked about.
"""

from __future__ import annotations

import socket
from typing import Any

_OF_THE_SOCKET = frozenset(
    ("family", "fileno", "getpeername", "getsockname", "getsockopt", "proto", "setsockopt", "type")
)
_OF_THE_SESSION = frozenset(
    (
        "cipher",
        "compression",
        "context",
        "get_channel_binding",
        "getpeercert",
        "selected_alpn_protocol",
        "server_hostname",
        "server_side",
        "session_reused",
        "shared_ciphers",
        "version",
    )
)


class HeldSocket:
    """The connection of one handler, for its thread, while one request is answered."""

    __slots__ = ("_handler", "_seconds", "_session", "_sock", "_writer")

    def __init__(self, handler: Any, writer: Any, sock: Any, session: Any) -> None:
        """`sock` is what is asked for addresses and options; `session` is TLS's (an `ssl.SSLObject`), or None."""
        self._handler = handler
        self._writer = writer
        self._sock = sock
        self._session = session
        self._seconds: float | None = handler.timeout

    def send(self, data: Any, flags: int = 0) -> int:
        """Write all of `data`, and let it leave; its size in bytes. Raises OSError for a client that is gone."""
        size: int = self._writer.write(data)
        self._writer.flush()
        return size

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As `send`."""
        self.send(data, flags)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Up to `size` bytes: of the request's body, as long as there is some, and then of what the client sends on
        this connection, which ends with the handler. Waits; b"" at the end.

        `flags` that only look (`MSG_PEEK`, by which scripts find out whether the client has gone) look at the socket
        itself, and do not wait: BlockingIOError where nothing is there, as with `MSG_DONTWAIT`. Raises ValueError for
        others, and over TLS for all, as `ssl.SSLSocket` does.
        """
        if flags:
            return self._look(size, flags)
        data: bytes = self._handler.rfile.read1(size)
        if not data and size:
            data = self._writer.leave_http().read1(size)
        return data

    def _look(self, size: int, flags: int) -> bytes:
        sock = self._sock
        if self._session is not None or not flags & socket.MSG_PEEK or not isinstance(sock, socket.socket):
            raise ValueError(f"non-zero flags ({flags}) are for a look (MSG_PEEK) at a socket without TLS")
        return socket.socket.recv(sock, size, flags)  # ours, where it is the loop's, takes no flags

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """As `recv`, into `buffer`; how many bytes came."""
        view = memoryview(buffer).cast("B")
        data = self.recv(size or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def makefile(self, mode: str = "r", *_: Any, **__: Any) -> Any:
        """`wfile` or `rfile`, whichever `mode` asks for: bytes, as they are."""
        return self._handler.wfile if "w" in mode else self._handler.rfile

    def settimeout(self, seconds: float | None) -> None:
        """Noted, for `gettimeout`: the limits of `settings` hold, whatever is said."""
        self._seconds = seconds

    def gettimeout(self) -> float | None:
        """What `settimeout` was given last."""
        return self._seconds

    def setblocking(self, blocking: bool) -> None:
        """As `settimeout`."""
        self._seconds = None if blocking else 0.0

    def shutdown(self, how: int) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Let leave what has been written; the connection ends when the handler returns."""
        self._writer.flush()
        self._handler.close_connection = True

    def __enter__(self) -> HeldSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name in _OF_THE_SOCKET:
            return getattr(self._sock, name)
        if name in _OF_THE_SESSION and self._session is not None:
            return getattr(self._session, name)
        raise AttributeError(f"the connection of a handler offers no {name!r} here: read rfile, write wfile")
