"""Both ends of a TLS connection as streams, for tests."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

from salver.net.certificates import TLSFiles, load_context
from salver.net.stream import SocketStream
from salver.net.tls import TLSStream


def adopted(sock: socket.socket) -> SocketStream:
    stream = SocketStream(fileno=sock.detach())
    stream.setblocking(False)
    return stream


def client_context(cert: Path, version: str | None = None) -> ssl.SSLContext:
    """One that trusts `cert` alone, and speaks the `version` alone ("TLSv1.2")."""
    context = ssl.create_default_context(cafile=str(cert))
    if version is not None:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
    return context


def raw_ends(keys: tuple[Path, Path], version: str | None = None) -> tuple[TLSStream, TLSStream]:
    """Server and client over TCP, their handshake not begun."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = socket.create_connection(listening.getsockname())
        here, _ = listening.accept()
        for end in (here, there):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as listeners do
    server = TLSStream(adopted(here), load_context(TLSFiles(*keys)))
    return server, TLSStream(adopted(there), client_context(keys[0], version), "localhost")


def shake_hands(*ends: TLSStream) -> None:
    waiting = list(ends)
    for _ in range(20_000):
        for end in list(waiting):
            try:
                if end.shake():
                    waiting.remove(end)
            except BlockingIOError:
                os.sched_yield()
        if not waiting:
            return
    raise TimeoutError


def tls_streams(keys: tuple[Path, Path], version: str | None = None) -> tuple[TLSStream, TLSStream]:
    """Server and client, ready."""
    server, client = raw_ends(keys, version)
    shake_hands(server, client)
    return server, client
