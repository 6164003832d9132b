"""Answers compressed on their way: `compress()(handler)`.

What is there as bytes is compressed at once, off the leader's thread where it takes more than a moment; what is
streamed goes piece by piece, each flushed, so that an event of a stream is not held back. What a client is sent is
decided by the answer alone (its type, its length, its fields) and then by Accept-Encoding, which Vary says. A strong
ETag becomes weak: other bytes, the same meaning, and If-None-Match goes on working in the handler, which knows its own
tag only (RFC 9110 §8.8.1). This file does not know how a coding is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from salver.handler import Middleware, responder, wraps_handler
from salver.protocol.headers import MutableHeaders
from salver.request import Request
from salver.response import Body, FileSegment, Response, Segments, WaitingBody, Written
from salver.semantics.codings import (
    CODINGS,
    INLINE,
    LARGEST,
    SMALLEST,
    StreamPacker,
    lasting_packer,
    maybe_compressor,
    maybe_packer,
)
from salver.semantics.etags import TagList
from salver.semantics.media_types import is_compressible
from salver.semantics.negotiation import acceptable_codings, with_vary

# No content, or a part of one: what is compressed is a whole representation.
_LEFT_ALONE = frozenset((204, 205, 206, 304))
# Sums of the bytes as they are: whoever gives one has decided what is sent (RFC 9530).
_DIGESTS = ("content-digest", "repr-digest", "digest", "content-md5")
_PIECE = 65_536  # bytes of a file or a large body that are compressed at once, in about 2 ms


def compress(
    *,
    minimum: int = SMALLEST,
    codings: Sequence[str] = CODINGS,
    compressible: Callable[[str], bool] = is_compressible,
) -> Middleware:
    """A middleware that compresses answers for clients that take it.

    `minimum`: bytes; shorter answers go as they are. `codings`: which to use, the best liked first among equals: "br"
    and "zstd" need the extras of their names, and are left out where those are not installed; "gzip" is always there.
    `compressible`: is a body of this Content-Type worth it.

    Left alone: what has a Content-Encoding or a digest, `Cache-Control: no-transform`, 204, 206 and 304, files of more
    than 4 MiB, and what a handler class wrote as HTTP itself. Raises ValueError for a coding that there is none of.
    """
    unknown = set(codings) - set(CODINGS)
    if unknown or isinstance(codings, str):
        raise ValueError(f"codings are some of {', '.join(CODINGS)}, not {codings!r}")
    packing = _Packing(minimum, codings, compressible)

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def compressing(request: Request, **params: Any) -> Response:
            return packing.apply(request, respond(request, **params))

        return compressing

    return wrap


class _Packing:
    """What one `compress` does to an answer. Safe to use from several threads."""

    __slots__ = ("_codings", "_compressible", "_maybe_coding", "_minimum")

    def __init__(self, minimum: int, codings: Sequence[str], compressible: Callable[[str], bool]) -> None:
        self._minimum = minimum
        self._codings = tuple(codings)
        self._compressible = compressible
        self._maybe_coding = lru_cache(64)(self._choose)

    def apply(self, request: Request, response: Response) -> Response:
        """The response, or one in its place."""
        if isinstance(response, Written) or response.status in _LEFT_ALONE:
            if response.status == 304:
                _weaken_as_asked(request, response.headers)
            return response
        length = _length(request, response)
        if (length is not None and length < self._minimum) or not self._may_be_packed(response):
            return response
        headers = response.headers
        headers["Vary"] = with_vary(headers.get("vary"), "Accept-Encoding")
        wanted, waits = request.headers.get("accept-encoding"), isinstance(response.body, WaitingBody)
        coding = self._maybe_coding(wanted, waits)
        packed = None if coding is None else _maybe_packed(request, response, coding)
        if coding is None or packed is None:
            return response
        _mark(headers, coding)
        return Response(packed, response.status, headers, reason=response.reason)

    def _may_be_packed(self, response: Response) -> bool:
        headers = response.headers
        if "content-encoding" in headers or any(name in headers for name in _DIGESTS):
            return False
        if isinstance(response.body, (FileSegment, Segments)) and response.body.length > LARGEST:
            return False
        content_type = headers.get("content-type")
        if content_type is None or not self._compressible(content_type):
            return False
        return "no-transform" not in headers.get("cache-control", "").lower()  # RFC 9111 §5.2.2.6

    def _choose(self, accept_encoding: str | None, waits: bool) -> str | None:
        """`waits`: for a body that may be open for hours, whose packer has to be small."""
        offers = [coding for coding in self._codings if coding == "gzip"] if waits else self._codings
        liked = acceptable_codings(accept_encoding, offers)
        return next((coding for coding in liked if maybe_compressor(coding) is not None), None)


def _length(request: Request, response: Response) -> int | None:
    """The length of the content in bytes, None where only its end will tell. The answer to a HEAD may say it in a field
    and have no body."""
    length = response.body_length
    if length == 0 and request.method == "HEAD":
        promised = response.headers.get("content-length", "")
        return int(promised) if promised.isascii() and promised.isdigit() and len(promised) < 20 else 0
    return length


def _mark(headers: MutableHeaders, coding: str) -> None:
    headers["Content-Encoding"] = coding
    for name in ("Content-Length", "Accept-Ranges"):  # ranges of what is made on the way cannot be had
        if name in headers:
            del headers[name]
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        headers["ETag"] = "W/" + etag


def _weaken_as_asked(request: Request, headers: MutableHeaders) -> None:
    """A 304 repeats the tag that its 200 had (RFC 9110 §15.4.5): the weak one, where that is what the client has."""
    etag = headers.get("etag", "")
    tags = TagList(request.headers.get("if-none-match", "")) if etag.startswith('"') else None
    if tags is not None and etag in tags.weak and etag not in tags.strong:
        headers["ETag"] = "W/" + etag


def _maybe_packed(request: Request, response: Response, coding: str) -> Body | None:
    """The body in `coding`; None where it had better go as it is. A body that is not sent is let go of."""
    body = response.body
    if isinstance(body, bytes) and body:
        return _maybe_packed_bytes(request, body, coding)
    if request.method == "HEAD":
        response.close()
        return ()
    if isinstance(body, WaitingBody):
        return PackedWaitingBody(body, lasting_packer())
    make = maybe_packer(coding)
    if make is None or isinstance(body, bytes):
        return None
    if isinstance(body, (FileSegment, Segments)):
        return PackedBody(_Pieces(body), make())
    return PackedBody(body, make())


def _maybe_packed_bytes(request: Request, body: bytes, coding: str) -> Body | None:
    if len(body) > INLINE and not request.hand_over():
        return None  # every thread is taken, and plain bytes are right in any case
    make, pack = maybe_packer(coding), maybe_compressor(coding)
    if make is None or pack is None:
        return None
    if len(body) > LARGEST:
        return PackedBody((body[at : at + _PIECE] for at in range(0, len(body), _PIECE)), make())
    packed = pack(body)
    return packed if len(packed) < len(body) else None


class PackedBody:
    """A streamed body in a content coding: a piece out for each piece in. Used by one thread at a time; owns the body
    that it reads from."""

    __slots__ = ("_body", "_packer", "_pieces")

    def __init__(self, body: Iterable[bytes], packer: StreamPacker) -> None:
        self._body = body
        self._packer: StreamPacker | None = packer
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        packer = self._packer
        if packer is None:
            raise StopIteration
        if self._pieces is None:
            self._pieces = iter(self._body)
        for piece in self._pieces:
            return packer.pack(piece) if piece else b""
        self._packer = None
        return packer.finish()

    def close(self) -> None:
        """Let go of the body, read to its end or not."""
        self._packer = None
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


class PackedWaitingBody(WaitingBody):
    """The same for a body that may have nothing to send for a while."""

    __slots__ = ("_body", "_packer", "wait")

    def __init__(self, body: WaitingBody, packer: StreamPacker) -> None:
        self._body = body
        self._packer: StreamPacker | None = packer
        self.wait = body.wait

    def __next__(self) -> bytes | None:
        """See `WaitingBody`."""
        packer = self._packer
        if packer is None:
            raise StopIteration
        try:
            piece = next(self._body)
        except StopIteration:
            self._packer = None
            return packer.finish()
        self.wait = self._body.wait
        return packer.pack(piece) if piece else piece

    def attach(self, wake: Callable[[], None]) -> None:
        """See `WaitingBody`."""
        self._body.attach(wake)

    def close(self) -> None:
        """See `WaitingBody`."""
        self._packer = None
        self._body.close()


class _Pieces:
    """The bytes of a file's segments, read piece by piece. Owns the segments."""

    __slots__ = ("_body",)

    def __init__(self, body: FileSegment | Segments) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        body = self._body
        for part in body.pieces if isinstance(body, Segments) else (body,):
            if isinstance(part, bytes):
                yield part
            else:
                yield from _read(part)

    def close(self) -> None:
        self._body.close()


def _read(segment: FileSegment) -> Iterator[bytes]:
    offset, end = segment.offset, segment.offset + segment.length
    while offset < end:
        data = os.pread(segment.fd, min(_PIECE, end - offset), offset)
        if not data:
            raise OSError("the file became shorter while it was sent")
        offset += len(data)
        yield data
