"""What wrappers add to an answer is on the page for a failure, too, wherever they stand and whoever makes the page; and
the log has its traceback once."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from salver.app import App
from salver.handler import Middleware, options, respond_and_finish, responder, wraps_handler
from salver.middleware import (
    RequestIdFilter,
    compress,
    cors,
    rate_limit,
    request_id,
    security_headers,
    time_limit,
    trusted_proxies,
)
from salver.problem import HTTPError, problem
from salver.request import Request, RequestBodyError
from salver.response import Response
from salver.testing import TestClient
from tests.service.harness import Conversation as Talk
from tests.service.messages import GET

PAGE = "https://app.example"

# What makes the wrapper, and what it adds to every answer to the request below.
WRAPPERS: dict[str, tuple[Callable[[], Middleware], dict[str, str]]] = {
    "security_headers": (security_headers, {"X-Frame-Options": "DENY"}),
    "cors": (lambda: cors(origins=[PAGE]), {"Access-Control-Allow-Origin": PAGE, "Vary": "Origin"}),
    "request_id": (lambda: request_id(make=lambda: "id-of-this"), {"X-Request-ID": "id-of-this"}),
    "rate_limit": (lambda: rate_limit(100), {"RateLimit-Policy": '"default";q=100;w=60'}),
    "trusted_proxies": (lambda: trusted_proxies(["127.0.0.0/8"]), {}),
    "compress": (compress, {}),
    "time_limit": (lambda: time_limit(60), {}),
}


class Odd(BaseException):
    """Not an Exception, as GreenletExit is not."""


def returns(request: Request) -> Any:
    return "text"


def refuses(request: Request) -> Any:
    raise HTTPError(403, "not you", {"X-Own": "1"})


def says_no(request: Request) -> Any:
    return problem(request, 403)


def fails(request: Request) -> Any:
    raise LookupError("nobody meant this")


def fails_on_a_full_disk(request: Request) -> Any:
    raise OSError(28, "nobody meant this")


def breaks(request: Request) -> Iterator[bytes]:
    raise LookupError("nobody meant this")
    yield b""


HANDLERS: dict[Callable[[Request], Any], int] = {
    returns: 200,
    refuses: 403,
    says_no: 403,
    fails: 500,
    fails_on_a_full_disk: 507,
    breaks: 500,
}


def bare(wrap: Middleware, handler: Any) -> Any:
    return wrap(handler)


def around_an_app(wrap: Middleware, handler: Any) -> Any:
    return wrap(App({"/": handler}))


def used_by_an_app(wrap: Middleware, handler: Any) -> Any:
    app = App({"/": handler})
    app.use(wrap)
    return app


def around_a_view(wrap: Middleware, handler: Any) -> Any:
    return App({"/": wrap(handler)})


def mounted(wrap: Middleware, handler: Any) -> Any:
    app = App()
    app.mount("/", wrap(handler))
    return app


def in_an_app_that_is_mounted(wrap: Middleware, handler: Any) -> Any:
    app = App()
    app.mount("/", used_by_an_app(wrap, handler))
    return app


def between_others(wrap: Middleware, handler: Any) -> Any:
    return compress()(wrap(time_limit(60)(handler)))


def with_pages(wrap: Middleware, handler: Any) -> Any:
    """An app that has pages of its own for what its view raises."""
    app = around_a_view(wrap, handler)
    app.errorhandler(HTTPError)(lambda request, error: f"our page for {error.status}")
    app.errorhandler(500)(lambda request, error: "our page")
    return app


def mounted_with_pages(wrap: Middleware, handler: Any) -> Any:
    app = mounted(wrap, handler)
    app.errorhandler(403)(lambda request, error: "our page for 403")
    app.errorhandler(Exception)(lambda request, error: "our page")
    return app


def debugged(wrap: Middleware, handler: Any) -> Any:
    app = around_a_view(wrap, handler)
    app.debug = True
    return app


SHAPES = [
    bare,
    around_an_app,
    used_by_an_app,
    around_a_view,
    mounted,
    in_an_app_that_is_mounted,
    between_others,
    with_pages,
    mounted_with_pages,
    debugged,
]


def asking(app: Any) -> TestClient:
    return TestClient(app, raise_server_exceptions=False, host="localhost", headers={"Origin": PAGE})


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_fields_are_on_every_answer(name: str, shape: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    make, added = WRAPPERS[name]
    for handler, status in HANDLERS.items():
        caplog.clear()
        response = asking(shape(make(), handler)).get("/")
        with_a_page = shape in (with_pages, mounted_with_pages) or shape is debugged
        assert response.status == (500 if status == 507 and with_a_page else status), handler
        for field, value in added.items():
            assert response.headers.get_all(field) == [value], (handler, field)
        meant = status < 500
        assert [record.levelname for record in caplog.records if record.name.startswith("salver")] == ["ERROR"] * (
            not meant
        ), handler
        assert caplog.text.count("Traceback") == (not meant)
        if handler is refuses:
            assert response.headers.get_all("X-Own") == ["1"]


@pytest.mark.parametrize("fault", [SystemExit, GeneratorExit, Odd])
def test_what_is_no_exception_is_a_500_with_them(fault: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> Any:
        raise fault("nobody meant this")

    talk = Talk(App({"/": security_headers()(handler)})).say(GET)
    assert talk.statuses == [500] and b"\r\nX-Frame-Options: DENY\r\n" in talk.stream.outbox
    assert caplog.text.count("Traceback") == 1


def test_all_of_them_in_their_order() -> None:
    """Whoever stands outside sees what the inner one has said, as with an answer that was returned."""

    def saying(text: str) -> Middleware:
        return security_headers(others={"X-Said": text}, content_security_policy=None)

    for handler in HANDLERS:
        client = asking(saying("outer")(cors(origins=[PAGE])(saying("inner")(handler))))
        headers = client.get("/").headers
        assert headers["X-Said"] == "inner" and headers["Access-Control-Allow-Origin"] == PAGE


def test_an_error_that_is_raised_again_and_again_remembers_nobody() -> None:
    gone = HTTPError(404)

    def handler(request: Request) -> Any:
        raise gone

    client = TestClient(request_id()(cors(origins=[PAGE, "https://b.example"])(handler)))
    ids = set()
    for origin in (PAGE, "https://b.example", "https://evil.example"):
        headers = client.get("/", headers={"Origin": origin}).headers
        assert headers.get("Access-Control-Allow-Origin") == (None if "evil" in origin else origin)
        assert len(headers.get_all("X-Request-ID")) == 1
        ids.add(headers["X-Request-ID"])
    assert len(ids) == 3


def test_a_body_that_cannot_be_read_is_refused_with_them() -> None:
    @options(stream_body=True)
    def handler(request: Request) -> Any:
        raise RequestBodyError(413, "it is too large")

    response = asking(cors(origins=[PAGE])(handler)).post("/", content=b"x")
    assert response.status == 413 and response.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize("handler", [refuses, fails])
def test_a_wrapper_that_fails_itself_is_a_500_of_its_own(
    handler: Callable[[Request], Any], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(inner: Callable[..., Any]) -> Callable[..., Response]:
        @wraps_handler(inner)
        def wrapper(request: Request) -> Response:
            return respond_and_finish(responder(inner), request, {}, lambda _, headers: headers.pop("never set"))  # type: ignore[arg-type]

        return wrapper

    client = asking(broken(handler))
    for _ in range(2):
        assert client.get("/").status == 500
    assert "never set" in caplog.text


def test_a_wrapper_that_says_what_no_field_may_say() -> None:
    """The page goes without: nothing of it reaches the connection, which goes on."""

    def broken(request: Request) -> Response:
        return respond_and_finish(responder(fails), request, {}, lambda _, headers: headers.add("X", "a\r\nb: c"))

    client = asking(broken)
    for _ in range(2):
        response = client.get("/")
        assert response.status == 500 and "b" not in response.headers


def test_the_log_line_of_a_failure_bears_the_id_of_its_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIdFilter())
    numbers = itertools.count(1)
    handler = request_id(make=lambda: f"id-number-{next(numbers)}")(fails)
    with_page = App({"/": handler})
    with_page.errorhandler(500)(lambda request, error: "our page")
    for app in (handler, App({"/": handler}), with_page):
        asking(app).get("/")
    logging.getLogger("tests").warning("outside")
    expected = ["id-number-1", "id-number-2", "id-number-3", "-"]
    assert [record.__dict__["request_id"] for record in caplog.records] == expected
