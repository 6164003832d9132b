"""Byte ranges (RFC 9110 §14): which bytes a Range field asks for, in a form that cannot be made to cost much.

Ranges that overlap or touch become one, so no byte is ever sent twice; a field with very many ranges left after
that is treated as if it were not there, which §14.2 allows and which is cheaper for both sides than so many parts.
This file does not know what the bytes are of, nor how they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from salver.semantics.dates import parse_date
from salver.semantics.etags import equal_strongly, is_entity_tag

# RFC 9110 §14.1.1: int-range = first-pos "-" [ last-pos ], suffix-range = "-" suffix-length; ASCII digits alone.
_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_UNIT = re.compile(r"[bB][yY][tT][eE][sS]=")  # §14.1: range units are compared without case

# After merging; nginx has no such limit by default, Apache's MaxRanges is 200.
MAX_RANGES = 200
# Before merging: how many are looked at at all.
MAX_MEMBERS = 1_000
_DIGITS_MAX = 19  # past any file there is; int() raises at 4,300 digits
_HUGE = 10**_DIGITS_MAX

ByteRange = tuple[int, int]  # (first byte, byte behind the last)


def parse_ranges(value: str, size: int) -> Sequence[ByteRange] | None:
    """The ranges of a representation of `size` bytes that `value` asks for, none of them empty or overlapping, in
    the order they were asked for.

    None: the field is to be ignored (another unit, malformed, too many). Empty: nothing of it can be satisfied, 416.
    """
    unit = _UNIT.match(value)
    if unit is None:
        return None
    if value.count(",") >= MAX_MEMBERS:
        return None
    ranges, named = [], False
    for member in value[unit.end() :].split(","):
        member = member.strip(" \t")
        if not member:
            continue  # §5.6.1.2: empty list members are ignored
        named = True
        bounds = _bounds(member, size)
        if bounds is None:
            return None
        if bounds[0] < bounds[1]:
            ranges.append(bounds)
    if not named:
        return None
    merged = _merged(ranges) if len(ranges) > 1 else ranges
    return merged if len(merged) <= MAX_RANGES else None


def _bounds(member: str, size: int) -> ByteRange | None:
    """One range cut to the size: (first, end), with first >= end where it is unsatisfiable; None if malformed."""
    matched = _RANGE.fullmatch(member)
    if matched is None or member == "-":
        return None
    first, last = matched[1], matched[2]
    if not first:
        return _suffix(_number(last), size)
    start = _number(first)
    if not last:
        return start, size
    end = _number(last)
    if end < start:
        return None  # §14.1.1: invalid, and the whole field with it
    return start, min(end + 1, size)


def _suffix(length: int, size: int) -> ByteRange | None:
    if not length:
        return 0, 0
    if not size:
        return None  # satisfiable (§14.1.2), but no Content-Range can say it: better the whole, which is empty
    return max(0, size - length), size


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= _DIGITS_MAX else _long_number(digits)


def _long_number(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS_MAX else _HUGE


def _merged(ranges: list[ByteRange]) -> list[ByteRange]:
    """Overlapping and touching ranges joined (§15.3.7.2 allows it), each where its first part was asked for."""
    joined: list[list[int]] = []  # [first, end, position in the field]
    for start, end, position in sorted((start, end, place) for place, (start, end) in enumerate(ranges)):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
            joined[-1][2] = min(joined[-1][2], position)
        else:
            joined.append([start, end, position])
    joined.sort(key=lambda item: item[2])
    return [(start, end) for start, end, _ in joined]


def range_still_holds(if_range: str | None, etag: str | None, modified: int | None) -> bool:
    """Does the Range field count, as far as If-Range is concerned (RFC 9110 §13.1.5)?

    A tag must be strongly equal. A date must be the Last-Modified exactly; whether that date is a strong validator
    (§8.8.2.2) depends on when the client was given it, which only the client knows.
    """
    if if_range is None:
        return True
    if is_entity_tag(if_range):
        return etag is not None and equal_strongly(if_range, etag)
    seconds = parse_date(if_range)
    return seconds is not None and seconds == modified


def content_range(start: int, end: int, size: int) -> str:
    """The Content-Range of the bytes from `start` up to and without `end`, of `size` (§14.4)."""
    return f"bytes {start}-{end - 1}/{size}"


def unsatisfied_range(size: int) -> str:
    """The Content-Range of a 416 (§14.4)."""
    return f"bytes */{size}"
