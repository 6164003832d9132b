"""The one type that everything is: a callable from `Request` to something that makes a `Response`.

`as_response` is the only place that knows which other values a handler may return. How a handler wants to be run
is said by `HandlerOptions` on the callable, and asked for by `options_of`; neither knows a server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, Union

from salver.request import Request
from salver.response import FileSegment, Response, Segments

Result = Union[Response, str, bytes, dict[str, Any], list[Any], tuple[Any, ...], Iterable[bytes]]
Handler = Callable[[Request], Result]
AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])

_OPTIONS = "salver_options"


@dataclass(frozen=True, slots=True)
class HandlerOptions:
    """How the server should run a handler.

    `blocking`: True, hand over before it runs; False, never learn that it blocks; None, learn from what it does.
    `stream_body`: run it before the body has arrived; `request.stream()` then reads from the connection.
    `max_body`: bytes of body it takes, None for the server's setting.
    """

    blocking: bool | None = None
    stream_body: bool = False
    max_body: int | None = None


DEFAULT_OPTIONS = HandlerOptions()


def options(
    *, blocking: bool | None = None, stream_body: bool = False, max_body: int | None = None
) -> Callable[[AnyHandler], AnyHandler]:
    """Decorate a handler with how it wants to be run; see `HandlerOptions`. The handler itself is returned."""

    def decorate(handler: AnyHandler) -> AnyHandler:
        setattr(handler, _OPTIONS, HandlerOptions(blocking, stream_body, max_body))
        return handler

    return decorate


def options_of(handler: Callable[..., Any], request: Request) -> HandlerOptions:
    """What `handler` wants for this request: a handler that is many (an app, a mount) may carry a method
    `salver_options_for(request) -> HandlerOptions`; others carry the attribute that `options` sets."""
    chooser = getattr(handler, "salver_options_for", None)
    chosen = chooser(request) if chooser is not None else getattr(handler, _OPTIONS, None)
    return chosen if isinstance(chosen, HandlerOptions) else DEFAULT_OPTIONS


def with_options(current: HandlerOptions, **changes: Any) -> HandlerOptions:
    """`current` with some of its members replaced; for wrappers that keep what they wrap."""
    return replace(current, **changes)


def as_response(result: object) -> Response:
    """The `Response` that a handler's result means: str is HTML, bytes are bytes, dict and list are JSON, a tuple is
    (body, status) or (body, status, headers), any other iterable is a streamed body.

    Raises TypeError, with what to return instead, for anything else (None above all).
    """
    if isinstance(result, Response):
        return result
    if isinstance(result, (str, FileSegment, Segments)):
        return Response(result)
    if isinstance(result, (bytes, bytearray, memoryview)):
        return Response(bytes(result), content_type="application/octet-stream")
    if isinstance(result, (dict, list)):
        return Response(json.dumps(result).encode(), content_type="application/json")
    if isinstance(result, tuple):
        return _from_tuple(result)
    if isinstance(result, Iterable):
        return Response(result, content_type="application/octet-stream")
    raise TypeError(f"a handler must return a Response, str, bytes, dict, list, tuple or iterable, not {result!r}")


def _from_tuple(result: tuple[Any, ...]) -> Response:
    if not 2 <= len(result) <= 3:
        raise TypeError(f"a handler's tuple is (body, status) or (body, status, headers), not {len(result)} items")
    response = as_response(result[0])
    response.status = result[1]
    if len(result) == 3:
        response.headers.update(result[2])
    return response
