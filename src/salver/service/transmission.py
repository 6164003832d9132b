"""A response that its handler sends while it runs: each piece has left when `write` returns.

Where the socket has no room, the thread hands over first and then waits, for as long as any response may stall. The
framing is the connection's own, so what is too long is cut and a body for HEAD is dropped, as for other responses.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from salver.protocol.errors import LocalProtocolError
from salver.response import FileSegment, Response, Written

if TYPE_CHECKING:
    from salver.protocol.server_connection import ServerConnection
    from salver.service.direct import DirectConnection
    from salver.service.running import Running

logger = logging.getLogger("salver")


class Transmission:
    """See `salver.request.Transmission`."""

    __slots__ = ("_connection", "_cut", "_direct", "_pieces", "_protocol", "_size", "_status", "failed")

    def __init__(self, connection: Running, direct: DirectConnection, protocol: ServerConnection) -> None:
        self._connection = connection
        self._direct = direct
        self._protocol = protocol
        self._pieces: deque[bytes | FileSegment] = deque()
        self._status = 200
        self._size = 0  # bytes of body, framed
        self._cut = False
        self.failed = False

    def begin(self, response: Response) -> None:
        """Make the head, which leaves with the first piece. Raises `LocalProtocolError`."""
        self._pieces.append(self._connection.make_head(response))
        self._status = response.status

    def write(self, data: bytes) -> None:
        """Send `data`. Raises OSError; TimeoutError where the client accepts nothing for too long."""
        framed = self._framed(data)
        if framed:
            self._pieces.append(framed)
            self._size += len(framed)
        try:
            self._push()
        except OSError:
            self.failed = True
            raise

    def _framed(self, data: bytes) -> bytes:
        protocol, room = self._protocol, self._protocol.room
        if room is not None and len(data) > room:
            self._cut = self._cut or self._connection.has_body(self._status)
            data = data[:room]
        return protocol.send_body(data) if data else b""

    def _push(self) -> None:
        direct, pieces = self._direct, self._pieces
        direct.push(pieces)
        if pieces:
            direct.hand_over()
            direct.push(pieces, most_left=0)

    def finish(self) -> Written:
        """The end of the body. Where the head promised more than came, the response breaks off."""
        try:
            end = self._protocol.end_body()
        except LocalProtocolError as error:
            logger.error("%s", error)
            return self.break_off()
        if self._cut:
            logger.error("a body was longer than its Content-Length, and was cut")
        pieces = [end] if end else []
        keep_alive = self._protocol.keep_alive and not self._cut
        return Written(pieces, self._status, self._size + len(end), keep_alive=keep_alive)

    def break_off(self) -> Written:
        """No end, and a reset."""
        return Written([], self._status, self._size, aborted=True)
