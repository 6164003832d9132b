"""What of one response is still to be sent, and the one loop that sends it.

A response becomes a queue of pieces (bytes, file segments) and perhaps an iterator that refills it; `push` sends
until the socket takes no more, the turn's share is used up, or everything is gone. An iterator is asked for its next
piece only when the socket has taken the last one, so a slow reader costs one piece of memory. This file does not
know events, threads or deadlines; it raises what went wrong, and its caller decides whether to abort.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from typing import Protocol, Union

from salver.protocol.connection import Connection
from salver.response import Body, FileSegment, Segments, Written

# Tells the kernel that the file follows at once, so that head and file share packets (as TCP_CORK, in one call less).
MORE = getattr(socket, "MSG_MORE", 0)
# One connection's share of a turn, in bytes: enough to amortise the event, little enough that others don't wait.
SHARE = 2 * 1024 * 1024

Piece = Union[bytes, memoryview, FileSegment]


class SendingStream(Protocol):
    """What sending needs of a stream; BlockingIOError where the socket is full, OSError where it is gone."""

    def send(self, data: bytes | memoryview, flags: int = 0, /) -> int:
        """Send some of `data`; how many bytes went."""

    def send_file(self, fd: int, offset: int, length: int) -> int:
        """Send some of an open file; 0 where the file has ended before `length`."""


class BodyError(Exception):
    """The body broke off: a file that became shorter, an iterator that gave the wrong type or raised, a length that
    was promised and not kept. What was sent cannot be repaired; the connection has to be aborted."""


class Sending:
    """One response on its way. Used by one thread at a time; `close()` lets go of files and iterators."""

    __slots__ = ("_pieces", "_protocol", "_source", "_whole", "cut", "head_size", "sent")

    def __init__(self, protocol: Connection) -> None:
        self._protocol = protocol
        self._pieces: deque[Piece] = deque()
        self._source: Iterator[bytes] | None = None
        self._whole: object = None  # the iterable itself, whose close() is due at the end
        self.sent = 0  # bytes that the stream took
        self.head_size = 0  # how many of them are the head's
        self.cut = False  # the iterator gave more than was promised

    def add(self, piece: Piece) -> None:
        """Queue bytes or a file segment that need no framing any more."""
        self._pieces.append(piece)

    def add_body(self, body: Body, *, wanted: bool) -> None:
        """Queue a response's body behind its head; where none is `wanted` (HEAD, 304) it is only let go of.

        The first piece of an iterator is pulled at once, by `start`, before the head leaves.
        """
        if not wanted:
            close_body(body)
        elif isinstance(body, bytes):
            self._pieces.append(self._protocol.send_body(body))
        elif isinstance(body, FileSegment):
            self._add_segment(body)
        elif isinstance(body, Segments):
            for piece in body.pieces:
                self.add_body(piece, wanted=True)
        else:
            self._whole, self._source = body, iter(body)

    def _add_segment(self, segment: FileSegment) -> None:
        self._protocol.skip_body(segment.length)
        if segment.length:
            self._pieces.append(segment)
        else:
            segment.close()

    def start(self) -> None:
        """Pull the first piece of an iterable body, so that one that raises at once does so before the head leaves."""
        if self._source is not None:
            self._refill()
            self._pieces = deque([b"".join(self._pieces)])  # type: ignore[arg-type]  # head and first piece: bytes

    def push(self, stream: SendingStream) -> bool:
        """Send; True where all is gone, False where the socket is full or the share used up.

        Raises OSError where the peer is gone, `BodyError` where the body is at fault.
        """
        pieces, left = self._pieces, SHARE
        while left > 0:
            if not pieces and not self._refill():
                return True
            try:
                gone = self._send_first(stream, pieces[0])
            except BlockingIOError:
                return False
            self.sent += gone
            left -= gone
        return False

    def _send_first(self, stream: SendingStream, piece: Piece) -> int:
        if isinstance(piece, FileSegment):
            return self._send_segment(stream, piece)
        file_follows = len(self._pieces) > 1 and isinstance(self._pieces[1], FileSegment)
        gone = stream.send(piece, MORE if file_follows else 0)
        if gone == len(piece):
            self._pieces.popleft()
        else:
            self._pieces[0] = memoryview(piece)[gone:]
        return gone

    def _send_segment(self, stream: SendingStream, segment: FileSegment) -> int:
        gone = stream.send_file(segment.fd, segment.offset, segment.length)
        if not gone:
            raise BodyError("the file became shorter while it was sent")
        segment.offset += gone
        segment.length -= gone
        if not segment.length:
            self._pieces.popleft()
            segment.close()
        return gone

    def _refill(self) -> bool:
        """Pull until there is something to send; False where the body has ended and all of it is gone."""
        source = self._source
        if source is None:
            return False
        for data in source:
            framed = self._frame(data)
            if framed:
                self._pieces.append(framed)
                return True
            if self.cut:
                break
        self._source = None
        end = self._protocol.end_body()
        if end:
            self._pieces.append(end)
        return bool(end)

    def _frame(self, data: object) -> bytes:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise BodyError(f"a body's iterator must give bytes, not {type(data).__name__}")
        raw, room = bytes(data), self._protocol.room
        if room is not None and len(raw) > room:
            self.cut = True
            raw = raw[:room]
        return self._protocol.send_body(raw)

    def close(self) -> None:
        """Let go of everything that is left; safe to call twice."""
        while self._pieces:
            piece = self._pieces.popleft()
            if isinstance(piece, FileSegment):
                piece.close()
        whole, self._whole, self._source = self._whole, None, None
        if whole is not None:
            close_body(whole)


def written(protocol: Connection, response: Written) -> Sending:
    """What is left of a response that its handler wrote as HTTP itself."""
    sending = Sending(protocol)
    left = 0
    for piece in response.pieces:
        sending.add(piece)
        left += len(piece) if isinstance(piece, bytes) else piece.length
    sending.head_size = left - response.size
    return sending


def close_body(body: object) -> None:
    """Call the `close()` of a body that has one."""
    close = getattr(body, "close", None)
    if close is not None:
        close()
