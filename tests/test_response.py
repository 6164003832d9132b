"""Responses of the usual kinds, cookies, and what must never leave; files are in test_file_response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from salver.handler import options
from salver.problem import HTTPError, problem_of
from salver.request import Request
from salver.response import FixedResponse, MissingField, Response
from tests.service.harness import Conversation
from tests.service.messages import GET, post


@pytest.mark.parametrize(
    ("response", "content_type", "body"),
    [
        (Response.html("<p>é"), "text/html; charset=utf-8", "<p>é".encode()),
        (Response.text("é"), "text/plain; charset=utf-8", "é".encode()),
        (Response.json({"é": [1, None]}), "application/json", '{"é":[1,null]}'.encode()),
    ],
)
def test_kinds(response: Response, content_type: str, body: bytes) -> None:
    assert (response.status, response.headers["Content-Type"], response.body) == (200, content_type, body)


def test_kinds_with_status_and_headers() -> None:
    for make in (Response.html, Response.text, Response.json):
        response = make("x", 201, [("A", "1"), ("A", "2")])
        assert response.status == 201 and response.headers.get_all("A") == ["1", "2"]


def test_streams() -> None:
    response = Response.stream(iter([b"a", b"b"]), "text/csv", 202, {"A": "1"})
    assert response.status == 202 and response.headers["Content-Type"] == "text/csv" and response.body_length is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(status: int) -> None:
    response = Response.redirect("/é?a=b c", status, {"A": "1"})
    assert (response.status, response.body) == (status, b"")
    assert response.headers["Location"] == "/%C3%A9?a=b%20c" and response.headers["A"] == "1"
    assert Response.redirect("/").status == 303


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 404])
def test_what_is_no_redirect(status: int) -> None:
    with pytest.raises(ValueError, match="a redirect is"):
        Response.redirect("/", status)


def test_cookies() -> None:
    response = Response("x")
    response.set_cookie("a", "1", max_age=60, secure=True)
    response.set_cookie("b", "2", httponly=False, samesite=None, path="/x")
    response.delete_cookie("c")
    assert response.headers.get_all("Set-Cookie") == [
        "a=1; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax",
        "b=2; Path=/x",
        "c=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax",
    ]


def test_a_cookie_on_a_response_of_a_cache() -> None:
    response = FixedResponse(b"", 200, [("A", "1")], b"A: 1\r\n")
    response.set_cookie("a", "1")
    assert response.lines is None and "Set-Cookie" in response.headers


def test_http_errors() -> None:
    error = HTTPError(405, "No.", [("Allow", "GET")])
    assert str(error) == "405 No." and str(HTTPError(404)) == "404 Not Found" and str(HTTPError(599)) == "599"
    page = problem_of(None, error)
    assert page.status == 405 and page.headers["Allow"] == "GET" and b"No." in bytes(page.body)  # type: ignore[arg-type]
    missing = MissingField("x", "form")
    assert isinstance(missing, KeyError) and missing.status == 400 and str(missing) == "400 'x' is missing in the form"
    for status in (200, 304, 600):
        with pytest.raises(ValueError, match="400 to 599"):
            HTTPError(status)


def test_its_headers_may_come_several_times_and_replace_the_pages() -> None:
    challenges = [("WWW-Authenticate", "Basic"), ("WWW-Authenticate", "Bearer"), ("X-Content-Type-Options", "mine")]
    page = problem_of(None, HTTPError(401, headers=challenges))
    assert page.headers.get_all("WWW-Authenticate") == ["Basic", "Bearer"]
    assert page.headers.get_all("X-Content-Type-Options") == ["mine"]


# Served

CONTROLS = ["\r\nEvil: 1", "\nEvil: 1", "\r", "\0", "\x7f", "\x1b[2J"]


def set_cookie(text: str) -> Response:
    response = Response("x")
    response.headers.add("Set-Cookie", f"a={text}")
    return response


@pytest.mark.parametrize("text", CONTROLS)
@pytest.mark.parametrize(
    "make",
    [
        lambda text: Response("x", headers={"X": text}),
        lambda text: Response("x", headers={f"X{text}": "y"}),
        lambda text: Response("x", reason=f"Fine{text}"),
        lambda text: Response("x", content_type=text),
        lambda text: Response.redirect(f"/{text}"),
        lambda text: Response(b"", 302, {"Location": f"/{text}"}),
        lambda text: Response("x").set_cookie("a", text),
        lambda text: Response("x").set_cookie("a", "b", path=f"/{text}"),
        lambda text: Response("x").set_cookie(f"a{text}", "b"),
        set_cookie,
        lambda text: ("x", 200, {"X": text}),
        lambda text: Response(iter([b"x"]), headers={"X": text}),
        lambda text: (_ for _ in ()).throw(HTTPError(400, headers={"X": text})),
    ],
)
def test_a_control_character_is_a_500_without_a_byte_of_it(make: Callable[[str], Any], text: str) -> None:
    talk = Conversation(lambda request: make(text)).say(GET, GET)
    assert talk.statuses == [500, 500] and not talk.closed
    assert b"Evil" not in talk.reply and text.encode() not in talk.reply.replace(b"\r\n", b"")


def raises(request: Request) -> str:
    raise HTTPError(409, "Not <now>.", [("Retry-After", "5")])


def raises_in_its_body(request: Request) -> Any:
    def body() -> Any:
        raises(request)
        yield b""

    return body()


@pytest.mark.parametrize(
    "handler", [raises, raises_in_its_body, options(blocking=True)(lambda request: raises(request))]
)
@pytest.mark.parametrize("message", [GET, post(b"body"), GET.replace(b"GET", b"HEAD")])
def test_an_error_raised_is_its_page(
    handler: Callable[..., Any], message: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    if handler is raises_in_its_body and message.startswith(b"HEAD"):
        message = GET  # nobody asks the body of an answer to HEAD for anything
    talk = Conversation(handler).say(message, message)
    assert talk.statuses == [409, 409] and not talk.closed and talk.reply.count(b"Retry-After: 5") == 2
    assert (b"Not &lt;now&gt;." in talk.reply) == (not message.startswith(b"HEAD"))
    assert not caplog.records and [line[4] for line in talk.log.lines] == [409, 409]


def test_an_error_behind_the_head_is_no_page() -> None:
    def body() -> Any:
        yield b"half"
        raise HTTPError(409)

    talk = Conversation(lambda request: body()).say(GET)
    assert talk.statuses == [200] and talk.stream.was_reset


@pytest.mark.parametrize("chosen", [lambda request: request.query["x"], lambda request: request.cookies["x"]])
def test_what_a_client_left_out_is_its_fault(
    chosen: Callable[[Request], str], caplog: pytest.LogCaptureFixture
) -> None:
    talk = Conversation(chosen).say(GET)
    assert talk.statuses == [400] and b"is missing in the" in talk.reply and not caplog.records


@pytest.mark.parametrize(
    ("body", "length", "sent"), [([b"abc", b"def"], "4", b"abcd"), ([b"abcdef"], "4", b"abcd"), ([b"ab"], "4", None)]
)
def test_a_promise_of_length_is_kept_or_broken_off(body: list[bytes], length: str, sent: bytes | None) -> None:
    talk = Conversation(lambda request: Response(iter(body), headers={"Content-Length": length})).say(GET)
    assert talk.closed
    if sent is None:
        assert talk.stream.was_reset
    else:
        assert talk.reply.endswith(b"\r\n\r\n" + sent)


@pytest.mark.parametrize(("error", "status"), [(28, 507), (122, 507), (24, 503), (23, 503), (5, 500)])
def test_what_a_handler_runs_out_of(error: int, status: int, caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> str:
        raise OSError(error, "none left")

    assert Conversation(handler).say(GET).statuses == [status] and "none left" in caplog.text
