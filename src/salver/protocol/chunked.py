"""The chunked coding of RFC 9112 §7.1, read and written.

The reader is fed whatever came and gives back what of it is body; between calls it keeps at most one incomplete
line. Extensions are checked and dropped (§7.1.1), trailers are kept apart from the header section (§7.1.2); what
both may cost together is bounded. It does not know where the bytes come from, nor how large a body may be.
"""

from __future__ import annotations

from collections.abc import Iterable

from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.grammar import CHUNK_LINE, FIELD_LINE, MAX_LENGTH, NEVER_IN_HEAD
from salver.protocol.writer import encode_fields

LAST_CHUNK = b"0\r\n\r\n"

# RFC 9110 §6.5.1: fields that frame, route or authenticate a message must not come after it.
_FORBIDDEN_TRAILERS = frozenset(
    (
        "transfer-encoding",
        "content-length",
        "host",
        "connection",
        "expect",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "content-encoding",
        "content-type",
        "content-range",
        "range",
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "cache-control",
        "max-forwards",
        "proxy-connection",
    )
)
_SIZE_DIGITS = 16  # what a chunk's line holds without extensions


def encode_chunk(data: bytes) -> bytes:
    """`data` as one chunk; an empty one gives nothing, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def encode_last_chunk(trailers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The last chunk and the trailer section. Raises `LocalProtocolError` for a field that must not be a trailer."""
    trailers = list(trailers)
    lines = encode_fields(trailers)
    if any(name.lower() in _FORBIDDEN_TRAILERS for name, _ in trailers):
        raise LocalProtocolError("a field that must not be a trailer")
    return b"0\r\n%b\r\n" % lines if lines else LAST_CHUNK


class ChunkedReader:
    """Reads one chunked body. `feed` as often as bytes come; `done` once the trailer section has ended."""

    __slots__ = ("_budget", "_buffer", "_in_trailers", "_left", "_scanned", "done", "trailers")

    def __init__(self, overhead: int) -> None:
        """`overhead`: how many bytes extensions and trailers may take together."""
        self._buffer = b""
        self._scanned = 0  # how much of the incomplete line in the buffer has been looked through
        self._left = 0  # bytes of the current chunk still to come, its CRLF included
        self._budget = overhead
        self._in_trailers = False
        self.done = False
        self.trailers: list[tuple[str, str]] = []

    @property
    def announced(self) -> int:
        """How many bytes of the current chunk are still to come."""
        return max(self._left - 2, 0)

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take `data`; returns (body bytes, what was left over behind the end of the body).

        Raises `RemoteProtocolError` with 400 for anything outside the grammar or past the bound; the verdict does
        not depend on how the bytes were split. After an error the reader is not to be fed again.
        """
        data, pieces, position = self._buffer + data, list[bytes](), 0
        while not self.done:
            if self._left:
                position = self._take_data(data, position, pieces)
                if self._left:
                    break
            end = self._find_line_end(data, position)
            if end < 0:
                break
            self._take_line(data[position:end])
            position = end + 2
        rest = data[position:]
        self._buffer, left_over = (b"", rest) if self.done else (rest, b"")
        return b"".join(pieces), left_over

    def _take_data(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        """Move what is there of the current chunk, and its CRLF, to `pieces`; returns the position behind it."""
        if self._left > 2:
            taken = data[position : position + self._left - 2]
            pieces.append(taken)
            position += len(taken)
            self._left -= len(taken)
        if self._left == 2:
            found = data[position : position + 2]
            if found == b"\r\n":
                self._left = 0
                return position + 2
            if not b"\r\n".startswith(found):
                raise RemoteProtocolError("chunk data is not followed by CRLF")
        return position

    def _find_line_end(self, data: bytes, position: int) -> int:
        """Where the line that begins at `position` ends, -1 where it has not yet; a line that cannot end well any
        more is refused now, not when its end arrives. A line that has its end is not scanned: its pattern, which
        comes next, refuses all that the scan would."""
        most = position + self._budget + (0 if self._in_trailers else _SIZE_DIGITS)
        start = position + max(0, self._scanned - 1)
        end = data.find(b"\r\n", start, most + 2)
        if end >= 0:
            self._scanned = 0
            return end
        if NEVER_IN_HEAD.search(data, start, most):
            raise RemoteProtocolError("control character in a chunk's head or a trailer")
        if len(data) >= most + 2:
            raise RemoteProtocolError("chunk extensions and trailers are too long")
        self._scanned = len(data) - position
        return -1

    def _take_line(self, line: bytes) -> None:
        if self._in_trailers:
            self._take_trailer(line)
            return
        matched = CHUNK_LINE.fullmatch(line)
        if matched is None:
            raise RemoteProtocolError("malformed chunk size or extension")
        digits, extensions = matched.groups()
        if extensions:
            self._spend(len(extensions))
        size = int(digits, 16)
        if size > MAX_LENGTH:
            raise RemoteProtocolError("a chunk size that overflows")
        self._left = size + 2 if size else 0
        self._in_trailers = not size

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._spend(len(line) + 2)
        matched = FIELD_LINE.fullmatch(line)
        if matched is None:
            raise RemoteProtocolError("malformed trailer")
        name = matched[1].decode("ascii")
        if name.lower() in _FORBIDDEN_TRAILERS:
            raise RemoteProtocolError("a field that must not be a trailer")
        self.trailers.append((name, matched[2].strip(b" \t").decode("latin-1")))

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise RemoteProtocolError("chunk extensions and trailers are too long")
