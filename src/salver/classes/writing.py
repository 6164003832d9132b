"""`wfile` on the fast way: what a handler writes is kept until something says that it must leave.

Head and body leave in one piece when the handler returns, which costs one system call. Earlier they leave

    on `flush()`; past the high-water mark, where the thread hands over first and then waits for the socket;
    when the overseer sees that the handler blocks (it sleeps between two events of a stream, say), and from then on
    with every write; and with every write from the start where the handler was known to block beforehand.

So a handler that streams is seen by its client as it writes, and one that answers at once pays nothing for that.

The writer also keeps the framing: what exceeds the Content-Length is cut, a body for HEAD or 304 is dropped, and
whatever leaves it in doubt where the response ends (too few bytes, broken chunks, bytes without a head) ends the
connection with it. One writer serves a connection, one response at a time.
"""

from __future__ import annotations

import io
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, BinaryIO

from salver.classes.heads import Framing
from salver.classes.lingering import send_last
from salver.classes.pieces import maybe_response, maybe_rest_of_file, weight
from salver.protocol.chunked import ChunkedReader
from salver.protocol.errors import RemoteProtocolError
from salver.response import FileSegment, Response, Written

if TYPE_CHECKING:
    from salver.service.direct import DirectConnection

logger = logging.getLogger("salver")

HIGH_WATER = 256 * 1024  # bytes kept before the writer waits for the socket
_LOW_WATER = 64 * 1024  # bytes left when it has waited long enough
_CHUNK_OVERHEAD = 1 << 30  # bytes of extensions: they are the handler's own


class NoResponse(Exception):
    """The handler returned and had written nothing."""


