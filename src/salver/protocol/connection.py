"""One HTTP/1.1 connection as a value: bytes are received into it, heads and body bytes are taken out, and what it is
asked to send it gives back as bytes. This file does not know which role we play: `server_connection` and
`client_connection` differ in which head they read and which they write.

Reading is pulled, in order: `next_request()` (or `next_response()`) until it gives a head, then `read_body()` until
`body_complete`, then `start_next()` when the answer has been sent. A head whose `section.body_length` is 0 completes
its body at once. Bytes that arrive early wait in the buffer, unparsed; how many may wait is the caller's to decide
(`buffered`). After a `RemoteProtocolError`, or a message that ends the connection, not one more byte is parsed:
what is buffered is dropped, there is no next head, and a body that broke raises again.

Nothing here knows sockets, time or threads; one thread at a time may use a connection.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from salver.protocol.chunked import ChunkedReader, encode_chunk, encode_last_chunk
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE
from salver.protocol.grammar import NEVER_IN_HEAD, TOKEN
from salver.protocol.heads import Section
from salver.protocol.limits import Limits
from salver.protocol.writer import encode_fields

DEFAULT_LIMITS = Limits()

OWN_FIELDS = frozenset(("connection", "content-length", "transfer-encoding"))  # what only the connection may set

_FAILED = -3  # beside CHUNKED and UNTIL_CLOSE: the body was broken, its end will never be found
REMEMBERED_MAX = 4_096  # bytes of a section that a connection holds on to between two messages


class Connection(ABC):
    """What both roles share: the buffer, the body that is read, the body that is written.

    `keep_alive`: whether the connection may carry another message after this one, as far as both sides have said.
    `trailers`: the trailer fields of the body just read. `eof`: the peer will send nothing more. `unread`: the bytes
    received and not yet taken, to be looked at only; an attribute, because it is asked for after every request.
    """

    __slots__ = (
        "_chunked",
        "_left",
        "_limits",
        "_scanned",
        "_section",
        "_section_start",
        "_to_write",
        "eof",
        "keep_alive",
        "trailers",
        "unread",
    )

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.unread = b""
        self._limits = limits
        self._section: Section | None = None  # of the last head, to be met again
        self._chunked: ChunkedReader | None = None
        self._left = 0  # bytes of the body still to be read, CHUNKED, UNTIL_CLOSE, or _FAILED
        self._scanned = 0  # how far an incomplete head has been looked through
        self._section_start = 0  # where the section begins in the buffer, 0 before the start line was taken
        self._to_write = 0  # bytes of our body still to be sent, CHUNKED, or UNTIL_CLOSE
        self.eof = False
        self.keep_alive = True
        self.trailers: Sequence[tuple[str, str]] = ()

    # Reading

    def receive(self, data: bytes) -> None:
        """Take what the peer sent; parses nothing yet."""
        self.unread = self.unread + data if self.unread else data

    def receive_eof(self) -> None:
        """The peer has closed its side; a body that is framed by the close ends here."""
        self.eof = True

    @property
    def buffered(self) -> int:
        """Bytes received and not yet taken: pipelined messages, an incomplete head."""
        return len(self.unread)

    def take_rest(self) -> bytes:
        """What was received and not parsed, for whoever goes on with the stream in another protocol; it is gone
        from here."""
        rest, self.unread, self._scanned = self.unread, b"", 0
        return rest

    @property
    def body_complete(self) -> bool:
        """The message being read has been read to its end."""
        return self._left == 0

    @property
    def body_left(self) -> int | None:
        """How many bytes of the body are still to be read; None where only its end will tell."""
        return self._left if self._left >= 0 else None

    @property
    def body_announced(self) -> int:
        """How many bytes more the body has at least: what is left of its Content-Length, or of the chunk in hand. A
        chunk too large for the reader's limit is thus seen when it begins."""
        if self._left >= 0:
            return self._left
        return self._chunked.announced if self._chunked is not None else 0

    def forget(self) -> None:
        """Let go of what is remembered for speed alone, the last section: for a connection that lies idle."""
        self._section = None

    def read_body(self) -> bytes:
        """What has arrived of the body, b"" if nothing has; ask `body_complete` which of the two b"" means.

        Raises `RemoteProtocolError` (400) for broken chunks, and for an end of input inside the body; what came
        before the fault is then not given out.
        """
        if self._left == 0:
            return b""
        try:
            return self._read_some()
        except RemoteProtocolError:
            self._fail()
            self._left = _FAILED
            raise

    def _read_some(self) -> bytes:
        if self._left == _FAILED:
            raise RemoteProtocolError("the body was broken before here")
        if self._left == UNTIL_CLOSE:
            data, self.unread = self.unread, b""
            if self.eof:
                self._left = 0
            return data
        data = self._read_counted() if self._left > 0 else self._read_chunked()
        if self.eof and self._left:
            raise RemoteProtocolError("the connection ended inside a body")
        return data

    def _read_counted(self) -> bytes:
        buffer, left = self.unread, self._left
        if len(buffer) <= left:
            self.unread = b""
            self._left = left - len(buffer)
            return buffer
        self._left = 0
        self.unread = buffer[left:]
        return buffer[:left]

    def _read_chunked(self) -> bytes:
        reader = self._chunked
        if reader is None:
            reader = self._chunked = ChunkedReader(self._limits.chunk_overhead)
        body, self.unread = reader.feed(self.unread)
        if reader.done:
            self.trailers = reader.trailers
            self._chunked = None
            self._left = 0
        return body

    def _fail(self) -> None:
        self.unread = b""
        self._chunked = None
        self.keep_alive = False

    def _take_head(self) -> bytes | None:
        """The next head's section, from its first field line to its empty line, taken out of the buffer; None where
        it is not complete. Its start line has gone through `_take_line` by then.

        What cannot become a head is refused as soon as it is seen, in the order of the bytes, so that the verdict
        is the same however they are split. A section that is complete is not scanned: the check of its lines,
        which comes next, refuses all that the scan would.
        """
        start = self._section_start or self._find_section()
        if not start:
            return None
        buffer = self.unread
        most = start + self._limits.header_section + 2
        # From the start line's CRLF on: with the empty line, it ends a head without fields.
        found = buffer.find(b"\r\n\r\n", max(start - 2, self._scanned - 3), most)
        if found < 0:
            self._refuse_never_in_head(max(start, self._scanned - 1), most)
            if len(buffer) >= most:
                raise RemoteProtocolError("the header section is too long", 431)
            self._scanned = len(buffer)
            return None
        self.unread = buffer[found + 4 :]
        self._scanned = self._section_start = 0
        return buffer[start : found + 4]

    def _find_section(self) -> int:
        buffer = self.unread
        line_end = buffer.find(b"\r\n", max(0, self._scanned - 1), self._limits.request_line + 2)
        if line_end < 0:
            self._check_partial_line()
            self._scanned = len(buffer)
            return 0
        self._take_line(buffer[:line_end])
        self._section_start = self._scanned = line_end + 2
        return line_end + 2

    def _check_partial_line(self) -> None:
        buffer, line_limit = self.unread, self._limits.request_line
        self._refuse_never_in_head(max(0, self._scanned - 1), line_limit)
        if buffer and not TOKEN.match(buffer, 0, 1):
            raise RemoteProtocolError("a message does not begin like this")
        if len(buffer) >= line_limit + 2:
            raise RemoteProtocolError("the start line is too long", self._long_line_status())

    def _refuse_never_in_head(self, start: int, end: int) -> None:
        if NEVER_IN_HEAD.search(self.unread, start, end):
            raise RemoteProtocolError("a control character, or a bare CR or LF, in the head")

    @abstractmethod
    def _take_line(self, line: bytes) -> None:
        """Parse and keep a start line, without its CRLF. Raises `RemoteProtocolError`."""

    @abstractmethod
    def _long_line_status(self) -> int:
        """The status hint for a buffer that is longer than a start line may be."""

    # Writing

    def send_body(self, data: bytes) -> bytes:
        """`data` framed as the head that was sent has promised.

        Raises `LocalProtocolError` for more bytes than promised; what fits of them is then lost to the caller, who
        has to cut (`room`) or abort.
        """
        if self._to_write == CHUNKED:
            return encode_chunk(data)
        if self._to_write == UNTIL_CLOSE:
            return data
        if len(data) > self._to_write:
            raise LocalProtocolError(
                f"the body is longer than its Content-Length by {len(data) - self._to_write} bytes"
            )
        self._to_write -= len(data)
        return data

    def unsend_head(self, keep_alive: bool) -> None:
        """Take back a head whose bytes were thrown away, so that another may be sent in its place; `keep_alive` is
        what held before it."""
        self._to_write = 0
        self.keep_alive = keep_alive

    def skip_body(self, size: int) -> None:
        """Account for `size` bytes of the body that go another way (sendfile); as `send_body`, without the bytes.
        Raises `LocalProtocolError` for a chunked body, too: its bytes have to be framed."""
        if self._to_write == CHUNKED:
            raise LocalProtocolError("a chunked body goes through send_body")
        if self._to_write >= 0:
            if size > self._to_write:
                raise LocalProtocolError("the body is longer than its Content-Length")
            self._to_write -= size

    @property
    def room(self) -> int | None:
        """How many body bytes are still promised; None where the framing sets no number."""
        return self._to_write if self._to_write >= 0 else None

    def end_body(self, trailers: Iterable[tuple[str, str]] = ()) -> bytes:
        """The bytes that end the body, with `trailers` where it is chunked; without chunks there is no place for
        them, and they are dropped (RFC 9110 §6.5.1).

        Raises `LocalProtocolError` where fewer bytes were sent than promised: the connection must then be aborted,
        never closed cleanly; and for a field that must not be a trailer.
        """
        ending = encode_last_chunk(trailers) if self._to_write == CHUNKED else b""
        left, self._to_write = self._to_write, 0
        if left > 0:
            self.keep_alive = False
            raise LocalProtocolError(f"the body is {left} bytes shorter than its Content-Length")
        return ending


def write_framing(fields: Iterable[tuple[str, str]], body_length: int | None) -> tuple[bytes, int | None, bool]:
    """The caller's fields less those that are ours: (lines, length promised, "close" asked for). Raises
    `LocalProtocolError`."""
    lines, promised, close = [], body_length, False
    for name, value in fields:
        both_text = isinstance(name, str) and isinstance(value, str)
        lowered = name.lower() if both_text else ""  # what is not text is refused by encode_fields
        if lowered not in OWN_FIELDS:
            lines.append((name, value))
        elif lowered == "connection":
            close = close or "close" in [option.strip(" \t").lower() for option in value.split(",")]
        elif lowered == "transfer-encoding":
            raise LocalProtocolError("Transfer-Encoding is the connection's to set, not the application's")
        else:
            promised = _promised_length(value, promised)
    return encode_fields(lines), promised, close


def _promised_length(value: str, promised: int | None) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 19:
        raise LocalProtocolError(f"Content-Length is a number, not {value!r}")
    if promised is not None and int(value) != promised:
        raise LocalProtocolError(f"Content-Length says {value}, the body has {promised} bytes")
    return int(value)
