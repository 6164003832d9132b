"""The one type that everything is: a callable from `Request` to something that makes a `Response`.

`as_response` is the only place that knows which other values a handler may return. How a handler wants to be run
is said by `HandlerOptions` on the callable, and asked for by `options_of`; neither knows a server. Whoever puts a
handler around another one (a middleware) calls it by `responder`, and says by `wraps_handler` that the wrapper wants
to be run as what it wraps.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeVar, Union, cast

from salver.problem import Finish, HTTPError, Problem, finish_later
from salver.protocol.headers import Headers, MutableHeaders
from salver.request import Request
from salver.response import FileSegment, Response, Segments

Result = Union[Response, str, bytes, dict[str, Any], list[Any], tuple[Any, ...], Iterable[bytes]]
Handler = Callable[[Request], Result]
AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])
# What is put around a handler, or around a view with its path's parameters.
Middleware = Callable[[Callable[..., Any]], Callable[..., Response]]

_OPTIONS = "salver_options"
_CHOOSER = "salver_options_for"
_INNER = "salver_wraps"
# inspect.CO_VARARGS, CO_COROUTINE and CO_ASYNC_GENERATOR; `inspect` takes longer to import than all of this package.
_VARIADIC, _COROUTINE, _ASYNC_GENERATOR = 0x04, 0x80, 0x200


@dataclass(frozen=True, slots=True)
class HandlerOptions:
    """How the server should run a handler.

    `blocking`: True, hand over before it runs; False, never learn that it blocks; None, learn from what it does.
    `stream_body`: run it before the body has arrived; `request.stream()` then reads from the connection.
    `max_body`: bytes of body it takes, None for the server's setting. `marks`: what wrappers of it should know, in
    words of their own.
    """

    blocking: bool | None = None
    stream_body: bool = False
    max_body: int | None = None
    marks: frozenset[str] = frozenset()


DEFAULT_OPTIONS = HandlerOptions()


class DeclaredSite:
    """A site that says itself whether it blocks: for `Request.enter`, by whoever sends a request on to a handler with
    that option. Nothing is learned of it."""

    __slots__ = ("blocking", "name")

    def __init__(self, name: object, *, blocking: bool) -> None:
        """`name` is for people."""
        self.name = name
        self.blocking = blocking

    def __repr__(self) -> str:
        return f"<DeclaredSite {self.name!r} blocking={self.blocking}>"


class ResultError(TypeError):
    """What a handler gave back means no response. The message is for its author, and says all: where the fault is, no
    line of a traceback would tell."""


def options(
    *, blocking: bool | None = None, stream_body: bool = False, max_body: int | None = None
) -> Callable[[AnyHandler], AnyHandler]:
    """Decorate a handler with how it wants to be run; see `HandlerOptions`. The handler itself is returned."""

    def decorate(handler: AnyHandler) -> AnyHandler:
        marks = getattr(getattr(handler, _OPTIONS, None), "marks", DEFAULT_OPTIONS.marks)
        setattr(handler, _OPTIONS, HandlerOptions(blocking, stream_body, max_body, marks))
        return handler

    return decorate


def options_of(handler: Callable[..., Any], request: Request) -> HandlerOptions:
    """What `handler` wants for this request: a handler that is many (an app, a mount) may carry a method
    `salver_options_for(request) -> HandlerOptions`; others carry the attribute that `options` sets. The server asks a
    handler of many before it reads a body; whether the one that it chooses blocks, it says by `maybe_site_of`
    when it sends the request on."""
    chooser = getattr(handler, _CHOOSER, None)
    chosen = chooser(request) if chooser is not None else getattr(handler, _OPTIONS, None)
    return chosen if isinstance(chosen, HandlerOptions) else DEFAULT_OPTIONS


def maybe_site_of(handler: Callable[..., Any]) -> DeclaredSite | None:
    """The site to enter before `handler` is called in another one's place; None where it says nothing of blocking, or
    is one of many that enter sites themselves."""
    chosen = getattr(handler, _OPTIONS, None)
    if not isinstance(chosen, HandlerOptions) or chosen.blocking is None:
        return None
    return DeclaredSite(handler, blocking=chosen.blocking)


def with_options(current: HandlerOptions, **changes: Any) -> HandlerOptions:
    """`current` with some of its members replaced; for wrappers that keep what they wrap."""
    return replace(current, **changes)


def wraps_handler(inner: Callable[..., Any]) -> Callable[[AnyHandler], AnyHandler]:
    """Decorate a wrapper of `inner`, a function `(request, **params)`: it bears the name of what it wraps, and wants to
    be run in the same way. The wrapper itself is returned. Nothing else is taken over: an App's methods stay the
    App's, and are found by `and_wrapped`."""

    def decorate(wrapper: AnyHandler) -> AnyHandler:
        for name in ("__module__", "__name__", "__qualname__", "__doc__", _OPTIONS, _CHOOSER):
            value = getattr(inner, name, None)
            if value is not None:
                setattr(wrapper, name, value)
        setattr(wrapper, _INNER, inner)
        return wrapper

    return decorate


