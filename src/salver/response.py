"""What a handler gives back: a status, fields, and a body of one of five kinds; or raises, as an `HTTPError`.

A body is bytes, one segment of a file, a sequence of both, an iterable that the server pulls while the socket drains,
or one that waits. This file does not know how any of them is sent; it holds no socket and opens no file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Union

from salver.bodies import Body, FileSegment, FollowedBytes, Segments, WaitingBody
from salver.protocol.headers import MutableHeaders
from salver.protocol.reasons import REASONS

if TYPE_CHECKING:
    from datetime import datetime

    from salver.events import Broadcast, Channel, Sendable
    from salver.file_response import Source
    from salver.request import Request
    from salver.semantics.cookies import Seconds

__all__ = [
    "Body",
    "FileSegment",
    "FixedResponse",
    "FollowedBytes",
    "HTTPError",
    "HeadersLike",
    "MissingField",
    "Response",
    "Segments",
    "WaitingBody",
    "Written",
]

HeadersLike = Union[Mapping[str, str], Iterable[tuple[str, str]]]


class HTTPError(Exception):
    """Raised by whoever handles a request to end it with `problem(request, status, detail, headers)`, or with the page
    that an app has for that status: an answer and no fault, so nobody writes a traceback.

    `status` is 400 to 599, `detail` plain text for whoever asked, in a sentence or two; `headers` as a response takes
    them (Allow, Retry-After, WWW-Authenticate). Raises ValueError for a status that is no error.
    """

    def __init__(self, status: int, detail: str = "", headers: HeadersLike = ()) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"an error's status is 400 to 599, not {status}")
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status} {self.detail or REASONS.get(self.status, '')}".rstrip()


class MissingField(HTTPError, KeyError):
    """A name that a query, a form or the cookies do not have: a KeyError to the code that asked, 400 to the client."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(400, f"{name!r} is missing in the {place}")


_JSON_FIELDS, _JSON_LINES = (("Content-Type", "application/json"),), b"Content-Type: application/json\r\n"
_BUFFERS = (bytearray, memoryview)  # iterables of numbers otherwise


