"""What of one response is still to be sent, and the one loop that sends it.

A response becomes a queue of pieces (bytes, file segments) and perhaps an iterator that refills it; `push` sends
until the socket takes no more, the turn's share is used up, or everything is gone. An iterator is asked for its next
piece only when the socket has taken the last one, so a slow reader costs one piece of memory. This file does not
know events, threads or deadlines; it raises what went wrong, and its caller decides whether to abort.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Iterator
from typing import Protocol, Union

from salver.protocol.connection import Connection
from salver.protocol.errors import LocalProtocolError
from salver.response import Body, FileSegment, Segments, Written

# Tells the kernel that the file follows at once, so that head and file share packets (as TCP_CORK, in one call less).
MORE = getattr(socket, "MSG_MORE", 0)
# One connection's share of a turn, in bytes: enough to amortise the event, little enough that others don't wait.
SHARE = 2 * 1024 * 1024
# What a call counts at least, so that a body of small pieces does not make hundreds of thousands of calls in a turn.
_LEAST = 4_096
# Head and body up to this leave in one call; more is not worth copying.
_JOINED = 64 * 1024
# What reading a file says; everything else that sending one raises is the peer's.
_OF_FILES = frozenset((errno.EIO, errno.EBADF, errno.EINVAL, errno.EOVERFLOW, errno.ESPIPE, errno.EISDIR, errno.ESTALE))

Piece = Union[bytes, memoryview, FileSegment]


class SendingStream(Protocol):
    """What sending needs of a stream; BlockingIOError where the socket is full, OSError where it is gone."""

    def send(self, data: bytes | memoryview, flags: int = 0, /) -> int:
        """Send some of `data`; how many bytes went."""

    def send_file(self, fd: int, offset: int, length: int) -> int:
        """Send some of an open file; 0 where the file has ended before `length`."""


class BodyError(Exception):
    """The body broke off: a file that became shorter or cannot be read, an iterator that gave the wrong type or raised
    (`__cause__`), a length that was promised and not kept. What was sent cannot be repaired; the connection has to be
    aborted."""


class Sending:
    """One response on its way. Used by one thread at a time. The body is its own from the beginning: `close()` lets go
    of it, sent or not."""

    __slots__ = ("_body", "_pieces", "_protocol", "_source", "cut", "head_size", "sent", "unsent")

    waits = False  # all is gone, and the body has not ended: see `waiting.py`

    def __init__(self, protocol: Connection, body: Body = b"") -> None:
        self._protocol = protocol
        self._body = body
        self._pieces: deque[Piece] = deque()
        self._source: Iterator[bytes | None] | None = None
        self.unsent = 0  # bytes that waited in the kernel when the stream took no more
        self.sent = 0  # bytes that the stream took
        self.head_size = 0  # how many of them are the head's
        self.cut = False  # the iterator gave more than was promised

    @property
    def pulls(self) -> bool:
        """The body is an iterable: sending may run code of the handler's."""
        return not isinstance(self._body, (bytes, FileSegment, Segments))

    @property
    def keeps_thread(self) -> bool:
        """The body says (`keeps_thread = True`) that it has to be pulled in the thread that made it, because of what
        belongs to that thread: a cursor of a database, a context."""
        return self._source is not None and getattr(self._body, "keeps_thread", False)

    def add(self, piece: Piece) -> None:
        """Queue bytes or a file segment that need no framing any more."""
        self._pieces.append(piece)

    def add_head(self, head: bytes) -> None:
        """Queue the head, which does not count as body."""
        self._pieces.append(head)
        self.head_size = len(head)

    def start(self, *, wanted: bool) -> None:
        """Queue the body behind the head; where none is `wanted` (HEAD, 304), it only waits to be let go of.

        The first piece of an iterable is pulled at once, so that one that raises does so before the head leaves: as it
        raises it. `BodyError` for a piece that is not bytes, `LocalProtocolError` for a broken promise of length.
        """
        body = self._body
        if not wanted:
            return
        if isinstance(body, bytes):
            self._add_bytes(body)
        elif isinstance(body, FileSegment):
            self._add_segment(body)
        elif isinstance(body, Segments):
            for piece in body.pieces:
                if isinstance(piece, FileSegment):
                    self._add_segment(piece)
                else:
                    self._add_bytes(piece)
        else:
            self._source = iter(body)
            self._refill()
            self._pieces = deque([b"".join(self._pieces)])  # type: ignore[arg-type]  # head and first piece: bytes

    def _add_bytes(self, data: bytes) -> None:
        if not data:
            return
        framed, pieces = self._protocol.send_body(data), self._pieces
        last = pieces[-1] if pieces else None
        if isinstance(last, bytes) and len(last) + len(framed) <= _JOINED:
            pieces[-1] = last + framed
        else:
            pieces.append(framed)

    def _add_segment(self, segment: FileSegment) -> None:
        self._protocol.skip_body(segment.length)
        if segment.length:
            self._pieces.append(segment)

    def push(self, stream: SendingStream) -> bool:
        """Send; True where all is gone, False where the socket is full or the share used up.

        Raises OSError where the peer is gone, `BodyError` where the body is at fault.
        """
        pieces, left = self._pieces, SHARE
        while left > 0:
            if not pieces and not self._pull():
                return True
            try:
                gone = self._send_first(stream, pieces[0])
            except BlockingIOError:
                return False
            self.sent += gone
            left -= gone if gone > _LEAST else _LEAST
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
        try:
            gone = stream.send_file(segment.fd, segment.offset, segment.length)
        except OSError as error:
            if error.errno in _OF_FILES:
                raise BodyError("the file cannot be read") from error
            raise
        if not gone:
            raise BodyError("the file became shorter while it was sent")
        segment.offset += gone
        segment.length -= gone
        if not segment.length:
            self._pieces.popleft()
        return gone

    def _pull(self) -> bool:
        """As `_refill`, behind the head: whatever goes wrong now breaks the body off."""
        try:
            return self._refill()
        except BodyError:
            raise
        except LocalProtocolError as error:
            raise BodyError(str(error)) from None
        except BaseException as error:
            raise BodyError("its iterator raised") from error

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
        return self._end_body()

    def _end_body(self) -> bool:
        self._source = None
        end = self._protocol.end_body()
        if end:
            self._pieces.append(end)
        return bool(end)

    def _frame(self, data: object) -> bytes:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            hint = "; encode it" if isinstance(data, str) else ""
            raise BodyError(f"a body's iterator must give bytes, not {type(data).__name__}{hint}")
        raw, room = bytes(data), self._protocol.room
        if room is not None and len(raw) > room:
            self.cut = True
            raw = raw[:room]
        return self._protocol.send_body(raw)

    def close(self) -> None:
        """Let go of the body, once; safe to call twice. Raises what the body's own `close` raises."""
        self._pieces.clear()
        body, self._body, self._source = self._body, b"", None
        close = getattr(body, "close", None)
        if close is not None:
            close()


def written(protocol: Connection, response: Written) -> Sending:
    """What is left of a response that its handler wrote as HTTP itself. What has left counts as less of a head, so
    that the body's bytes come out right in the end."""
    body = Segments(response.pieces)
    sending = Sending(protocol, body)
    for piece in body.pieces:
        sending.add(piece)
    sending.head_size = body.length - response.size
    return sending
