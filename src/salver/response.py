"""What a handler gives back: a status, fields, and a body of one of four kinds.

A body is bytes, one segment of a file, a sequence of both, or an iterable that the server pulls while the socket
drains. This file does not know how any of them is sent; it holds no socket and opens no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Union

from salver.protocol.headers import MutableHeaders

HeadersLike = Union[Mapping[str, str], Iterable[tuple[str, str]]]


class FileSegment:
    """`length` bytes of the open descriptor `fd` from `offset` on, sent by sendfile where the socket allows.

    The response owns the segment: whoever sends or drops it calls `close()` exactly once, from any thread; `close`
    tells the descriptor's owner (a cache, or `os.close`) that this use has ended. The descriptor's own file
    position is neither used nor moved, so many segments may share one descriptor.
    """

    __slots__ = ("_release", "fd", "length", "offset")

    def __init__(self, fd: int, offset: int, length: int, release: Callable[[], None] | None = None) -> None:
        self.fd = fd
        self.offset = offset
        self.length = length
        self._release = release

    def close(self) -> None:
        """End this use of the descriptor; further calls do nothing."""
        release, self._release = self._release, None
        if release is not None:
            release()


class Segments:
    """A body of known length in several pieces, sent in order (a multipart range, a page around a file)."""

    __slots__ = ("length", "pieces")

    def __init__(self, pieces: Iterable[bytes | FileSegment]) -> None:
        self.pieces = list(pieces)
        self.length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in self.pieces)

    def close(self) -> None:
        """Close every file segment among the pieces."""
        for piece in self.pieces:
            if not isinstance(piece, bytes):
                piece.close()


_BUFFERS = (bytearray, memoryview)  # iterables of numbers otherwise

Body = Union[bytes, FileSegment, Segments, Iterable[bytes]]


class Response:
    """One answer. Not shared between threads; the server takes it over when the handler returns.

    `body`: bytes (a bytearray or memoryview is copied), str (sent as UTF-8), `FileSegment`, `Segments`, or an iterable
    of bytes (its `close()`, where it has one, is called at the end, also when the client goes away). `status`: 100 to
    599. `headers`: a mapping or pairs; names and values are checked when the head is written, and CR, LF or NUL in one
    is an error before a byte is sent; a Date or Server takes the place of the server's own. `Content-Length` is the
    server's where the length is known, and otherwise the handler's promise: a longer body is cut, a shorter one aborts
    the connection. `reason` replaces the registered phrase.
    """

    __slots__ = ("body", "headers", "reason", "status")

    body: Body
    lines: bytes | None = None  # the field lines, where they were encoded beforehand: see FixedResponse

    def __init__(
        self,
        body: Body | str | bytearray | memoryview = b"",
        status: int = 200,
        headers: HeadersLike | None = None,
        *,
        content_type: str | None = None,
        reason: str | None = None,
    ) -> None:
        if isinstance(body, str):
            self.body = body.encode()
        else:
            self.body = bytes(body) if isinstance(body, _BUFFERS) else body
        self.status = status
        self.reason = reason
        self.headers = MutableHeaders(headers)
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        elif isinstance(body, str) and "Content-Type" not in self.headers:
            self.headers["Content-Type"] = "text/html; charset=utf-8"

    @property
    def body_length(self) -> int | None:
        """The body's length in bytes, None where only its end will tell (an iterable)."""
        body = self.body
        if isinstance(body, bytes):
            return len(body)
        if isinstance(body, (FileSegment, Segments)):
            return body.length
        return None

    def close(self) -> None:
        """Let go of what the body holds (descriptors, a generator); the server calls it once at the end."""
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


class Written(Response):
    """A response that its handler has written as HTTP itself, status line and all: sent as it is.

    `pieces`: what has not left yet, in order. `size`: bytes of body in all, for the log. The handler vouches for the
    framing: `keep_alive` False where the connection must end behind it; `aborted` where it broke off, so that the
    client must see an error and not an end. For the connection's own handler alone: who wraps handlers cannot change
    one.
    """

    __slots__ = ("aborted", "keep_alive", "pieces", "size")

    def __init__(
        self,
        pieces: Sequence[bytes | FileSegment],
        status: int,
        size: int,
        *,
        keep_alive: bool = False,
        aborted: bool = False,
    ) -> None:
        self.body = ()
        self.status = status
        self.reason = None
        self.pieces = pieces
        self.size = size
        self.keep_alive = keep_alive
        self.aborted = aborted

    @property
    def headers(self) -> MutableHeaders:  # type: ignore[override]
        """Empty, and not looked at: the head is written."""
        return MutableHeaders()

    @property
    def whole(self) -> bytes | None:
        """All that has not left, where that is one piece of bytes."""
        pieces = self.pieces
        return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else None

    def close(self) -> None:
        """Let go of the files among the pieces."""
        for piece in self.pieces:
            if not isinstance(piece, bytes):
                piece.close()


class FixedResponse(Response):
    """A response whose field lines were encoded, and so checked, beforehand: what a cache hands out by the thousand.

    Every request is given one of its own, so that a wrapper may change it like any other: the first look at
    `headers` makes them, and sets `lines` to None, because from then on the two may differ. `fields` must hold none
    of the connection's own (Content-Length, Connection, Transfer-Encoding), and `lines` be `encode_fields(fields)`.
    """

    __slots__ = ("_fields", "_headers", "lines")

    lines: bytes | None

    def __init__(self, body: Body, status: int, fields: Sequence[tuple[str, str]], lines: bytes) -> None:
        self.body = body
        self.status = status
        self.reason = None
        self.lines = lines
        self._fields = fields
        self._headers: MutableHeaders | None = None

    @property
    def headers(self) -> MutableHeaders:
        """The fields, to be read and changed."""
        headers = self._headers
        if headers is None:
            headers = self._headers = MutableHeaders(self._fields)
            self.lines = None
        return headers

    @headers.setter
    def headers(self, headers: MutableHeaders) -> None:
        self._headers = headers
        self.lines = None
