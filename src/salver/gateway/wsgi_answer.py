"""What a WSGI application returned, as a Response.

Lists are all there, and leave in one piece. A `wsgi.file_wrapper` around a file leaves by sendfile. Any other iterable
is pulled up to its first bytes here, for only then is it certain what the head says (PEP 3333: an application may call
`start_response` as late as that); from there the server pulls, piece by piece as the client takes them, in the thread
that called the application, since what the iterable holds (a cursor, a context) may belong to that thread. Behind
`write`, the rest is written here, too.

Whatever happens, the iterable's `close` is called once: here, or by the server with the end of the response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from salver.gateway.wsgi_file import FileWrapper
from salver.gateway.wsgi_head import Head
from salver.gateway.wsgi_start import StartResponse, check_piece
from salver.request import Request, Transmission
from salver.response import Body, FileSegment, FixedResponse, FollowedBytes, Response


class Pulled:
    """The body that an application's iterable gives, whose first piece has been pulled already."""

    __slots__ = ("_close", "_first", "_rest")

    keeps_thread = True  # see `Sending`

    def __init__(self, first: bytes, rest: Iterator[bytes], close: Callable[[], object] | None) -> None:
        self._first: bytes | None = first
        self._rest = rest
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first = self._first
        if first is None:
            return next(self._rest)
        self._first = None
        return first

    def close(self) -> None:
        """Close the application's iterable, once."""
        close, self._close = self._close, None
        if close is not None:
            close()


def answer(request: Request, start: StartResponse, result: Iterable[bytes]) -> Response:
    """The response for what an application returned. Raises what the iterable raises, and TypeError or RuntimeError
    where it is not as PEP 3333 has it; it is closed then."""
    close: Callable[[], object] | None = getattr(result, "close", None)
    try:
        if start.written is not None:
            response = _written(start.written, result)
        elif isinstance(result, (list, tuple)):
            response = _from_list(request, start, result)
        elif isinstance(result, FileWrapper):
            response = _from_file(start, result) or _from_iterable(request, start, result, close)
        else:
            response = _from_iterable(request, start, result, close)
    except BaseException:
        if close is not None:
            close()
        raise
    if close is not None and not isinstance(response.body, (Pulled, FileSegment, FollowedBytes)):
        close()
    return response


def from_bytes(head: Head, body: bytes) -> Response:
    """The response under `head` for a body that is all there. What its Content-Length leaves out is cut by the server;
    where it promises more, that is an error of the application's, and the server's to notice."""
    status, reason, fields, length, lines = head
    if lines is not None and (length is None or length == len(body)):
        response = FixedResponse(body, status, fields, lines)
        if reason is not None:
            response.reason = reason
        return response
    cut = length is not None and length < len(body)
    return _long_way(head, [body] if cut else body)


def _long_way(head: Head, body: Body) -> Response:
    return Response(body, head.status, head.all_fields(), reason=head.reason)


def _from_list(request: Request, start: StartResponse, result: Sequence[bytes]) -> Response:
    for piece in result:
        check_piece(piece)
    return _from_whole(request, start.commit(), b"".join(result))


def _from_iterable(
    request: Request, start: StartResponse, result: Iterable[bytes], close: Callable[[], object] | None
) -> Response:
    """From the first piece that has any bytes on. Where that is all that was promised, as with most, the response is
    all there; what the application does behind it comes behind it."""
    pieces, first = iter(result), b""
    for first in pieces:
        if first.__class__ is not bytes:
            check_piece(first)
        if first:
            break
    head = start.commit()
    if not first:
        return _from_whole(request, head, b"")
    if head.length == len(first) and head.lines is not None and request.method != "HEAD":
        response = FixedResponse(FollowedBytes(first, pieces, close), head.status, head.fields, head.lines)
        response.reason = head.reason
        return response
    return _long_way(head, Pulled(first, pieces, close))


def _from_whole(request: Request, head: Head, body: bytes) -> Response:
    """For HEAD an application may leave the body out, which then says nothing about the length GET would have."""
    if request.method == "HEAD" and (head.length is not None or not body):
        return _long_way(head, ())
    return from_bytes(head, body)


def _from_file(start: StartResponse, result: FileWrapper) -> Response | None:
    """A file sent by sendfile, None where it is none that can be."""
    if start.head is None:
        return None
    segment = result.as_segment(start.head.length)
    if segment is None:
        return None
    head = start.commit()
    if head.lines is None or head.reason is not None or head.length not in (None, segment.length):
        return _long_way(head, segment)
    return FixedResponse(segment, head.status, head.fields, head.lines)


def _written(written: Transmission, result: Iterable[bytes]) -> Response:
    """What follows what `write` has sent."""
    try:
        for piece in result:
            check_piece(piece)
            if piece:
                written.write(piece)
        return written.finish()
    except OSError:
        if written.failed:  # the client is gone
            return written.break_off()
        raise
