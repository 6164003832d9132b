"""Servers of the tower, running for a test, and a client that says bytes and reads what comes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def running(server: Any) -> Iterator[Any]:
    """`server.serve_forever` in a thread, until the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
        assert not thread.is_alive()


def connect(server: Any) -> socket.socket:
    return socket.create_connection(server.server_address[:2], timeout=10)


def until_closed(sock: socket.socket) -> bytes:
    """What comes until the end; a reset raises."""
    pieces = []
    while piece := sock.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def exchange(server: Any, sent: bytes) -> bytes:
    """Everything that is answered to `sent`, until the server closes."""
    with connect(server) as sock:
        sock.sendall(sent)
        return until_closed(sock)


def get(path: str = "/", *lines: str, method: str = "GET", close: bool = True, body: bytes = b"") -> bytes:
    """A request's bytes."""
    fields = ["Host: x", *lines] + (["Connection: close"] if close else [])
    if body:
        fields.append(f"Content-Length: {len(body)}")
    return "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode("latin-1") + body


def receive(sock: socket.socket, ending: bytes) -> bytes:
    """What comes up to and including `ending`."""
    data = b""
    while not data.endswith(ending):
        piece = sock.recv(65_536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data
