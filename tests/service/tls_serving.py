"""A server that speaks TLS, and clients of it."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from salver.handler import options
from salver.net.certificates import TLSFiles
from salver.request import Request
from salver.response import Response
from salver.service.server import Server
from salver.service.settings import Settings

Keys = tuple[Path, Path]


GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"


BLOB = os.urandom(5_000_000)


@options(stream_body=True)
def streamed(request: Request) -> str:
    return hashlib.sha256(request.stream().read()).hexdigest()


def answer(request: Request) -> Any:
    path = request.path
    if path == "/blob":
        return Response(BLOB)
    if path == "/pieces":
        return Response(BLOB[at : at + 7_001] for at in range(0, len(BLOB), 7_001))
    if path == "/slow":
        time.sleep(0.3)
    if path == "/broken":
        return Response(broken())
    if path == "/hash":
        return hashlib.sha256(request.body).hexdigest()
    return f"{request.scheme} {path}"


def broken() -> Iterator[bytes]:
    yield b"x" * 1_000
    raise RuntimeError("in the middle")


@contextmanager
def serving(keys: Keys, handler: Callable[[Request], Any] = answer, **settings: Any) -> Iterator[Server]:
    server = Server(handler, "127.0.0.1:0", settings=Settings.of(tls=TLSFiles(*keys), **settings))
    server.start()
    try:
        yield server
    finally:
        server.stop(2)


def context(keys: Keys) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(keys[0]))


def tcp(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def connect(server: Server, keys: Keys, made: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    return (made or context(keys)).wrap_socket(tcp(server), server_hostname="localhost", suppress_ragged_eofs=False)


def read_response(client: socket.socket) -> tuple[int, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65_536)
        if not part:
            raise ConnectionError("closed by the server")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    rest = bytearray(body)
    while len(rest) < length:
        part = client.recv(65_536)
        if not part:
            raise ConnectionError("closed by the server")
        rest += part
    return int(head.split()[1]), bytes(rest)


def get(server: Server, keys: Keys, path: str = "/") -> tuple[int, bytes]:
    with connect(server, keys) as client:
        client.sendall(GET % path.encode())
        return read_response(client)


def read_all(client: socket.socket) -> bytes:
    data = b""
    while part := client.recv(65_536):
        data += part
    return data


def client_hello(keys: Keys) -> bytes:
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    beginning = context(keys).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        beginning.do_handshake()
    return outgoing.read()