class ResponseWriter(io.BufferedIOBase):
    """The writer of one connection. For the handler's thread; `on_rescue` for the overseer's."""

    # An instance has a dictionary all the same, from `io`, and one whose look-ups the interpreter does not speed up.
    __slots__ = (
        "_announce",
        "_chunks",
        "_command",
        "_cut",
        "_direct",
        "_early",
        "_failure",
        "_framing",
        "_head",
        "_held",
        "_is_usual",
        "_left",
        "_lock",
        "_pieces",
        "_raw",
        "_rest",
        "_room",
        "_size",
        "_started",
        "_through",
        "_wanted",
        "handler",
        "owner",
    )

    def __init__(self, direct: DirectConnection | None) -> None:
        """`direct` None: everything is kept until the end (a test, a server that is not ours)."""
        self._direct = direct
        self._lock = threading.Lock()
        self._pieces: deque[bytes | FileSegment] = deque()
        self._early = 0  # how many of them, in front, are what is left of 1xx responses
        self.handler: Any = None  # whose connection this is
        self.owner: Any = None  # who made the handler
        self._rest: BinaryIO | None = None  # what comes behind the last request of the connection
        self.start("GET", keep_alive=True, announce=False)

    def start(self, command: str, *, keep_alive: bool, announce: bool) -> None:
        """Begin a response to `command`, for a client that keeps the connection or not, and must be told (HTTP/1.0)
        if it is kept."""
        direct = self._direct
        self._command = command
        self._wanted = keep_alive
        self._announce = announce
        self._is_usual = keep_alive and not announce  # nothing has to be added to the head; all pieces are bytes
        self._through = direct is not None and direct.runs_alone
        self._head: list[bytes] | None = None  # complete, and not yet among the pieces
        self._framing: Framing | None = None  # of the final head, once that is complete
        self._room: int | None = None  # bytes of body that may still come
        self._chunks: ChunkedReader | None = None
        self._held = 0  # bytes among the pieces
        self._size = 0  # bytes of body
        self._started = False  # something was written, if only a 1xx
        self._left = False  # something of the final response has left, or was refused and has to come again
        self._raw = False  # bytes came without a head
        self._cut = False
        self._failure: OSError | None = None

    # What the handler's head methods say

    def begin(self, lines: list[bytes], framing: Framing) -> None:
        """A head is complete; its lines do not include the empty one."""
        status = framing.status
        with self._lock:
            self._started = True
            if 100 <= status < 200 and status != 101 and self._framing is None:
                self._is_usual = False
                self._keep(b"".join(lines) + b"\r\n")
                self._early = len(self._pieces)
                self._push()
                return
            if self._framing is not None or self._raw:  # a second head: whatever that means, nothing may follow it
                self._raw, self._is_usual = True, False
                self._keep(b"".join(lines) + b"\r\n")
                return
            self._framing, self._head = framing, lines
            if self._command == "HEAD" or status in (204, 304) or status < 200:
                self._room = None if status == 101 else 0
            elif framing.chunked:
                self._chunks = ChunkedReader(_CHUNK_OVERHEAD)
            else:
                self._room = framing.length
            if self._through and (not framing.length or self._room == 0):
                self._push()

    @property
    def has_begun(self) -> bool:
        """The final head is complete, or bytes came without one: no other response can be made any more."""
        return self._framing is not None or self._raw

    @property
    def status(self) -> int:
        """The final head's status, 0 while there is none."""
        return 0 if self._framing is None else self._framing.status

    @property
    def has_failed(self) -> bool:
        """The client is gone, or reads nothing."""
        return self._failure is not None

    @property
    def has_left(self) -> bool:
        """Something of the final response is on its way, and cannot be taken back."""
        return self._left

    # wfile

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The connection's descriptor. Raises io.UnsupportedOperation where there is none."""
        if self._direct is None:
            raise io.UnsupportedOperation("fileno")
        return self._direct.stream.fileno()

    def write(self, data: Any, /) -> int:
        """Take `data`. May wait past the high-water mark, and raises OSError for a client that is gone."""
        if data.__class__ is not bytes:
            data = bytes(memoryview(data))
        size = len(data)
        with self._lock:
            room = self._room
            if room is not None:
                if size > room:
                    data = self._cut_to(data, room)
                self._room = room - len(data)
            elif self._chunks is not None:
                data = self._watched(data)
            elif self._framing is None:
                self._raw = self._started = True
            self._pieces.append(data)
            self._held += len(data)
            self._size += len(data)
            if self._through or self._held > HIGH_WATER:
                self._push()
        return size

    def flush(self) -> None:
        """Let what is kept leave, as far as the socket takes it."""
        if self._held or self._head is not None:
            with self._lock:
                self._push()

    def close(self) -> None:
        """Flush; the connection is not the handler's to close, and the next response comes through here as well."""
        self.flush()

    def __del__(self) -> None:
        """Nothing: the one of `io` would close, and so flush, into a connection that has ended."""

    def send_file(self, file: BinaryIO) -> bool:
        """Take the rest of an open file, without reading it where it is large. False for what is no regular file:
        then it is the caller's to copy."""
        room = self._room
        segment = None if room is None or self._framing is None else maybe_rest_of_file(file, room)
        if segment is None or room is None:
            return False
        with self._lock:
            self._room = room - segment.length
            self._pieces.append(segment)
            self._is_usual = False
            self._held += 1  # it takes no memory
            self._size += segment.length
        return True

    # Inside: under the lock

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._held += len(data)

    def _cut_to(self, data: bytes, room: int) -> bytes:
        if self._command != "HEAD" and self._framing is not None and self._framing.status not in (204, 304):
            self._is_usual = False
            if not self._cut:
                logger.error("a response was longer than its Content-Length, and was cut")
            self._cut = True
        return data[:room]

    def _watched(self, data: bytes) -> bytes:
        """The handler chunks by itself: see whether it does it right, and where its body ends."""
        chunks = self._chunks
        if chunks is None or self._cut:
            return b""
        if chunks.done:
            self._cut = bool(data)
            return b""
        try:
            _, rest = chunks.feed(data)
        except RemoteProtocolError:
            logger.error("a response's chunks were malformed; the connection ends with it")
            self._chunks, self._raw = None, True
            return data
        self._cut = bool(rest)
        return data[: len(data) - len(rest)]

    def _push(self) -> None:
        """Send what the socket takes; past the high-water mark, wait for it."""
        self._put_head(complete=False)
        direct, pieces = self._direct, self._pieces
        if direct is None or not pieces:
            return
        if self._failure is not None:
            raise self._failure
        # Said before anything is sent: over TLS what the socket refuses is encrypted, and has to come again.
        self._left = self._left or self.has_begun
        try:
            direct.push(pieces)
            self._held = weight(pieces)
            if self._held > HIGH_WATER:
                direct.hand_over()
                direct.push(pieces, most_left=_LOW_WATER)
        except OSError as error:
            self._failure = error
            raise
        finally:
            self._held = weight(pieces)
            if not self._left:
                self._early = len(pieces)

    def _put_head(self, *, complete: bool) -> None:
        """Put the head in front of what is kept. `complete`: the whole body is there, so that its length is known."""
        lines, framing = self._head, self._framing
        if lines is None or framing is None:
            return
        self._head = None
        head = b"".join((*lines, *self._additions(framing, complete=complete), b"\r\n"))
        self._pieces.insert(self._early, head)
        self._held += len(head)

    def _additions(self, framing: Framing, *, complete: bool) -> list[bytes]:
        """What the handler could have said of its framing and did not."""
        if framing.status == 101:
            return []
        added = []
        if not framing.said and self._room is None:
            if complete:
                added.append(b"Content-Length: %d\r\n" % self._size)
                self._room = 0
            else:
                self._wanted = False
        if not framing.persistence and not self._wanted:
            added.append(b"Connection: close\r\n")
        elif not framing.persistence and self._announce:
            added.append(b"Connection: keep-alive\r\n")
        return added

    def on_rescue(self) -> None:
        """See `Attachment`. The handler blocks: what it has written so far leaves, and what it writes from now on."""
        if not self._lock.acquire(blocking=False):
            self._through = True  # it is writing at this moment
            return
        try:
            self._through = True
            framing = self._framing
            if self._held or (framing is not None and not framing.length):
                self._push()
        except OSError:
            pass  # it will hear of it with its next write
        finally:
            self._lock.release()

    # The end

    def leave_http(self) -> BinaryIO:
        """Send what is kept; what comes from the client from here on. The connection ends with the handler."""
        if self._direct is None:
            raise io.UnsupportedOperation("there is no connection")
        self.flush()
        if self._rest is None:
            self._raw = self._through = True
            self._direct.hand_over()
            self._rest = self._direct.leave_http()
        return self._rest

    def finish(self, *, close: bool) -> Written:
        """The response as far as it has not left; `close` is the handler's word. Raises `NoResponse`."""
        with self._lock:
            if not self._started:
                raise NoResponse("the method returned without a response")
            if self._failure is not None:
                return self._end(close=True, aborted=self._must_reset())
            lines, framing = self._head, self._framing
            if self._room == 0 and lines is not None and framing is not None and not close and self._is_usual:
                lines.append(b"\r\n")
                lines.extend(self._pieces)  # type: ignore[arg-type]  # bytes, as usual
                self._pieces.clear()
                return Written((b"".join(lines),), framing.status, self._size, keep_alive=True)
            self._wanted = self._wanted and not close
            short = (self._room or 0) > 0 or (self._chunks is not None and not self._chunks.done)
            if self._head is not None:
                if short or self._cut:
                    self._wanted = False
                self._put_head(complete=True)
            settled = framing is not None and not (self._raw or self._cut or short)
            unframed = framing is not None and self._room is None and self._chunks is None
            return self._end(close=close or not settled or unframed or not self._wanted, aborted=False)

    def send_last(self, written: Written) -> None:
        """Send what `finish` gave, and that nothing follows, before the server goes. Waits; does not raise OSError."""
        if self._direct is not None:
            send_last(self._direct, written)

    def break_off(self) -> Written:
        """The handler failed in the middle of its response: what has left cannot be repaired."""
        with self._lock:
            return self._end(close=True, aborted=self._must_reset())

    def _must_reset(self) -> bool:
        """Whether the connection is there still, and must not seem to end well. Where the client has gone, sending the
        rest finds that out again, and is no fault of anybody's."""
        return not isinstance(self._failure, ConnectionError)

    def _end(self, *, close: bool, aborted: bool) -> Written:
        pieces: list[bytes | FileSegment] = list(self._pieces)
        self._pieces.clear()
        self._held = self._early = 0
        if len(pieces) > 1 and all(piece.__class__ is bytes for piece in pieces):
            pieces = [b"".join(pieces)]  # type: ignore[arg-type]  # bytes, all of them
        status = 200 if self._framing is None else self._framing.status
        return Written(pieces, status, self._size, keep_alive=not close, aborted=aborted)

    def take_back(self) -> None:
        """Drop what is kept, so that another response can be made. Only where nothing `has_left`; what is left of
        1xx responses stays."""
        with self._lock:
            pieces = list(self._pieces)
            self._pieces.clear()
            self._pieces.extend(pieces[: self._early])
            for piece in pieces[self._early :]:
                if not isinstance(piece, bytes):
                    piece.close()
            self.start(self._command, keep_alive=self._wanted, announce=self._announce)
            self._is_usual = False
            self._held = weight(self._pieces)

    def as_response(self) -> Response | None:
        """The whole response as a value that others may change, or None where that is too late, or it is none."""
        with self._lock:
            framing, lines = self._framing, self._head
            usual = framing is not None and 200 <= framing.status <= 599 and not framing.chunked
            if framing is None or lines is None or not usual or self._raw or self._cut or self._room or self._early:
                return None
            response = maybe_response(lines, framing, self._pieces)
            if response is None:
                return None
            if self._command == "HEAD" and framing.length is not None:
                response.headers["Content-Length"] = str(framing.length)
            self._pieces.clear()
            return response