def and_wrapped(handler: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`handler`, what it wraps, and so on: for who looks for an app below what was put around it."""
    inner: Callable[..., Any] | None = handler
    while inner is not None:
        yield inner
        inner = getattr(inner, _INNER, None)


def shows_tracebacks(handler: Callable[..., Any]) -> bool:
    """Is it, or does it wrap, what shows errors with their source (`salver_debug`)? A server then listens to this
    computer alone."""
    return any(getattr(each, "salver_debug", False) is True for each in and_wrapped(handler))


def responder(handler: Callable[..., Any]) -> Callable[..., Response]:
    """`handler` as a function `(request, **params) -> Response`, whatever it returns and whether or not it, a view of
    an app, takes the request beside its path's parameters. What it raises passes.

    Raises TypeError for an `async def`, which cannot be called here.
    """
    names = _parameters(handler)
    if names is None or names[:1] == ("request",):

        def respond(request: Request, **params: Any) -> Response:
            return as_response(handler(request, **params), request)

        return respond

    def respond_by_name(request: Request, **params: Any) -> Response:
        own = next((name for name in names if name not in params), None)
        if own is None:
            return as_response(handler(**params), request)
        if own == names[0]:
            return as_response(handler(request, **params), request)
        return as_response(handler(**{own: request}, **params), request)

    return respond_by_name


def respond_and_finish(
    respond: Callable[..., Response],
    request: Request,
    params: dict[str, Any],
    finish: Finish,
    *,
    unmeant: bool = True,
) -> Response:
    """`respond(request, **params)`, with the fields of its answer given to `finish` to be changed. What it raises
    passes, and the fields of the page that is made of it are given to `finish` then; of what is no `HTTPError`, so that
    nobody has meant to answer it, only if `unmeant`."""
    try:
        response = respond(request, **params)
    except BaseException as error:
        if unmeant or isinstance(error, HTTPError):
            finish_later(request, finish)
        raise
    if response.__class__ is Problem or (unmeant and response.body.__class__ is not bytes):
        # An app may have a page of its own in the place of this one; and a body may fail before its first byte.
        finish_later(request, finish)
    finish(request, response.headers)
    return response


def _parameters(handler: Callable[..., Any]) -> tuple[str, ...] | None:
    """The positional parameters of a function or method; None for what is no function and so a handler: it takes a
    request."""
    function = getattr(handler, "__func__", handler)
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    if code.co_flags & (_COROUTINE | _ASYNC_GENERATOR):
        raise TypeError(f"{handler!r} is an async def; handlers are plain functions, and may block")
    if code.co_flags & _VARIADIC:
        return None
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names if function is handler else names[1:]


def as_response(result: object, request: Request | None = None) -> Response:
    """The `Response` that a handler's result means: str is HTML, bytes are bytes, dict and list are JSON, a tuple is
    (body, status) or (body, status, headers), an open binary file is sent, any other iterable is a streamed body. With
    `request`, its conditions and ranges are considered where the result is a file.

    Raises `ResultError`, a TypeError, with what to return instead, for anything else (None above all).
    """
    if isinstance(result, Response):
        return result if request is None or result.body.__class__ is bytes else result.answered(request)
    if result.__class__ is dict or result.__class__ is list:  # as below, without a look at all that it is not
        return Response.json(result)
    if isinstance(result, (str, FileSegment, Segments)):
        return Response(result)
    if isinstance(result, (bytes, bytearray, memoryview)):
        return Response(bytes(result), content_type="application/octet-stream")
    if isinstance(result, (dict, list)):
        return Response.json(result)
    if isinstance(result, tuple):
        return as_response(_from_tuple(result), request)
    if isinstance(result, io.IOBase) and not isinstance(result, io.TextIOBase):
        return as_response(Response.file(cast("BinaryIO", result)), request)
    if isinstance(result, Iterable):
        return Response(result, content_type="application/octet-stream")
    raise ResultError(f"a handler must return a Response, str, bytes, dict, list, tuple or iterable, not {result!r}")


def _from_tuple(result: tuple[Any, ...]) -> Response:
    if not 2 <= len(result) <= 3:
        raise ResultError(f"a handler's tuple is (body, status) or (body, status, headers), not {len(result)} items")
    response = as_response(result[0])
    if not isinstance(result[1], int):
        raise ResultError(f"a handler's tuple has its status second, a number, not {result[1]!r}")
    response.status = result[1]
    if len(result) == 3:
        _replace_fields(response.headers, result[2])
    return response


def _replace_fields(headers: MutableHeaders, fields: Any) -> None:
    """What the response has of these names goes; of pairs with one name (Set-Cookie) all are there."""
    try:
        brought = [(name, value) for name, value in Headers(fields).fields]
    except (TypeError, ValueError):
        what = "a handler's tuple has its fields third, as a dict or as pairs of text"
        raise ResultError(f"{what}, not {fields!r}") from None
    for name, _ in brought:
        headers.pop(name, None)
    for name, value in brought:
        headers.add(name, value)