class Response:
    """One answer. Not shared between threads; the server takes it over when the handler returns.

    `body`: bytes (a bytearray or memoryview is copied), str (sent as UTF-8), `FileSegment`, `Segments`, or an iterable
    of bytes (its `close()`, where it has one, is called at the end, also when the client goes away). `status`: 100 to
    599. `headers`: a mapping or pairs; names and values are checked when the head is written, and CR, LF or NUL in one
    is an error before a byte is sent; a Date or Server takes the place of the server's own. `Content-Length` is the
    server's where the length is known, and otherwise the handler's promise: a longer body is cut, a shorter one aborts
    the connection. `reason` replaces the registered phrase.
    """

    __slots__ = ("body", "headers", "reason", "status")

    body: Body
    lines: bytes | None = None  # the field lines, where they were encoded beforehand: see FixedResponse

    def __init__(
        self,
        body: Body | str | bytearray | memoryview = b"",
        status: int = 200,
        headers: HeadersLike | None = None,
        *,
        content_type: str | None = None,
        reason: str | None = None,
    ) -> None:
        if isinstance(body, str):
            self.body = body.encode()
        else:
            self.body = bytes(body) if isinstance(body, _BUFFERS) else body
        self.status = status
        self.reason = reason
        self.headers = MutableHeaders(headers)
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        elif isinstance(body, str) and "Content-Type" not in self.headers:
            self.headers["Content-Type"] = "text/html; charset=utf-8"

    @property
    def body_length(self) -> int | None:
        """The body's length in bytes, None where only its end will tell (an iterable)."""
        body = self.body
        if isinstance(body, bytes):
            return len(body)
        if isinstance(body, (FileSegment, Segments, FollowedBytes)):
            return body.length
        return None

    # Responses of the usual kinds

    @staticmethod
    def html(text: str, status: int = 200, headers: HeadersLike | None = None) -> Response:
        """An HTML page. `text` goes out as it is: what comes from elsewhere must have been escaped."""
        return Response(text.encode(), status, headers, content_type="text/html; charset=utf-8")

    @staticmethod
    def text(text: str, status: int = 200, headers: HeadersLike | None = None) -> Response:
        """Plain text."""
        return Response(text.encode(), status, headers, content_type="text/plain; charset=utf-8")

    @staticmethod
    def json(value: Any, status: int = 200, headers: HeadersLike | None = None) -> Response:
        """`value` as JSON; see `encode_json` for what may be in it, and what it raises."""
        data = _json_encoder()(value)
        if headers is None:
            return FixedResponse(data, status, _JSON_FIELDS, _JSON_LINES)
        return Response(data, status, headers, content_type="application/json")

    @staticmethod
    def redirect(location: str, status: int = 303, headers: HeadersLike | None = None) -> Response:
        """Send the client to `location`, a URL or a path; what a URI cannot have in it is percent-encoded.

        `status`: 303 (look there with GET; after a form), 302, 301 and 308 (for ever), 307 and 308 (the same method and
        body again). Raises ValueError for another one, and for a control character in `location`. A target that a
        client has named (`?next=`) must pass `salver.semantics.urls.is_same_origin_path` first.
        """
        from salver.semantics.urls import uri_of

        if status not in (301, 302, 303, 307, 308):
            raise ValueError(f"a redirect is 301, 302, 303, 307 or 308, not {status}")
        response = Response(b"", status, headers)
        response.headers["Location"] = uri_of(location)
        return response

    @staticmethod
    def stream(
        pieces: Iterable[bytes],
        content_type: str = "application/octet-stream",
        status: int = 200,
        headers: HeadersLike | None = None,
    ) -> Response:
        """A body sent piece by piece, each asked for when the client has taken the one before. `close()` of `pieces`,
        where there is one, is called at the end, also when the client goes away."""
        return Response(pieces, status, headers, content_type=content_type)

    @staticmethod
    def event_stream(
        source: Iterable[Sendable] | Channel | Broadcast,
        *,
        heartbeat: float | None = 15.0,
        last_event_id: str | None = None,
        headers: HeadersLike | None = None,
    ) -> Response:
        """Server-sent events from a generator, a `Channel` or a `Broadcast`; no thread waits between two of them. See
        `salver.events.event_stream`."""
        from salver.events import event_stream

        return event_stream(source, heartbeat=heartbeat, last_event_id=last_event_id, headers=headers)

    @staticmethod
    def file(
        source: Source,
        *,
        under: str | os.PathLike[str] | None = None,
        content_type: str | None = None,
        download_name: str | None = None,
        disposition: str = "attachment",
        cache_seconds: int | None = None,
        headers: HeadersLike | None = None,
    ) -> Response:
        """A file, sent by sendfile, with ETag, Last-Modified, conditions and ranges.

        `source`: a path of the application's own; OSError (FileNotFoundError) where it is none. With `under`, a folder:
        a path below it that a client may have named, such as "a/b.txt"; whatever leads out of the folder, is hidden or
        is not there is an `HTTPError` 404. Or an open binary file, sent from where it stands, and closed in the end if
        it is no regular one.

        `content_type` None: by the name. `download_name`: what the browser is to save it as (`disposition`
        "attachment"), or calls it when it shows it ("inline"). `cache_seconds`: for so long clients need not ask again.
        """
        from salver.file_response import file_response

        return file_response(source, under, headers, content_type, cache_seconds, download_name, disposition)

    # Versions

    def set_etag(self, tag: str | None = None, *, weak: bool = False) -> None:
        """Say which version this is (RFC 9110 §8.8.3): `tag`, any printable text without quotes, else a digest of the
        body, which must be bytes then. `weak`: equal in meaning, not in every byte. Raises ValueError for no tag."""
        from salver.semantics.etags import is_entity_tag

        if tag is None:
            from hashlib import blake2b

            if not isinstance(self.body, bytes):
                raise ValueError("only a body of bytes has a digest; give the tag")
            tag = blake2b(self.body, digest_size=16).hexdigest()
        value = f'W/"{tag}"' if weak else f'"{tag}"'
        if not value.isascii() or not is_entity_tag(value):
            raise ValueError(f"{tag!r} is no entity tag")
        self.headers["ETag"] = value

    def conditional(self, request: Request) -> Response:
        """This response, or what the request's conditions and ranges make of it: 304, 206, 412, 416. For a 200 that
        says its version (ETag, Last-Modified); a body of bytes that does not is given a digest."""
        from salver.conditional import conditional

        content = self.body if isinstance(self.body, bytes) else None
        if content is not None and self.status == 200:
            if "ETag" not in self.headers:
                self.set_etag()
            if "Accept-Ranges" not in self.headers:
                self.headers.add("Accept-Ranges", "bytes")
        return conditional(request, self, content)

    def answered(self, request: Request) -> Response:
        """What `request` gets where this is what its handler has returned: itself, but for files. Whoever runs a
        handler asks (`as_response`)."""
        return self

    # Cookies

    def set_cookie(  # noqa: PLR0913 - the attributes that a cookie has
        self,
        name: str,
        value: str,
        *,
        max_age: Seconds | None = None,
        expires: datetime | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = True,
        samesite: str | None = "Lax",
        partitioned: bool = False,
    ) -> None:
        """Have the client keep a cookie; the arguments, and what raises ValueError, are `format_cookie`'s. Scripts of
        the page see it only with `httponly=False`; other sites' requests bring it only with `samesite="None"`."""
        from salver.semantics.cookies import format_cookie

        field = format_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self.headers.add("Set-Cookie", field)

    def delete_cookie(
        self,
        name: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        samesite: str | None = "Lax",
        partitioned: bool = False,
    ) -> None:
        """Have the client forget a cookie. Path, domain, and for a prefix `secure`, must be those it was set with."""
        self.set_cookie(
            name,
            "",
            max_age=0,
            expires=0,
            path=path,
            domain=domain,
            secure=secure,
            samesite=samesite,
            partitioned=partitioned,
        )

    def close(self) -> None:
        """Let go of what the body holds (descriptors, a generator); the server calls it once at the end."""
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


