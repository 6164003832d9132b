"""`wsgi.file_wrapper`: an open file as an iterable, sent by sendfile where it is what it seems.

A `fileno` alone proves nothing: that of a `GzipFile` is the compressed file's, and a text file's position is no count
of bytes. So only a plain binary file of `io` on a regular file is sent that way, from its position on; everything else
is read in blocks.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import Any

from salver.response import FileSegment

_BLOCK = 65_536


class FileWrapper:
    """PEP 3333, "Optional Platform-Specific File Handling". `close` closes the file, where it can be closed."""

    __slots__ = ("_block", "_file")

    def __init__(self, filelike: Any, block_size: int = _BLOCK) -> None:
        """`filelike` has `read(size)`; `block_size` in bytes is a hint."""
        self._file = filelike
        self._block = max(1, block_size)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        data: bytes = self._file.read(self._block)
        if not data:
            raise StopIteration
        return data

    def close(self) -> None:
        """Close the file."""
        close = getattr(self._file, "close", None)
        if close is not None:
            close()

    def as_segment(self, length: int | None) -> FileSegment | None:
        """What is left of the file, at most `length` bytes of it, as a segment that closes the file at its end; None
        where it has to be read."""
        file = self._file
        if not _is_plain(file):
            return None
        try:
            if file.writable():
                file.flush()
            fd, offset = file.fileno(), file.tell()
            status = os.fstat(fd)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        left = max(0, status.st_size - offset)
        return FileSegment(fd, offset, left if length is None else min(length, left), self.close)


def _is_plain(file: object) -> bool:
    if file.__class__ is io.BufferedReader or file.__class__ is io.BufferedRandom:
        return file.raw.__class__ is io.FileIO
    return file.__class__ is io.FileIO
