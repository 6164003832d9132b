"""What a request carries: its bytes, or where they come from, with their length and whether they can be had again.

Nothing is read before it is sent. A file is read from where it stands, and can be sent again, since it can be set
back; an iterator is gone once it was begun.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Union, cast

PART = 262_144  # bytes that are read from a file at once

ContentLike = Union[bytes, bytearray, memoryview, str, BinaryIO, Iterable[bytes], None]


class Content:
    """A body that is sent part by part. `length` in bytes, None where only its end will tell (then it is chunked).
    `replayable`: iterating anew gives the same bytes, for a retry or a redirect."""

    __slots__ = ("_begun", "_parts", "length", "replayable")

    def __init__(self, parts: Callable[[], Iterable[bytes]], length: int | None, *, replayable: bool) -> None:
        self._parts = parts
        self.length = length
        self.replayable = replayable
        self._begun = False

    @property
    def is_gone(self) -> bool:
        """A part of it may have been sent, and it cannot be had again: neither retry nor redirect can carry it."""
        return self._begun and not self.replayable

    def __iter__(self) -> Iterator[bytes]:
        self._begun = True
        return iter(self._parts())


def as_content(given: ContentLike) -> bytes | Content:
    """What the caller gave as `content`: bytes and str (UTF-8) as they are, a binary file, an iterable of bytes.
    Raises TypeError."""
    if given is None:
        return b""
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, (bytes, bytearray, memoryview)):
        return bytes(given)
    if hasattr(given, "read"):
        return file_content(cast(BinaryIO, given))
    if isinstance(given, Iterable):
        return Content(lambda: given, None, replayable=iter(given) is not given)
    raise TypeError(f"content is bytes, str, a binary file or an iterable of bytes, not {type(given).__name__}")


def file_content(file: BinaryIO) -> Content:
    """The rest of a binary file, from where it stands now. The file stays the caller's."""
    start = _position(file)
    length = None if start is None else _size(file, start)

    def parts() -> Iterator[bytes]:
        if start is not None:
            file.seek(start)
        reading: Any = file
        while part := reading.read(PART):
            if not isinstance(part, bytes):
                raise TypeError("the file is open as text; open it with mode 'rb'")
            yield part

    return Content(parts, length, replayable=start is not None)


def _position(file: BinaryIO) -> int | None:
    try:
        return file.tell() if file.seekable() else None
    except (AttributeError, OSError):
        return None


def _size(file: BinaryIO, start: int) -> int | None:
    try:
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    except OSError:
        return None
    return max(0, end - start)