class Written(Response):
    """A response that its handler has written as HTTP itself, status line and all: sent as it is.

    `pieces`: what has not left yet, in order; `whole`: all of that, where it is one piece of bytes. `size`: bytes of
    body in all, for the log. The handler vouches for the framing: `keep_alive` False where the connection must end
    behind it; `aborted` where it broke off, so that the client must see an error and not an end. For the connection's
    own handler alone: who wraps handlers cannot change one.
    """

    __slots__ = ("aborted", "keep_alive", "pieces", "size", "whole")

    def __init__(
        self,
        pieces: Sequence[bytes | FileSegment],
        status: int,
        size: int,
        *,
        keep_alive: bool = False,
        aborted: bool = False,
    ) -> None:
        self.body = ()
        self.status = status
        self.reason = None
        self.pieces = pieces
        self.whole = pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else None
        self.size = size
        self.keep_alive = keep_alive
        self.aborted = aborted

    @property
    def headers(self) -> MutableHeaders:  # type: ignore[override]
        """Empty, and not looked at: the head is written."""
        return MutableHeaders()

    def close(self) -> None:
        """Let go of the files among the pieces."""
        for piece in self.pieces:
            if not isinstance(piece, bytes):
                piece.close()


class FixedResponse(Response):
    """A response whose field lines were encoded, and so checked, beforehand: what a cache hands out by the thousand.

    Every request is given one of its own, so that a wrapper may change it like any other: the first look at
    `headers` makes them, and sets `lines` to None, because from then on the two may differ. `fields` must hold none
    of the connection's own (Content-Length, Connection, Transfer-Encoding), and `lines` be `encode_fields(fields)`.
    """

    __slots__ = ("_fields", "_headers", "lines")

    lines: bytes | None

    def __init__(self, body: Body, status: int, fields: Sequence[tuple[str, str]], lines: bytes) -> None:
        self.body = body
        self.status = status
        self.reason = None
        self.lines = lines
        self._fields = fields
        self._headers: MutableHeaders | None = None

    @property
    def headers(self) -> MutableHeaders:
        """The fields, to be read and changed."""
        headers = self._headers
        if headers is None:
            headers = self._headers = MutableHeaders(self._fields)
            self.lines = None
        return headers

    @headers.setter
    def headers(self, headers: MutableHeaders) -> None:
        self._headers = headers
        self.lines = None


@cache
def _json_encoder() -> Callable[[Any], bytes]:
    """Imported by the first answer in JSON; said in each, an import costs more than the rest of making one."""
    from salver.semantics.json_text import encode_json

    return encode_json
