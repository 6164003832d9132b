"""What handlers return and how they ask to be run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from salver.handler import DEFAULT_OPTIONS, HandlerOptions, as_response, options, options_of, with_options
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
        ({"é": None}, 200, "application/json", b'{"\\u00e9": null}'),
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


@pytest.mark.parametrize("result", [None, 1, 1.5, object(), (), ("x",), ("x", 200, {}, 1)])
def test_what_is_no_result_says_what_to_return(result: Any) -> None:
    with pytest.raises(TypeError, match="handler"):
        as_response(result)


def test_options_stay_on_the_callable() -> None:
    @options(blocking=True, max_body=5)
    def handler(request: Request) -> str:
        return ""

    assert options_of(handler, request()) == HandlerOptions(blocking=True, max_body=5)
    assert options_of(lambda request: "", request()) is DEFAULT_OPTIONS
    assert with_options(DEFAULT_OPTIONS, stream_body=True).stream_body


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
