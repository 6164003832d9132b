"""One request and its response over a link, by the client's side of the protocol.

A `Conversation` is a link with its protocol: it carries one exchange after another for as long as both sides will.
This file knows no cookies, redirects or forms; a real client's connection would be just this, on another link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from salver.protocol.client_connection import ClientConnection
from salver.protocol.heads import ResponseHead
from salver.testing.memory import Link
from salver.testing.request_bodies import RequestBody

_READ_SIZE = 65_536


class Conversation:
    """A link, and the exchange that is under way on it. Used by one thread at a time."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._protocol = ClientConnection()
        self._broken = False  # a request was not sent to its end

    @property
    def reusable(self) -> bool:
        """The last exchange is over, and another one may follow."""
        protocol = self._protocol
        over = protocol.keep_alive and protocol.body_complete and not (protocol.unread or protocol.eof or self._broken)
        return over and self.link.is_open

    def ask(self, method: str, target: str, fields: Iterable[tuple[str, str]], body: RequestBody) -> ResponseHead:
        """Send a request, and read the head of its final response.

        Raises `LocalProtocolError` for a request that must not be sent, `RemoteProtocolError` for an answer that is
        none, and ConnectionError where none came.
        """
        protocol = self._protocol
        self.link.send(protocol.send_head(method, target, fields, body.length))
        try:
            for piece in body.pieces:
                self.link.send(protocol.send_body(piece) if piece else b"")
            self.link.send(protocol.end_body())
        except BrokenPipeError:
            self._broken = True  # the server has said already what it thinks of this body
        while True:
            head = protocol.next_response()
            if head is None:
                self._receive("before its answer")
            elif head.status >= 200 or head.status == 101:
                return head

    def _receive(self, where: str) -> None:
        if self._protocol.eof:
            raise ConnectionResetError(f"the server has ended the connection {where}")
        data = self.link.recv(_READ_SIZE)
        if data:
            self._protocol.receive(data)
        else:
            self._protocol.receive_eof()

    def pieces(self) -> Iterator[bytes]:
        """The response's body as it comes. Raises what `ask` does."""
        protocol = self._protocol
        while True:
            data = protocol.read_body()
            if data:
                yield data
            elif protocol.body_complete:
                self.link.settle()
                return
            else:
                self._receive("inside its answer")

    def close(self) -> None:
        """End the link."""
        self.link.close()
