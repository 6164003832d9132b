"""One representation of a file, ready to be sent: its bytes or descriptor, its validators, its field lines.

Made once and kept by the cache; every response is then a few references. Ranges and 304 are made from the same
values, so that they cannot disagree with the 200. This file does not know where representations are kept, nor which
of several is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

from salver.lookup import OpenFile
from salver.protocol.writer import encode_fields
from salver.response import FileSegment, FixedResponse
from salver.semantics.dates import format_date

Fields = Sequence[tuple[str, str]]

_ONLY_WITH_CONTENT = frozenset(("content-type", "content-encoding", "accept-ranges"))


def etag_of(opened: OpenFile) -> str:
    """A strong entity tag: another one for another file, another size or another time of change."""
    status = opened.status
    return f'"{status.st_mtime_ns & 0xFFFFFFFFFFFFFFFF:x}-{status.st_size:x}-{status.st_ino:x}"'


def last_modified(opened: OpenFile) -> int:
    """The Last-Modified of a file, in seconds since 1970, rounded down as dates are."""
    return opened.status.st_mtime_ns // 1_000_000_000


class Representation:
    """Immutable, and safe to share between threads.

    `content` is all bytes, or the open file they are sent from. `modified_at` is the time of change in seconds since
    1970, `modified` the same, or None where no HTTP date can say it. `fields` are those of a 200, `lines` the same
    encoded; `extra_fields` those that it was made with.
    """

    __slots__ = (
        "content",
        "content_type",
        "etag",
        "extra_fields",
        "fields",
        "lines",
        "modified",
        "modified_at",
        "size",
    )

    def __init__(
        self, content: bytes | OpenFile, content_type: str, etag: str, modified: int | None, fields: Fields
    ) -> None:
        """`modified` in seconds since 1970, None where it is not known. `fields`: what it has beside Content-Type,
        Last-Modified, ETag and Accept-Ranges, or instead of one of them. Raises `LocalProtocolError` for a field that
        must not be sent."""
        self.content = content
        self.size = len(content) if isinstance(content, bytes) else content.status.st_size
        self.content_type = content_type
        self.etag = etag
        self.extra_fields = tuple(fields)
        self.modified_at = modified
        date = None if modified is None else _date(modified)
        self.modified = None if date is None else modified
        own = [("Content-Type", content_type), ("ETag", etag), ("Accept-Ranges", "bytes")]
        if date is not None:
            own.append(("Last-Modified", date))
        replaced = {name.lower() for name, _ in fields}
        self.fields = (*(pair for pair in own if pair[0].lower() not in replaced), *fields)
        self.lines = encode_fields(self.fields)

    def whole(self) -> FixedResponse:
        """The 200 with everything."""
        content = self.content
        body = content if isinstance(content, bytes) else content.segment(0, self.size)
        return FixedResponse(body, 200, self.fields, self.lines)

    def piece(self, start: int, end: int) -> bytes | FileSegment:
        """The bytes from `start` up to and without `end`."""
        content = self.content
        return content[start:end] if isinstance(content, bytes) else content.segment(start, end)

    def fields_without_content(self) -> Fields:
        """What a 304 repeats of the 200 (RFC 9110 §15.4.5)."""
        return [pair for pair in self.fields if pair[0].lower() not in _ONLY_WITH_CONTENT]


def _date(seconds: int) -> str | None:
    try:
        return format_date(seconds)
    except (ValueError, OverflowError, OSError):
        return None
