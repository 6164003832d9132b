"""Content codings of what is received, undone piece by piece and never past a limit (RFC 9110 §8.4).

A few kilobytes of gzip can stand for gigabytes. So no step makes more than a small piece, and the sum is counted: what
passes the limit is refused before it is there. This file does not know what the bytes are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from salver.protocol.errors import RemoteProtocolError

if TYPE_CHECKING:
    import zlib

CODINGS = ("gzip", "deflate")

_IN, _OUT = 16_384, 65_536  # bytes of a step: what is taken, what is made of it at most


def content_coding(field: str | None) -> str | None:
    """The coding that a Content-Encoding field names, None for none ("identity" is none).

    Raises `RemoteProtocolError` with the hint 415 for a coding that is not undone here, and for several of them.
    """
    if field is None:
        return None
    coding = field.strip(" \t").lower().removeprefix("x-")  # §8.4.1.3: x-gzip is gzip
    if coding in ("", "identity"):
        return None
    if coding not in CODINGS:
        raise RemoteProtocolError(f"of content codings, {' and '.join(CODINGS)} are taken", 415)
    return coding


def decoded(pieces: Iterable[bytes], coding: str, most: int) -> Iterator[bytes]:
    """What `pieces` stand for in `coding`, in pieces of 64 KiB at most.

    Raises `RemoteProtocolError`: 413 for more than `most` bytes, 400 for what is not in this coding or is not whole.
    """
    import zlib

    made, step = 0, Inflater(coding)
    try:
        for piece in pieces:
            for out in step.feed(piece):
                made += len(out)
                if made > most:
                    raise RemoteProtocolError(f"the body is more than {most} bytes when it is unpacked", 413)
                yield out
    except zlib.error as error:
        raise RemoteProtocolError(f"the body is not in {coding}: {error}") from None
    if not step.complete:
        raise RemoteProtocolError(f"the body ends in the middle of its {coding}")


class Inflater:
    """zlib's own, with what it leaves to its caller: several gzip members in a row and the zeros that may fill up the
    last block behind them (RFC 1952 §2.2, as gzip itself reads them), and "deflate" both as it is defined and as it is
    often sent, without zlib's wrapper (RFC 9110 §8.4.1.2). Used by one thread.

    `complete`: a whole member, or stream, is behind us and nothing of another one.
    """

    __slots__ = ("_coding", "_first", "_inner", "complete")

    def __init__(self, coding: str) -> None:
        """`coding`: one of `CODINGS`."""
        self._coding = coding
        self._first = b""
        self._inner: zlib._Decompress | None = None
        self.complete = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds, in pieces of 64 KiB at most, some of them empty. Raises `zlib.error`."""
        for start in range(0, len(data), _IN):  # what is left over is copied at each step: better a little
            yield from self._feed(data[start : start + _IN])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        more = True
        while more:
            inner = self._inner
            if inner is None:
                data = self._first + data
                inner = self._inner = self._begin(data)
                if inner is None:
                    return
            out = inner.decompress(data, _OUT)
            data = inner.unconsumed_tail
            more = bool(data) or len(out) == _OUT  # a full piece: it may have more to give, without any input
            self.complete = inner.eof
            if inner.eof:
                data, self._inner = inner.unused_data, None
                more = bool(data)
            yield out

    def _begin(self, data: bytes) -> zlib._Decompress | None:
        """The next member, None where `data` does not tell yet, or is the zeros behind the last one."""
        import zlib

        self._first = b""
        if self._coding == "gzip":
            if self.complete and not data.strip(b"\0"):
                return None
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        if self.complete:
            raise zlib.error("more data behind its end")
        if len(data) < 2:
            self._first = data
            return None
        # RFC 1950 §2.2: CM, CINFO and FCHECK; a bare stream that looks like this begins with a stored block of an odd
        # kind that nobody makes.
        wrapped = data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and int.from_bytes(data[:2]) % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
