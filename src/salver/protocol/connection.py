"""One HTTP/1.1 connection as a value: bytes are received into it, heads and body bytes are taken out, and what it is
asked to send it gives back as bytes. This file does not know which role we play: `server_connection` and
`client_connection` differ in which head they read and which they write.

Reading is pulled, in order: `next_request()` (or `next_response()`) until it gives a head, then `read_body()` until
`body_complete`, then `start_next()` when the answer has been sent. A head whose `section.body_length` is 0 completes
its body at once. Bytes that arrive early wait in the buffer, unparsed; how many may wait is the caller's to decide
(`buffered`). After a `RemoteProtocolError`, or a message that ends the connection, not one more byte is parsed.

Nothing here knows sockets, time or threads; one thread at a time may use a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from salver.protocol.chunked import LAST_CHUNK, ChunkedReader, encode_chunk
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE
from salver.protocol.grammar import NEVER_IN_HEAD, TOKEN
from salver.protocol.heads import Section
from salver.protocol.limits import Limits
from salver.protocol.writer import encode_fields

DEFAULT_LIMITS = Limits()

OWN_FIELDS = frozenset(("connection", "content-length", "transfer-encoding"))  # what only the connection may set


class Connection:
    """What both roles share: the buffer, the body that is read, the body that is written.

    `keep_alive`: whether the connection may carry another message after this one, as far as both sides have said.
    `trailers`: the trailer fields of the body just read. `eof`: the peer will send nothing more.
    """

    __slots__ = (
        "_buffer",
        "_chunked",
        "_left",
        "_limits",
        "_scanned",
        "_section",
        "_to_write",
        "eof",
        "keep_alive",
        "trailers",
    )

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._buffer = b""
        self._limits = limits
        self._section: Section | None = None  # of the last head, to be met again
        self._chunked: ChunkedReader | None = None
        self._left = 0  # bytes of the body still to be read, CHUNKED, or UNTIL_CLOSE
        self._scanned = 0  # how far an incomplete head has been looked through
        self._to_write = 0  # bytes of our body still to be sent, CHUNKED, or UNTIL_CLOSE
        self.eof = False
        self.keep_alive = True
        self.trailers: Sequence[tuple[str, str]] = ()

    # Reading

    def receive(self, data: bytes) -> None:
        """Take what the peer sent; parses nothing yet."""
        self._buffer = self._buffer + data if self._buffer else data

    def receive_eof(self) -> None:
        """The peer has closed its side; a body that is framed by the close ends here."""
        self.eof = True

    @property
    def buffered(self) -> int:
        """Bytes received and not yet taken: pipelined messages, an incomplete head."""
        return len(self._buffer)

    @property
    def body_complete(self) -> bool:
        """The message being read has been read to its end."""
        return self._left == 0

    def read_body(self) -> bytes:
        """What has arrived of the body, b"" if nothing has; ask `body_complete` which of the two b"" means.

        Raises `RemoteProtocolError` (400) for broken chunks, and for an end of input inside the body.
        """
        if self._left > 0:
            return self._read_counted()
        if self._left == CHUNKED:
            return self._read_chunked()
        if self._left == UNTIL_CLOSE:
            data, self._buffer = self._buffer, b""
            if self.eof:
                self._left = 0
            return data
        return b""

    def _read_counted(self) -> bytes:
        buffer, left = self._buffer, self._left
        if len(buffer) <= left:
            self._buffer = b""
            self._left = left - len(buffer)
            self._refuse_truncation()
            return buffer
        self._left = 0
        self._buffer = buffer[left:]
        return buffer[:left]

    def _read_chunked(self) -> bytes:
        reader = self._chunked
        if reader is None:
            reader = self._chunked = ChunkedReader(self._limits.chunk_overhead)
        body, self._buffer = reader.feed(self._buffer)
        if reader.done:
            self.trailers = reader.trailers
            self._chunked = None
            self._left = 0
        self._refuse_truncation()
        return body

    def _refuse_truncation(self) -> None:
        if self.eof and self._left and not self._buffer:
            raise RemoteProtocolError("the connection ended inside a body")

    def _start_reading_body(self, body_length: int) -> None:
        self._left = body_length
        self.trailers = ()

    def _find_head(self, line_limit: int, long_line: int) -> int:
        """The index just behind the head in the buffer, or 0 where it is not complete.

        What cannot become a head is refused as soon as it is seen, in the order of the bytes, so that the verdict
        is the same however they are split. The caller has to check the line before anything else of a found head.
        """
        buffer = self._buffer
        line_end = buffer.find(b"\r\n", 0, line_limit + 2)
        if line_end < 0:
            self._check_partial_line(line_limit, long_line)
            return 0
        self._check_line(buffer[:line_end])
        section_start = line_end + 2
        end = section_start if buffer.startswith(b"\r\n", section_start) else -1
        most = section_start + self._limits.header_section + 2
        if end < 0:
            end = buffer.find(b"\r\n\r\n", max(line_end, self._scanned - 3), most + 2)
            end += 2 if end >= 0 else 0
        self._scan(buffer, max(section_start, self._scanned - 1), end if end >= 0 else most)
        if end >= 0:
            self._scanned = 0
            return end + 2
        if len(buffer) > most:
            raise RemoteProtocolError("the header section is too long", 431)
        self._scanned = len(buffer)
        return 0

    def _scan(self, buffer: bytes, start: int, end: int) -> None:
        if NEVER_IN_HEAD.search(buffer, start, end):
            raise RemoteProtocolError("a control character, or a bare CR or LF, in the head")

    def _check_partial_line(self, line_limit: int, long_line: int) -> None:
        buffer = self._buffer
        self._scan(buffer, max(0, self._scanned - 1), line_limit)
        if buffer and buffer[:1] not in _TCHARS:
            raise RemoteProtocolError("a message does not begin like this")
        if len(buffer) > line_limit + 1:
            named = TOKEN.match(buffer)
            is_line = named is not None and buffer[named.end() : named.end() + 1] in (b" ", b"/")
            raise RemoteProtocolError("the start line is too long", long_line if is_line else 400)
        self._scanned = len(buffer)

    def _check_line(self, line: bytes) -> None:
        raise NotImplementedError

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

    def skip_body(self, size: int) -> None:
        """Account for `size` bytes of the body that go another way (sendfile); as `send_body`, without the bytes."""
        if self._to_write >= 0:
            if size > self._to_write:
                raise LocalProtocolError("the body is longer than its Content-Length")
            self._to_write -= size

    @property
    def room(self) -> int | None:
        """How many body bytes are still promised; None where the framing sets no number."""
        return self._to_write if self._to_write >= 0 else None

    @property
    def writes_chunked(self) -> bool:
        """The body being written is chunked: files must go through `send_body` too."""
        return self._to_write == CHUNKED

    def end_body(self, trailers: Iterable[tuple[str, str]] = ()) -> bytes:
        """The bytes that end the body. Raises `LocalProtocolError` where fewer bytes were sent than promised: the
        connection must then be aborted, never closed cleanly or used again."""
        left, self._to_write = self._to_write, 0
        if left == CHUNKED:
            lines = encode_fields(trailers)
            return b"0\r\n%b\r\n" % lines if lines else LAST_CHUNK
        if left > 0:
            raise LocalProtocolError(f"the body is {left} bytes shorter than its Content-Length")
        return b""

    def _write_framing(
        self, fields: Iterable[tuple[str, str]], body_length: int | None
    ) -> tuple[bytes, int | None, bool]:
        """The caller's fields less those that are ours: (lines, length promised, "close" asked for)."""
        lines, promised, close = [], body_length, False
        for name, value in fields:
            lowered = name.lower()
            if lowered not in OWN_FIELDS:
                lines.append((name, value))
            elif lowered == "connection":
                close = close or "close" in value.lower()
            elif lowered == "transfer-encoding":
                raise LocalProtocolError("Transfer-Encoding is the connection's to set, not the application's")
            else:
                promised = _promised_length(value, body_length)
        return encode_fields(lines), promised, close


_TCHARS = frozenset(bytes([code]) for code in range(256) if TOKEN.fullmatch(bytes([code])))


def _promised_length(value: str, body_length: int | None) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 19:
        raise LocalProtocolError(f"Content-Length is a number, not {value!r}")
    if body_length is not None and int(value) != body_length:
        raise LocalProtocolError(f"Content-Length says {value}, the body has {body_length} bytes")
    return int(value)
