"""The chunked coding of RFC 9112 §7.1, read and written.

The reader is fed whatever came and gives back what of it is body; between calls it keeps at most one incomplete
line. Extensions are checked and dropped (§7.1.1), trailers are kept apart from the header section (§7.1.2); what
both may cost together is bounded. It does not know where the bytes come from, nor how large a body may be.
"""

from __future__ import annotations

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.grammar import CHUNK_LINE, FIELD_LINE, NEVER_IN_HEAD

LAST_CHUNK = b"0\r\n\r\n"

# RFC 9110 §6.5.1: fields that frame, route or authenticate a message must not come after it.
_FORBIDDEN_TRAILERS = frozenset(
    b"transfer-encoding content-length host connection expect te trailer upgrade keep-alive content-encoding"
    b" content-type content-range range authorization proxy-authorization cookie set-cookie cache-control"
    b" max-forwards proxy-connection".split()
)
_SIZE_LINE = 18  # 16 digits and CRLF: what a chunk costs without extensions


def encode_chunk(data: bytes) -> bytes:
    """`data` as one chunk; an empty one gives nothing, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


class ChunkedReader:
    """Reads one chunked body. `feed` as often as bytes come; `done` once the trailer section has ended."""

    __slots__ = ("_budget", "_buffer", "_in_trailers", "_left", "done", "trailers")

    def __init__(self, overhead: int) -> None:
        """`overhead`: how many bytes extensions and trailers may take together."""
        self._buffer = b""
        self._left = 0  # bytes of the current chunk still to come, its CRLF included
        self._budget = overhead
        self._in_trailers = False
        self.done = False
        self.trailers: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take `data`; returns (body bytes, what was left over behind the end of the body).

        Raises `RemoteProtocolError` with 400 for anything outside the grammar or past the bound; the verdict does
        not depend on how the bytes were split.
        """
        data, pieces = self._buffer + data, []
        position, size = 0, len(data)
        while not self.done:
            if self._left > 2:
                taken = data[position : position + self._left - 2]
                pieces.append(taken)
                position += len(taken)
                self._left -= len(taken)
                if self._left > 2:
                    break
            if self._left:
                if not self._skip_chunk_end(data, position):
                    break
                position += 2
            end = self._find_line_end(data, position)
            if end < 0:
                break
            line, position = data[position:end], end + 2
            self._take_line(line)
        self._buffer = b"" if self.done else data[position:]
        return b"".join(pieces), data[position:size] if self.done else b""

    def _skip_chunk_end(self, data: bytes, position: int) -> bool:
        found = data[position : position + 2]
        if not b"\r\n".startswith(found):
            raise RemoteProtocolError("chunk data is not followed by CRLF")
        if len(found) < 2:
            return False
        self._left = 0
        return True

    def _find_line_end(self, data: bytes, position: int) -> int:
        """Where the line that begins at `position` ends, -1 where it has not yet; a line that cannot end well any
        more is refused now, not when its end arrives."""
        allowed = self._budget + (0 if self._in_trailers else _SIZE_LINE)
        end = data.find(b"\r\n", position, position + allowed + 2)
        wrong = NEVER_IN_HEAD.search(data, position, end if end >= 0 else position + allowed)
        if wrong is not None:
            raise RemoteProtocolError("control character in a chunk's head or a trailer")
        if end < 0 and len(data) - position > allowed:
            raise RemoteProtocolError("chunk extensions and trailers are too long")
        return end

    def _take_line(self, line: bytes) -> None:
        if self._in_trailers:
            self._take_trailer(line)
            return
        matched = CHUNK_LINE.fullmatch(line)
        if matched is None:
            raise RemoteProtocolError("malformed chunk size or extension")
        self._spend(len(matched[2]))
        chunk_size = int(matched[1], 16)
        if chunk_size:
            self._left = chunk_size + 2
        else:
            self._in_trailers = True

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._spend(len(line) + 2)
        matched = FIELD_LINE.fullmatch(line)
        if matched is None:
            raise RemoteProtocolError("malformed trailer")
        if matched[1].lower() in _FORBIDDEN_TRAILERS:
            raise RemoteProtocolError("a field that must not be a trailer")
        self.trailers.append((matched[1].decode("latin-1"), matched[2].strip(b" \t").decode("latin-1")))

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise RemoteProtocolError("chunk extensions and trailers are too long")
