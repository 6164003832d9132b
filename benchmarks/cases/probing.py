"""Single requests over plain sockets, timed. For what is measured one by one; `wrk` does the rest."""

from __future__ import annotations

import socket
import time

from benchmarks.measure import MeasureError


def request_seconds(port: int, path: str, patience: float = 20.0) -> float:
    """Seconds from connecting to the last byte of the answer to one GET. Raises `MeasureError` unless it is a 200."""
    began = time.monotonic()
    answer = fetch(port, path, patience)
    took = time.monotonic() - began
    if not answer.startswith(b"HTTP/1.1 200"):
        raise MeasureError(f"GET {path} gave {answer[:60]!r}")
    return took


def fetch(port: int, path: str, patience: float = 20.0) -> bytes:
    """The whole answer to one GET, over a connection of its own. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path.encode("ascii"))
        pieces = []
        while piece := connection.recv(1 << 18):
            pieces.append(piece)
    return b"".join(pieces)
