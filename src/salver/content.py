"""What the body and the fields of a request mean: its query, its cookies, its JSON, and its bytes without a coding.

Behind the properties of `Request`, in a file of its own that the first request to ask imports. What the semantics
refuse with a hint becomes the `HTTPError` of that status here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from salver.protocol.errors import RemoteProtocolError
from salver.response import HTTPError, MissingField
from salver.semantics.content_types import is_json_type, parse_content_type
from salver.semantics.cookies import parse_cookies
from salver.semantics.decoding import CODINGS, content_coding, decoded
from salver.semantics.forms import parse_urlencoded
from salver.semantics.json_text import json_reader
from salver.semantics.multidict import MultiDict, read_as

if TYPE_CHECKING:
    from salver.request import Request

Value_co = TypeVar("Value_co", covariant=True)
Default = TypeVar("Default")
Read = TypeVar("Read")

_USUAL_JSON = ["application/json"]
# Bytes that a body may be when its content coding is undone: as many as are collected of one by default.
DECODED_MAX = 16 * 1024 * 1024


class _ThreadsOwn(threading.local):
    """What each thread has for itself, because it cannot be shared and takes long to make."""

    def __init__(self) -> None:
        self.read_json = json_reader()


class Fields(MultiDict[Value_co]):
    """A `MultiDict` of what a client sent: a name that is not there is the client's fault, and 400 if nobody minds."""

    __slots__ = ("_place",)

    def __init__(self, pairs: Any = (), place: str = "form") -> None:
        super().__init__(pairs)
        self._place = place

    def missing(self, name: str) -> Exception:
        return MissingField(name, self._place)


class Cookies(dict[str, str]):
    """name -> value. `cookies[name]` raises, and `get` takes a `type`, as `Fields` do."""

    __slots__ = ()

    @overload
    def get(self, name: str, /, default: None = None, type: None = None) -> str | None: ...

    @overload
    def get(self, name: str, /, default: str, type: None = None) -> str: ...

    @overload
    def get(self, name: str, /, default: Default, type: None = None) -> str | Default: ...

    @overload
    def get(self, name: str, /, default: None = None, *, type: Callable[[str], Read]) -> Read | None: ...

    @overload
    def get(self, name: str, /, default: Default, type: Callable[[str], Read]) -> Read | Default: ...

    def get(self, name: str, /, default: object = None, type: Callable[[str], object] | None = None) -> object:  # noqa: A002
        value = super().get(name)
        if value is None:
            return default
        return value if type is None else read_as(value, type, default)

    def __missing__(self, name: str) -> str:
        raise MissingField(name, "cookies")


def refusal(error: RemoteProtocolError) -> HTTPError:
    """What the semantics refused with a hint, as the answer to it."""
    headers = (("Accept-Encoding", ", ".join(CODINGS)),) if error.status == 415 else ()
    return HTTPError(error.status, str(error), headers)


def query_of(request: Request) -> Fields[str]:
    """See `Request.query`."""
    try:
        return Fields(parse_urlencoded(request.query_string.encode("ascii")), "query")
    except RemoteProtocolError as error:
        raise refusal(error) from None


def cookies_of(request: Request) -> Cookies:
    """See `Request.cookies`. HTTP/2 splits the field in lines, and gateways hand them on as they are."""
    return Cookies(parse_cookies("; ".join(request.headers.get_all("cookie"))))


def content_type_of(request: Request) -> tuple[str, dict[str, str]]:
    """The media type of the body and its parameters. `HTTPError` 400 where two are said: which one counts is anybody's
    guess."""
    values = request.headers.get_all("content-type")
    if len(values) > 1:
        raise HTTPError(400, "The request has two Content-Types.")
    return parse_content_type(values[0]) if values else ("", {})


def json_of(request: Request) -> Any:
    """See `Request.json`."""
    if request.headers.get_all("content-type") != _USUAL_JSON and not is_json_type(content_type_of(request)[0]):
        raise HTTPError(415, "The body must be application/json.", [("Accept", "application/json")])
    try:
        return _OWN.read_json(whole_body(request))
    except RemoteProtocolError as error:
        raise refusal(error) from None


def whole_body(request: Request, most: int = DECODED_MAX) -> bytes:
    """The body in one piece, its content coding undone. Raises `RemoteProtocolError`, as `decoded` does."""
    coding = content_coding(request.headers.get("content-encoding"))
    if coding is None or not request.body:
        return request.body
    return b"".join(decoded((request.body,), coding, most))


def body_pieces(request: Request, most: int) -> Iterator[bytes]:
    """The body in pieces as they come, its content coding undone; of that, `most` bytes. Raises as `whole_body`."""
    coding = content_coding(request.headers.get("content-encoding"))
    return request.pieces() if coding is None else decoded(request.pieces(), coding, most)


_OWN = _ThreadsOwn()
