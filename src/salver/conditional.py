"""Conditions and ranges: what of a representation a request gets, 200, 206, 304, 412 or 416.

Preconditions come first, then the range, in the order of RFC 9110 §13.2.2. Files have theirs here, and so has any other
response that says which version it is. Nothing here opens a file or waits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from salver.lookup import OpenFile
from salver.problem import problem
from salver.protocol.connection import OWN_FIELDS
from salver.representation import Representation
from salver.request import Request
from salver.response import FileSegment, Response, Segments
from salver.semantics.conditions import CONDITIONAL_FIELDS, failed_precondition
from salver.semantics.dates import parse_date
from salver.semantics.media_types import DEFAULT_TYPE
from salver.semantics.ranges import (
    ByteRange,
    content_range,
    parse_ranges,
    range_still_holds,
    unsatisfied_range,
)


def answer(request: Request, chosen: Representation) -> Response:
    """The answer to a GET or HEAD of `chosen`, conditions and ranges considered. The caller's own."""
    headers = request.headers
    failed = failed_precondition(request.method, headers, chosen.etag, chosen.modified)
    if failed is not None:
        return _failed(request, failed, chosen.fields_without_content())
    ranges = _ranges(request.method, headers, chosen)
    if ranges is None:
        return chosen.whole()
    if not ranges:
        fields = {"Content-Range": unsatisfied_range(chosen.size)}
        return problem(request, 416, f"There are {chosen.size} bytes.", fields)
    return _one_part(chosen, *ranges[0]) if len(ranges) == 1 else _many_parts(chosen, ranges)


def conditional(request: Request, response: Response, content: bytes | OpenFile | None) -> Response:
    """`response`, or what the request's conditions and ranges make of it; in that case `response` is closed. `content`
    is its whole body; None for one that only conditions, and no ranges, apply to.

    Nothing but a 200 to GET or HEAD has them (§13.2.1). Raises `LocalProtocolError` for fields that must not be sent.
    """
    headers = request.headers
    if response.status != 200 or request.method not in ("GET", "HEAD"):
        return response
    if "range" not in headers and not any(name in headers for name in CONDITIONAL_FIELDS):
        return response
    etag, modified = response.headers.get("ETag"), parse_date(response.headers.get("Last-Modified", ""))
    fields = [pair for pair in response.headers.fields if pair[0].lower() not in OWN_FIELDS]
    if content is None or etag is None:
        failed = failed_precondition(request.method, headers, etag, modified)
        if failed is None:
            return response
        answered = _failed(request, failed, [pair for pair in fields if pair[0].lower() != "content-type"])
    else:
        media_type = response.headers.get("Content-Type", DEFAULT_TYPE)
        answered = answer(request, Representation(content, media_type, etag, modified, fields))
        if answered.status == 200:
            answered.close()
            return response
    response.close()
    return answered


def _failed(request: Request, status: int, fields: Sequence[tuple[str, str]]) -> Response:
    if status == 304:
        return Response(b"", 304, fields)
    return problem(request, 412, "This is not the version that the request asks for.")


def _ranges(method: str, headers: Mapping[str, str], chosen: Representation) -> Sequence[ByteRange] | None:
    """The ranges to send, none where nothing can be satisfied, None for everything."""
    wanted = headers.get("range")
    if wanted is None or method != "GET":  # RFC 9110 §14.2: ranges are defined for GET alone
        return None
    if not range_still_holds(headers.get("if-range"), chosen.etag, chosen.modified):
        return None
    return parse_ranges(wanted, chosen.size)


def _one_part(chosen: Representation, start: int, end: int) -> Response:
    response = Response(chosen.piece(start, end), 206, chosen.fields)
    response.headers["Content-Range"] = content_range(start, end, chosen.size)
    return response


def _many_parts(chosen: Representation, ranges: Sequence[ByteRange]) -> Response:
    """RFC 9110 §14.6. The boundary is 128 random bits, so it cannot be in a file but by its author's foresight of
    the future; looking for it in the content would cost a reading of it."""
    boundary = os.urandom(16).hex()
    pieces: list[bytes | FileSegment] = []
    for start, end in ranges:
        opening = b"" if not pieces else b"\r\n"
        head = f"--{boundary}\r\nContent-Type: {chosen.content_type}\r\n"
        head += f"Content-Range: {content_range(start, end, chosen.size)}\r\n\r\n"
        pieces += [opening + head.encode("latin-1"), chosen.piece(start, end)]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    response = Response(Segments(pieces), 206, chosen.fields)
    response.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return response
