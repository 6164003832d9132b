"""What a response's body may be beside bytes and iterables of bytes.

A segment of a file, several pieces of known length, a body that waits without a thread, a body with something to do
behind it. This file does not know how any of them is sent; it opens nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Union


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


class WaitingBody:
    """An iterator of bytes that may also give None: nothing now, and nobody has to wait for it in a thread.

    The server asks again when `wake` is called, and when `wait` seconds have passed; the client's going is seen
    meanwhile, and `close` called at once. Used by one thread at a time, but for whoever calls `wake`.
    """

    __slots__ = ()

    wait: float = math.inf  # seconds after which it wants to be asked again; looked at each time that it gave None

    def __iter__(self) -> Iterator[bytes | None]:
        return self

    def __next__(self) -> bytes | None:
        """The next piece, or None; StopIteration at the end. May be called although nobody woke."""
        raise NotImplementedError

    def attach(self, wake: Callable[[], None]) -> None:
        """Take what is to be called when there is something again: from any thread, at any time, as often as one
        likes. Called once, behind the first None, and followed by another look."""

    def close(self) -> None:
        """The response has ended, or the client has gone. Called once, whatever has happened."""


class FollowedBytes:
    """A body in one piece that an iterator gave, which is then pulled to its end and closed: once, by the thread that
    ran the handler, when the socket has taken the body or the server keeps it. What is raised there goes to the log.

    `framed` is for the server: the response as it is sent.
    """

    __slots__ = ("_close", "_rest", "data", "framed")

    def __init__(self, data: bytes, rest: Iterator[bytes], close: Callable[[], object] | None) -> None:
        """`rest`: what is left of the iterator, nothing if it keeps its word; `close`: its own."""
        self.data = data
        self.framed = b""
        self._rest: Iterator[bytes] | None = rest
        self._close = close

    @property
    def length(self) -> int:
        """Bytes of it."""
        return len(self.data)

    def __iter__(self) -> Iterator[bytes]:
        yield self.data

    def close(self) -> None:
        """Pull to the end, and close; further calls do nothing. Raises what the two raise, and ValueError for bytes
        behind the last."""
        rest, self._rest = self._rest, None
        if rest is None:
            return
        try:
            for piece in rest:
                if piece:
                    raise ValueError("a body was longer than its Content-Length, and was cut")
        finally:
            if self._close is not None:
                self._close()


Body = Union[bytes, FileSegment, Segments, FollowedBytes, Iterable[bytes], WaitingBody]
