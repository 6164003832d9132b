"""Requests without a server: from whom, by which scheme and with which fields the test says."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from salver.protocol.heads import RequestHead
from salver.protocol.server_connection import ServerConnection
from salver.request import ClientAddress, Request, Transmission
from salver.response import Response

PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


class Peer:
    """An exchange: who is there, and whether a thread may block."""

    def __init__(self, client: str = "192.0.2.7", scheme: str = "http", *, may_block: bool = True) -> None:
        self.client = ClientAddress(client, 0 if client == "unix:" else 50_000)
        self.scheme = scheme
        self.local = ClientAddress("unix:", 0)
        self.may_block = may_block
        self.handed_over = 0

    def hand_over(self) -> bool:
        self.handed_over += self.may_block
        return self.may_block

    def enter(self, site: object) -> None:
        """Nothing learns here."""

    def body_stream(self) -> BinaryIO:
        return io.BytesIO(b"streamed")

    def watch_client(self) -> None:
        return None

    def transmission(self) -> Transmission:
        return cast("Transmission", "the connection's own")


def head(method: str, target: str, fields: dict[str, str]) -> RequestHead:
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "site.example", **fields}.items())
    connection = ServerConnection()
    connection.receive(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
    parsed = connection.next_request()
    assert parsed is not None
    return parsed


def request(
    target: str = "/",
    fields: dict[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes | BinaryIO | None = b"",
    peer: Peer | None = None,
) -> Request:
    return Request(head(method, target, fields or {}), peer or Peer(), body)


def content(response: Response) -> bytes:
    """The whole body, pulled where it has to be; let go of in the end."""
    body = response.body
    try:
        return body if isinstance(body, bytes) else b"".join(cast("Any", body))
    finally:
        response.close()
