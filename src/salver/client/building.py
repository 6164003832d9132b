"""From what a caller gives to a request: the fields of the client and those of the call, and the content with what it
says of itself. Nothing is sent here, and no URL is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from salver import __version__
from salver.client.arguments import HeadersLike, RequestOptions
from salver.client.decoding import accepted
from salver.client.encoding import encode
from salver.client.message import Request
from salver.protocol.headers import MutableHeaders

_EXPECT_FROM = 1_048_576  # bytes of content from which on a 100 Continue is waited for


class ClientHeaders(MutableHeaders):
    """Fields that tell when they change."""

    __slots__ = ("_changed",)

    def __init__(self, fields: list[tuple[str, str]], changed: Callable[[], None]) -> None:
        super().__init__(fields)
        self._changed = changed

    def add(self, name: str, value: str) -> None:
        super().add(name, value)
        self._changed()

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name, value)
        self._changed()

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._changed()


def own_headers() -> list[tuple[str, str]]:
    """What every request says of itself unless the caller says otherwise."""
    return [("User-Agent", f"salver/{__version__}"), ("Accept", "*/*"), ("Accept-Encoding", accepted())]


def carrying(request: Request, options: RequestOptions) -> Request:
    """The request with the content that is given, its media type, and an Expect where it is large."""
    body, content_type = encode(options.get("content"), options.get("data"), options.get("files"), options.get("json"))
    request = request.replaced(content=body)
    if content_type and request.header("content-type") is None:
        request = request.with_header("Content-Type", content_type)
    size = len(body) if isinstance(body, bytes) else body.length
    if (size is None or size >= _EXPECT_FROM) and not _names(options.get("headers"), "expect"):
        request = request.with_header("Expect", "100-continue")
    return request.replaced(expects=size != 0 and (request.header("expect") or "").lower() == "100-continue")


def fitting_range(fields: list[tuple[str, str]], headers: HeadersLike) -> list[tuple[str, str]]:
    """Who asks for bytes from here to there in `headers`, and says nothing of codings, means bytes of what is there: a
    piece of something packed cannot be unpacked."""
    if not _names(headers, "range") or _names(headers, "accept-encoding"):
        return fields
    return merged(fields, [("Accept-Encoding", "identity")])


def _names(headers: HeadersLike, name: str) -> bool:
    """The caller has said something about this field, be it None."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return any(pair[0].lower() == name for pair in pairs)


def merged(fields: list[tuple[str, str]], more: HeadersLike) -> list[tuple[str, str]]:
    """`fields`, those of the names in `more` replaced; a value of None takes a field away."""
    if more is None:
        return fields
    pairs = list(more.items()) if isinstance(more, Mapping) else list(more)
    names = {name.lower() for name, _ in pairs}
    return [
        *(pair for pair in fields if pair[0].lower() not in names),
        *((name, value) for name, value in pairs if value is not None),
    ]
