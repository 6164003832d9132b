"""Preconditions in the order of RFC 9110 §13.2.2, as one function that decides and does nothing.

If-Range is the range's business and is in `ranges`. The caller asks only where the answer would be a 2xx without
conditions (§13.2.1): a 404 stays a 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from salver.semantics.dates import parse_date
from salver.semantics.etags import TagList

CONDITIONAL_FIELDS = ("if-match", "if-unmodified-since", "if-none-match", "if-modified-since")


def failed_precondition(
    method: str, headers: Mapping[str, str], etag: str | None, modified: int | None
) -> Literal[304, 412] | None:
    """The status to answer with instead of doing what was asked, None to proceed.

    `headers` compares names without case. `etag` is the selected representation's tag as sent, `modified` its
    Last-Modified in seconds since 1970; None where it has none (a date condition is then ignored, §13.1.3).
    """
    if not _wanted_is_there(headers, etag, modified):
        return 412  # steps 1 and 2
    reads = method in ("GET", "HEAD")
    none_match = headers.get("if-none-match")
    if none_match is not None:  # step 3; If-Modified-Since is then ignored
        if not TagList(none_match).matches_weakly(etag):
            return None
        return 304 if reads else 412
    if reads and _unchanged_since(headers.get("if-modified-since"), modified):
        return 304  # step 4
    return None


def _wanted_is_there(headers: Mapping[str, str], etag: str | None, modified: int | None) -> bool:
    match = headers.get("if-match")
    if match is not None:  # step 1; If-Unmodified-Since is then ignored
        return TagList(match).matches_strongly(etag)
    limit = headers.get("if-unmodified-since")
    if limit is None or modified is None:
        return True
    seconds = parse_date(limit)
    return seconds is None or modified <= seconds  # step 2; what is not a date is ignored (§13.1.4)


def _unchanged_since(value: str | None, modified: int | None) -> bool:
    if value is None or modified is None:
        return False
    seconds = parse_date(value)
    return seconds is not None and modified <= seconds
