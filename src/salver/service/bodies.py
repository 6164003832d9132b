"""Request bodies: collected before the handler runs, or streamed while it does.

Collecting keeps a slow sender from holding a thread: a body waits here, in memory and then in a temporary file,
until it is whole. Streaming is for handlers that ask for it; their thread then waits on the socket, with the same
limits and deadlines. Neither knows HTTP framing: both take what the protocol has already decoded.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO


class BodyTooLarge(Exception):
    """The body passed its limit in bytes."""


class BodyCollector:
    """One body being collected. Owned by one connection; `close()` drops the temporary file."""

    __slots__ = ("_file", "_first", "_in_memory", "_limit", "_memory", "received", "started")

    def __init__(self, limit: int, in_memory: int, started: float) -> None:
        """`limit` and `in_memory` in bytes; `started`: monotonic seconds."""
        self._limit = limit
        self._in_memory = in_memory
        self._first = b""  # most bodies come in one piece
        self._memory: io.BytesIO | None = None  # not a list: the pieces of a body that comes by twos weigh ten times it
        self._file: BinaryIO | None = None
        self.received = 0
        self.started = started

    def add(self, data: bytes) -> None:
        """Take decoded body bytes. Raises `BodyTooLarge`, and OSError where the temporary file cannot be written."""
        self.received += len(data)
        if self.received > self._limit:
            raise BodyTooLarge
        if self._file is not None:
            self._file.write(data)
            return
        if self._memory is not None:
            self._memory.write(data)
        elif not self._first:
            self._first = data
        else:
            self._memory = io.BytesIO()
            self._memory.write(self._first)
            self._memory.write(data)
        if self.received > self._in_memory:
            self._spool()

    def expect(self, more: int) -> None:
        """So many bytes at least are still to come: raises `BodyTooLarge` before they do (a huge chunk's size)."""
        if self.received + more > self._limit:
            raise BodyTooLarge

    def _spool(self) -> None:
        import tempfile  # here, since it is slow to import and most servers never come to it

        self._file = tempfile.TemporaryFile(prefix="salver-body-")  # noqa: SIM115 - it outlives this call
        self._file.write(self._first if self._memory is None else self._memory.getbuffer())
        self._first, self._memory = b"", None

    def finish(self) -> bytes | BinaryIO:
        """The body: bytes, or a file rewound to its beginning, which lives until `close()`."""
        if self._file is None:
            return self._first if self._memory is None else self._memory.getvalue()
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Drop what was collected. Never raises: a full disk refuses what the file still buffers, and we drop it."""
        self._first, self._memory = b"", None
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                pass


class BodyStream(io.RawIOBase):
    """A body read as it arrives. `read_more` blocks for the next decoded bytes and gives b"" at the body's end.

    Owned by the connection; used by the handler's thread alone.
    """

    def __init__(self, read_more: Callable[[], bytes]) -> None:
        super().__init__()
        self._read_more = read_more
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """True: that is all it can do."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` with what there is, waiting for at least one byte; 0 at the end."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        if not self._rest:
            self._rest = memoryview(self._read_more())
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def buffered(read_more: Callable[[], bytes]) -> BinaryIO:
    """`BodyStream` with a buffer, so that `readline` and small reads cost little."""
    return io.BufferedReader(BodyStream(read_more), 65_536)
