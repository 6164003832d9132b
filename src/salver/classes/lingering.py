"""A close that does not become a reset: with input unread, it would be one, and might overtake the last answer."""

from __future__ import annotations

import socket
from time import monotonic

_PIECE = 65_536


def linger(connection: socket.socket, seconds: float) -> None:
    """Say that nothing more comes, and drop what still does, for so many seconds at most: below TLS, where that is
    spoken. The connection is closed by whoever owns it. Does not raise."""
    below, until = socket.socket, monotonic() + seconds  # an SSLSocket is one, too
    try:
        below.shutdown(connection, socket.SHUT_WR)
        while (left := until - monotonic()) > 0:
            connection.settimeout(left)
            if not below.recv(connection, _PIECE):
                return
    except OSError:  # gone, or silent for too long
        pass
