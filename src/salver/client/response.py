"""A response as the caller sees it, collected or streamed.

A collected response holds its content and no connection. A streamed one holds its connection until it was read to its
end or closed: `with client.stream(...)` sees to that. What it reads from is a `BodyReader`; this file opens nothing.
"""

from __future__ import annotations

import codecs
import json
import re
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Protocol

from salver.client.decoding import Codings
from salver.client.errors import BodyGone, BrokenCoding, ResponseTooLarge, StatusError
from salver.client.message import Request
from salver.client.redirects import STATUSES as REDIRECTS
from salver.protocol.headers import Headers
from salver.protocol.heads import ResponseHead
from salver.protocol.reasons import REASONS

_CHARSET = re.compile(r";[ \t]*charset=\"?([A-Za-z0-9_.:+-]{1,40})", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Codecs of Python's own that decode text and are no charset: a response that names one means something else.
_NO_CHARSETS = frozenset(("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"))
_LINE_END = re.compile(r"\r\n|\n|\r")


class BodyReader(Protocol):
    """Where a body comes from."""

    def read(self) -> bytes:
        """Some of it as it is on the wire, b"" at its end. Raises a `ClientError`."""

    @property
    def trailers(self) -> Sequence[tuple[str, str]]:
        """The fields behind a chunked body, once it has ended."""

    def close(self) -> None:
        """Nothing more is read; idempotent."""


class Response:
    """Used by one thread at a time.

    `status` (also `status_code`), `reason`, `headers` (values by name without case; `headers.get_all(name)`), `url`
    (a str, the last one after redirects), `request`, `history` (the redirects that led here), `elapsed` (a timedelta,
    from sending to the response's head), `http_version`.
    """

    __slots__ = (
        "_body",
        "_content",
        "_elapsed",
        "_limit",
        "_taken",
        "encoding",
        "head",
        "history",
        "request",
        "status",
        "trailers",
    )

    def __init__(self, head: ResponseHead, request: Request, body: BodyReader, elapsed: float, limit: int) -> None:
        """`elapsed` in seconds; `limit`: bytes of content that are collected at most."""
        self.head = head
        self.status = head.status
        self.request = request
        self.history: list[Response] = []
        self.trailers: Sequence[tuple[str, str]] = ()
        self.encoding: str | None = None  # set to read `text` by another one than the response names
        self._body = body
        self._elapsed = elapsed
        self._limit = limit
        self._content: bytes | None = None
        self._taken = False

    # The head

    @property
    def status_code(self) -> int:
        """The status, by the name that others give it."""
        return self.status

    @property
    def reason(self) -> str:
        """The reason phrase, the registered one where the server sent none."""
        return self.head.reason or REASONS.get(self.status, "")

    @property
    def headers(self) -> Headers:
        """The response's fields."""
        return self.head.headers

    @property
    def url(self) -> str:
        """Where it came from, without user and password."""
        return str(self.request.url)

    @property
    def http_version(self) -> str:
        """ "HTTP/1.1" or "HTTP/1.0"."""
        return "HTTP/1.1" if self.head.section.minor else "HTTP/1.0"

    @property
    def elapsed(self) -> timedelta:
        """From sending the request to having the head of this response."""
        return timedelta(seconds=self._elapsed)

    @property
    def ok(self) -> bool:
        """The status is below 400."""
        return self.status < 400

    is_success = property(lambda self: 200 <= self.status < 300, doc="The status is 2xx.")
    is_error = property(lambda self: self.status >= 400, doc="The status is 4xx or 5xx.")

    @property
    def is_redirect(self) -> bool:
        """It leads elsewhere, and was not followed."""
        return self.status in REDIRECTS and "location" in self.headers

    def raise_for_status(self) -> Response:
        """This response, where its status is below 400. Raises `StatusError`."""
        if self.status < 400:
            return self
        kind = "the client's fault" if self.status < 500 else "the server's fault"
        raise StatusError(f"{self.status} {self.reason}: {kind}", self.url, self)

    # The content, collected

    @property
    def content(self) -> bytes:
        """The content, its codings taken off; read to its end where it has not been. Raises a `ClientError`."""
        return self._content if self._content is not None else self.read()

    def read(self) -> bytes:
        """Collect the content. Raises `ResponseTooLarge` past the client's `max_content`."""
        if self._content is None:
            parts: list[bytes] = []
            size = 0
            for part in self._decoded():
                size += len(part)
                if size > self._limit:
                    self.close()
                    raise ResponseTooLarge(
                        f"the content is larger than {self._limit} bytes; stream it, or raise max_content", self.url
                    )
                parts.append(part)
            self._content = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._content

    def read_little(self, most: int, end: float) -> None:
        """Collect the content where it is `most` bytes at most and there by `end` of the monotonic clock; what is not
        is given up on the way. Raises a `ClientError`."""
        parts: list[bytes] = []
        size = 0
        for part in self._decoded():
            size += len(part)
            if size > most or time.monotonic() > end:
                return
            parts.append(part)
        self._content = b"".join(parts)

    @property
    def charset(self) -> str:
        """How `text` is decoded: `encoding` where it was set; what Content-Type says, where Python knows it; what a
        byte order mark says; else UTF-8."""
        return self._named_charset() or _marked(self._content or b"") or "utf-8"

    def _named_charset(self) -> str:
        named = self.encoding
        if named is None:
            matched = _CHARSET.search(self.headers.get("content-type", ""))
            named = matched[1] if matched else None
        return _known_charset(named) if named else ""

    @property
    def text(self) -> str:
        """The content as text; bytes that do not fit become U+FFFD."""
        content = self.content
        return content.decode(self.charset, "replace")

    def json(self, **options: Any) -> Any:
        """The content as JSON (RFC 8259: UTF-8, else by its first bytes). Raises ValueError, also for what is nested
        too deep. `options`: of `json.loads`."""
        content = self.content
        try:
            return json.loads(content, **options)
        except RecursionError:
            raise ValueError("the JSON is nested too deep") from None

    # The content, streamed

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The content as it arrives, codings taken off, in parts of `chunk_size` bytes (the last may be shorter), or
        as they come. Raises a `ClientError`."""
        source = iter((self._content,)) if self._content is not None else self._decoded()
        yield from source if chunk_size is None else _rechunked(source, chunk_size)

    iter_content = iter_bytes

    def iter_raw(self) -> Iterator[bytes]:
        """The content as it is on the wire, with its content codings. Raises a `ClientError`."""
        self._take()
        yield from self._raw()

    def iter_text(self) -> Iterator[str]:
        """The content as text, as it arrives."""
        decoder: codecs.IncrementalDecoder | None = None
        kept = b""
        for part in self.iter_bytes():
            kept += part
            if decoder is None:
                named = self._named_charset()
                if not named and any(mark != kept and mark.startswith(kept) for mark, _ in _MARKS):
                    continue  # the rest of a byte order mark may follow
                decoder = codecs.getincrementaldecoder(named or _marked(kept) or "utf-8")("replace")
            text, kept = decoder.decode(kept), b""
            if text:
                yield text
        rest = kept.decode("utf-8", "replace") if decoder is None else decoder.decode(b"", True)
        if rest:
            yield rest

    def iter_lines(self) -> Iterator[str]:
        """The lines of the content, without their ends (CR LF, LF or CR), as they arrive."""
        begun: list[str] = []  # of a line whose end has not come
        cr = ""  # at the end of a part: an LF may follow
        for part in self.iter_text():
            text = cr + part
            cr = "\r" if text.endswith("\r") else ""
            *lines, rest = _LINE_END.split(text[:-1] if cr else text)
            for line in lines:
                yield "".join((*begun, line))
                begun.clear()
            begun.append(rest)
        if cr or any(begun):
            yield "".join(begun)

    def _decoded(self) -> Iterator[bytes]:
        self._take()
        return self._uncoded() if b"ncoding:" in self.head.section.raw.lower() else self._raw()

    def _uncoded(self) -> Iterator[bytes]:
        coding = self.headers.get("content-encoding", "")
        try:
            codings = Codings(coding)
            for part in self._raw():
                yield from codings.feed(part)
            codings.end()
        except BrokenCoding as error:
            self.close()
            raise BrokenCoding(error.message, self.url) from None

    def _raw(self) -> Iterator[bytes]:
        while part := self._body.read():
            yield part
        self.trailers = self._body.trailers

    def _take(self) -> None:
        if self._taken:
            raise BodyGone("the body was streamed already, or the response is closed", self.url)
        self._taken = True

    # Its life

    def close(self) -> None:
        """Let go of the connection; what was not read is gone. Idempotent."""
        self._taken = True
        self._body.close()

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason} from {self.url}>"


def _known_charset(name: str) -> str:
    """Python's name of a charset, "" for what is none: `base64` is a codec, too, and decodes to no text."""
    try:
        known = codecs.lookup(name).name
        b"a".decode(known, "replace")
    except (LookupError, UnicodeError):
        return ""
    return "" if known.replace("_", "-") in _NO_CHARSETS else known


def _marked(start: bytes) -> str:
    """The encoding that a byte order mark names, "" where there is none."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "")


def _rechunked(source: Iterator[bytes], size: int) -> Iterator[bytes]:
    if size < 1:
        raise ValueError("chunk_size is a number of bytes above 0")
    kept = bytearray()
    for part in source:
        kept += part
        start = 0
        while len(kept) - start >= size:
            yield bytes(kept[start : start + size])
            start += size
        del kept[:start]
    if kept:
        yield bytes(kept)
