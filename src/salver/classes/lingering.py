"""A close that does not become a reset: with input unread, it would be one, and might overtake the last answer."""

from __future__ import annotations

import socket
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salver.response import Written
    from salver.service.direct import DirectConnection

_PIECE = 65_536
_LAST = 2.0  # seconds that a client has, to take a last answer and close


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


def send_last(direct: DirectConnection, written: Written) -> None:
    """Send an answer to its end by a connection that nobody will serve any more. Does not raise OSError."""
    stream = direct.stream
    try:
        direct.push(deque(written.pieces), most_left=0)
        stream.shutdown_write()
    except OSError:  # gone
        return
    sock = getattr(stream, "socket", stream)  # TLS has it inside
    if isinstance(sock, socket.socket):
        linger(sock, _LAST)
