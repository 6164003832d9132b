"""A connection as a handler sees it that writes HTTP itself: bytes out, at once or waiting, and the way out of HTTP.

What such a handler returns is a `Written`. The stream never waits by itself; here its caller's thread does, which
must not lead then (`hand_over` first), and for no longer than the server's time-out for a peer that reads nothing.
This file knows neither heads nor framing.
"""

from __future__ import annotations

import io
import select
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, BinaryIO, Protocol

from salver.response import FileSegment
from salver.service.bodies import BodyStream

if TYPE_CHECKING:
    from salver.net.stream import Stream
    from salver.protocol.server_connection import ServerConnection
    from salver.service.context import Context
    from salver.service.running import Running
    from salver.service.settings import Timeouts

_LOOK = 1_000  # milliseconds between two looks at the clock, while waiting


class Attachment(Protocol):
    """What a handler keeps on a connection from one request to the next."""

    def on_rescue(self) -> None:
        """The handler's call was taken from the leader, and goes on. Called in another thread; must be quick."""


class DirectConnection:
    """One served connection. For the thread that runs its handler, while it does; `push` without waiting also for
    another thread, where the two exclude each other."""

    __slots__ = ("_connection", "_context", "_protocol", "stream")

    def __init__(self, stream: Stream, protocol: ServerConnection, context: Context, connection: Running) -> None:
        self.stream = stream
        self._protocol = protocol
        self._context = context
        self._connection = connection

    @property
    def runs_alone(self) -> bool:
        """Nobody is waiting for this thread to come back to the loop, or nobody could take its place: it was handed
        over, or the crew has one thread."""
        return self._connection.detached or self._context.limits.threads == 1

    @property
    def closing(self) -> bool:
        """The response under way is to be the connection's last."""
        return self._context.closing or not self._protocol.keep_alive

    def hand_over(self) -> bool:
        """See `Request.hand_over`."""
        return self._context.crew.hand_over()

    def push(self, pieces: deque[bytes | FileSegment], *, most_left: int | None = None) -> int:
        """Send from the front of `pieces`, which become fewer; how many bytes went.

        None: no waiting, what the socket does not take stays. A number: wait until no more than so many bytes are
        left. Raises TimeoutError for a peer that accepts nothing for too long, OSError for one that is gone.
        """
        sent = 0
        left = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
        if pieces:  # over TLS, what is refused has to come again: nothing else may be sent in its place
            self._connection.note_begun()
        while pieces and (most_left is None or left > most_left):
            try:
                gone = self._send_first(pieces)
            except BlockingIOError:
                if most_left is None:
                    break
                wait_for_reader(self.stream, self._context.timeouts)
                continue
            sent += gone
            left -= gone
        return sent

    def _send_first(self, pieces: deque[bytes | FileSegment]) -> int:
        piece = pieces[0]
        if isinstance(piece, bytes):
            gone = self.stream.send(piece)
            if gone == len(piece):
                pieces.popleft()
            else:
                pieces[0] = piece[gone:]
            return gone
        gone = self.stream.send_file(piece.fd, piece.offset, piece.length)
        if not gone:
            raise OSError("the file became shorter while it was sent")
        piece.offset += gone
        piece.length -= gone
        if not piece.length:
            pieces.popleft().close()  # type: ignore[union-attr]  # it is the segment
        return gone

    def leave_http(self) -> BinaryIO:
        """What the client sends from here on, as it comes; the connection ends with the handler. Reads wait, for as
        long as an idle connection may; TimeoutError past it."""
        self._protocol.keep_alive = False
        rest = [self._protocol.take_rest()]

        def read_more() -> bytes:
            return rest.pop() or self._receive() if rest else self._receive()

        return io.BufferedReader(BodyStream(read_more), 65_536)

    def _receive(self) -> bytes:
        while True:
            try:
                return self.stream.recv(65_536)
            except BlockingIOError:
                wait_for(self.stream, select.POLLIN, self._context.timeouts.idle)


def wait_for_reader(stream: Stream, timeouts: Timeouts) -> None:
    """Wait until the socket has room. Raises TimeoutError where the peer has not read for too long: a large send
    buffer has room only when a good part of it is gone, so one that reads, if slowly, has the same time again."""
    unsent = stream.unsent()
    while True:
        try:
            wait_for(stream, select.POLLOUT, timeouts.stalled)
        except TimeoutError:
            before, unsent = unsent, stream.unsent()
            if before - unsent < timeouts.body_rate * timeouts.stalled:
                raise
        else:
            return


def wait_for(stream: Stream, event: int, most: float) -> None:
    """Wait until `stream` is ready for `event` (of select.poll), `most` seconds at most. Raises TimeoutError."""
    poller = select.poll()
    poller.register(stream.fileno(), event)
    until = monotonic() + most
    while not poller.poll(_LOOK):
        if monotonic() >= until:
            raise TimeoutError("the client has accepted or sent nothing for too long")
