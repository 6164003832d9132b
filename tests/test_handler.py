"""What handlers return and how they ask to be run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from salver.handler import (
    DEFAULT_OPTIONS,
    HandlerOptions,
    ResultError,
    as_response,
    maybe_site_of,
    options,
    options_of,
    respond_and_finish,
    responder,
    with_options,
    wraps_handler,
)
from salver.problem import HTTPError, finished, problem, problem_of
from salver.protocol.headers import MutableHeaders
from salver.request import Request
from salver.response import FileSegment, Response, Segments
from tests.test_request import request


def generator() -> Iterator[bytes]:
    yield b"x"


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        ("é", 200, "text/html; charset=utf-8", "é".encode()),
        (b"\0", 200, "application/octet-stream", b"\0"),
        (bytearray(b"x"), 200, "application/octet-stream", b"x"),
        (memoryview(b"x"), 200, "application/octet-stream", b"x"),
        ({"é": None}, 200, "application/json", b'{"\xc3\xa9":null}'),
        ([], 200, "application/json", b"[]"),
        (("x", 201), 201, "text/html; charset=utf-8", b"x"),
        (({}, 400, {"X-A": "b"}), 400, "application/json", b"{}"),
        (("x", 200, [("Content-Type", "text/plain")]), 200, "text/plain", b"x"),
        ((Response("x", 200), 404), 404, "text/html; charset=utf-8", b"x"),
    ],
)
def test_as_response(result: Any, status: int, content_type: str, body: bytes) -> None:
    response = as_response(result)
    assert (response.status, response.headers["content-type"], response.body) == (status, content_type, body)


def test_a_response_passes_as_it_is_and_an_iterable_is_kept() -> None:
    response = Response()
    assert as_response(response) is response
    source = generator()
    assert as_response(source).body is source


@pytest.mark.parametrize(
    "result",
    [
        None,
        1,
        1.5,
        object(),
        (),
        ("x",),
        ("x", 200, {}, 1),
        ("x", "200 OK"),
        ("x", {"A": "b"}, 200),
        ("x", 200, "A: b"),
    ],
)
def test_what_is_no_result_says_what_to_return(result: Any) -> None:
    with pytest.raises(ResultError, match="handler"):
        as_response(result)


def test_fields_of_a_tuple_are_all_there_and_take_the_place_of_others() -> None:
    pairs = [("content-type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    response = as_response(("x", 200, pairs))
    assert response.headers.fields == pairs


def test_options_stay_on_the_callable() -> None:
    @options(blocking=True, max_body=5)
    def handler(request: Request) -> str:
        return ""

    assert options_of(handler, request()) == HandlerOptions(blocking=True, max_body=5)
    assert options_of(lambda request: "", request()) is DEFAULT_OPTIONS
    assert with_options(DEFAULT_OPTIONS, stream_body=True).stream_body


def test_marks_stay_where_options_are_set_anew() -> None:
    def handler(request: Request) -> str:
        return ""

    handler.salver_options = HandlerOptions(marks=frozenset(("checked",)))  # type: ignore[attr-defined]
    assert options_of(options(blocking=True)(handler), request()) == HandlerOptions(True, marks=frozenset(("checked",)))


def test_a_handler_of_many_chooses_by_the_request() -> None:
    class Many:
        def __call__(self, request: Request) -> str:
            return ""

        def salver_options_for(self, request: Request) -> HandlerOptions:
            return HandlerOptions(stream_body=request.path == "/upload")

    assert options_of(Many(), request("/upload")).stream_body
    assert not options_of(Many(), request("/")).stream_body


def test_the_length_of_each_kind_of_body() -> None:
    assert Response("é").body_length == 2
    assert Response(FileSegment(0, 5, 7)).body_length == 7
    assert Response(Segments([b"ab", FileSegment(0, 0, 3)])).body_length == 5
    assert Response(generator()).body_length is None


def test_a_segment_is_released_once() -> None:
    released: list[int] = []
    response = Response(Segments([b"a", FileSegment(0, 0, 1, lambda: released.append(1))]))
    response.close()
    response.close()
    assert released == [1]
    Response(b"x").close()


def test_a_wrapper_is_run_as_what_it_wraps() -> None:
    @options(blocking=True, stream_body=True)
    def upload(request: Request) -> str:
        """Takes a file."""
        return ""

    @wraps_handler(upload)
    def wrapper(request: Request, **params: Any) -> Response:
        return Response()

    assert options_of(wrapper, request()) == HandlerOptions(blocking=True, stream_body=True)
    assert (wrapper.__name__, wrapper.__doc__, wrapper.__module__) == ("upload", "Takes a file.", __name__)


def test_a_wrapper_of_many_chooses_as_they_do() -> None:
    class Many:
        def __call__(self, request: Request) -> str:
            return ""

        def salver_options_for(self, request: Request) -> HandlerOptions:
            return HandlerOptions(max_body=len(request.path))

    @wraps_handler(Many())
    def wrapper(request: Request) -> Response:
        return Response()

    assert options_of(wrapper, request("/four")).max_body == 5


class Views:
    def method(self, request: Request, key: int) -> str:
        return f"{request.path} {key}"

    def bare(self) -> str:
        return "bare"

    def __call__(self, request: Request, **params: Any) -> str:
        return f"{request.path} {params}"


def _any_arguments(*args: Any, **params: Any) -> str:
    return f"{len(args)} {params}"


@pytest.mark.parametrize(
    ("view", "params", "body"),
    [
        (lambda request: request.path, {}, b"/x"),
        (lambda: "none", {}, b"none"),
        (lambda key: f"{key}", {"key": 5}, b"5"),
        (lambda asked, key: f"{asked.path} {key}", {"key": 5}, b"/x 5"),
        (lambda key, asked: f"{asked.path} {key}", {"key": 5}, b"/x 5"),
        (lambda request, *, key: f"{request.path} {key}", {"key": 5}, b"/x 5"),
        (_any_arguments, {"key": 5}, b"1 {'key': 5}"),
        (Views().method, {"key": 5}, b"/x 5"),
        (Views().bare, {}, b"bare"),
        (Views(), {"key": 5}, b"/x {'key': 5}"),
    ],
)
def test_a_responder_gives_a_view_what_it_takes(view: Any, params: dict[str, Any], body: bytes) -> None:
    response = responder(view)(request("/x"), **params)
    assert (response.status, response.body) == (200, body)


def test_a_responder_refuses_what_it_cannot_call() -> None:
    async def later(request: Request) -> str:
        return ""

    with pytest.raises(TypeError, match="async def"):
        responder(later)


def test_fields_are_finished_also_where_an_error_passes() -> None:
    def finish(request: Request, headers: MutableHeaders) -> None:
        headers["X-Path"] = request.path

    def refuse(request: Request) -> Response:
        raise gone

    gone = HTTPError(404, "gone", {"X-Own": "1"})

    assert respond_and_finish(responder(lambda: "x"), request("/a"), {}, finish).headers["x-path"] == "/a"
    for path in ("/a", "/b"):  # whoever raises the same error again gets none of what the last request was told
        asked = request(path)
        with pytest.raises(HTTPError):
            respond_and_finish(refuse, asked, {}, finish)
        page = problem_of(asked, gone).headers
        assert page["x-own"] == "1" and page.get_all("x-path") == [path]
    assert dict(MutableHeaders(gone.headers)) == {"x-own": "1"}


@pytest.mark.parametrize("error", [HTTPError(403), LookupError(), SystemExit()])
@pytest.mark.parametrize("unmeant", [True, False])
def test_fields_of_what_nobody_meant(error: BaseException, unmeant: bool) -> None:
    def fail(request: Request) -> Response:
        raise error

    asked = request()
    with pytest.raises(type(error)):
        respond_and_finish(fail, asked, {}, lambda _, headers: headers.add("X", "1"), unmeant=unmeant)
    told = unmeant or isinstance(error, HTTPError)
    assert finished(asked, problem(asked, 500)).headers.get_all("x") == ["1"] * told
    assert "x" not in finished(asked, problem(asked, 500)).headers, "once"


@pytest.mark.parametrize(
    ("made", "again"),
    [
        (lambda request: "text", False),
        (lambda request: problem(request, 404), True),  # an app may have another page
        (lambda request: iter([b"it may fail at once"]), True),
    ],
)
def test_an_answer_that_may_be_replaced(made: Callable[[Request], Any], again: bool) -> None:
    asked = request()
    response = respond_and_finish(responder(made), asked, {}, lambda _, headers: headers.add("X", "1"))
    assert response.headers.get_all("x") == ["1"]
    assert finished(asked, problem(asked, 500)).headers.get_all("x") == ["1"] * again


def test_the_site_of_a_handler_that_says_whether_it_blocks() -> None:
    site = maybe_site_of(options(blocking=False)(lambda request: ""))
    assert site is not None and site.blocking is False and "blocking=False" in repr(site)
    assert maybe_site_of(options(max_body=5)(lambda request: "")) is None
    assert maybe_site_of(lambda request: "") is None
