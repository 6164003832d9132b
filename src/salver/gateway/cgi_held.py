"""What a script has said and nobody has taken yet: in memory, then in a temporary file, up to a bound.

It is needed where a script answers before it has read its input. A script that nobody reads from stops reading itself.
And most clients read nothing until they have sent everything: an answer that left at once would fill the socket, keep
us from reading the request, and have all three wait for each other. Rejected for that: sending while we read.
"""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO

_PIECE = 65_536


class Held:
    """A queue of bytes. Not thread-safe; `close()` drops the file."""

    __slots__ = ("_file", "_memory", "_most_in_memory", "_start", "length")

    def __init__(self, most_in_memory: int = 1024 * 1024) -> None:
        """`most_in_memory` in bytes; more goes to a file."""
        self._memory = bytearray()
        self._most_in_memory = most_in_memory
        self._file: BinaryIO | None = None
        self._start = 0  # where in the file the bytes begin that were not taken
        self.length = 0

    @property
    def beginning(self) -> bytearray:
        """The first bytes: all, as long as they are no more than are kept in memory. Not to be changed."""
        return self._memory

    def add(self, data: bytes) -> None:
        """Put bytes at the end. Raises OSError where the file cannot be written."""
        self.length += len(data)
        if self._file is None:
            if len(self._memory) + len(data) <= self._most_in_memory:
                self._memory += data
                return
            self._file = tempfile.TemporaryFile(prefix="salver-cgi-", buffering=0)  # noqa: SIM115 - it outlives this
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def take(self, size: int = _PIECE) -> bytes:
        """At most `size` bytes from the beginning, b"" where there are none."""
        if self._memory:
            data = bytes(self._memory[:size])
            del self._memory[:size]
        elif self._file is not None:
            data = os.pread(self._file.fileno(), size, self._start)
            self._start += len(data)
        else:
            return b""
        self.length -= len(data)
        if not self.length:
            self.close()
        return data

    def close(self) -> None:
        """Drop everything."""
        self._memory.clear()
        self.length = self._start = 0
        if self._file is not None:
            self._file.close()
            self._file = None
