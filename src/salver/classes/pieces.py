"""What a writer keeps of a response, bytes and segments of files, as values: what they weigh, how the rest of an open
file becomes one of them, and how a head and its pieces become a `Response` that others may change.

This file knows neither the connection nor when something leaves; its caller holds the writer's lock.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import BinaryIO

from salver.classes.heads import Framing
from salver.response import FileSegment, Response

_SERVERS_OWN = frozenset(("date", "server", "content-length", "connection"))
_COPIED = 64 * 1024  # bytes of a file that are read rather than sent by sendfile


def weight(pieces: Iterable[bytes | FileSegment]) -> int:
    """Bytes of memory that are kept in them; a file takes none, and counts as something."""
    return sum(len(piece) if isinstance(piece, bytes) else 1 for piece in pieces)


def maybe_rest_of_file(file: BinaryIO, room: int) -> FileSegment | None:
    """The rest of an open file, of at most `room` bytes, on a descriptor of its own; None for what is no regular file,
    is small, or does not fit."""
    try:
        fd, offset = file.fileno(), file.tell()
        size = os.fstat(fd).st_size - offset
    except (OSError, AttributeError, ValueError):
        return None
    if size <= _COPIED or size > room:
        return None
    return _segment(os.dup(fd), offset, size)


def _segment(fd: int, offset: int, size: int) -> FileSegment:
    return FileSegment(fd, offset, size, lambda: os.close(fd))


def maybe_response(lines: list[bytes], framing: Framing, pieces: Collection[bytes | FileSegment]) -> Response | None:
    """The response of which `lines` are the head, less the fields that belong to whose server it is; None where it has
    pieces of files. A `Connection: close` stays."""
    parts = [piece for piece in pieces if isinstance(piece, bytes)]
    if len(parts) < len(pieces):
        return None
    reason = lines[0][13:-2].decode("latin-1")
    response = Response(b"".join(parts), framing.status, _pairs(lines[1:]), reason=reason)
    if framing.persistence == "close":
        response.headers["Connection"] = "close"
    return response


def _pairs(lines: list[bytes]) -> list[tuple[str, str]]:
    split = [line[:-2].decode("latin-1").partition(": ") for line in lines]
    return [(name, value) for name, _, value in split if name.lower() not in _SERVERS_OWN]
