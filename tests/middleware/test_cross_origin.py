"""Which pages of other origins may read what, and what their browsers are told beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from salver.middleware import cors
from salver.problem import HTTPError, problem_of
from salver.request import Request
from salver.response import Response, Written
from tests.middleware.support import request

APP = "https://app.example"
ALLOWED = "access-control-allow-origin"


def ask(origin: str | None, made: Any = "x", **settings: Any) -> Response:
    fields = {} if origin is None else {"Origin": origin}
    handler = made if callable(made) else lambda: made
    response: Response = cors(**{"origins": [APP], **settings})(handler)(request("/", fields))
    return response


def preflight(origin: str = APP, method: str = "PUT", headers: str | None = None, **settings: Any) -> Response:
    fields = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        fields["Access-Control-Request-Headers"] = headers

    def never(request: Request) -> Response:
        raise AssertionError("a preflight is no request")

    response: Response = cors(**{"origins": [APP], **settings})(never)(request("/", fields, method="OPTIONS"))
    return response


def test_an_origin_that_was_named_may_read() -> None:
    response = ask(APP)
    assert response.headers[ALLOWED] == APP and response.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "HTTPS://APP.EXAMPLE",
        "https://app.example/",
        "null",
        "",
        "*",
    ],
)
@pytest.mark.parametrize("credentials", [False, True])
def test_another_is_never_repeated(origin: str, credentials: bool) -> None:
    response = ask(origin, credentials=credentials)
    assert not any(name.startswith("access-control") for name in response.headers)
    assert response.headers["vary"] == "Origin"  # else a cache would give this one to the origin that may
    assert response.body == b"x"


def test_several_origins() -> None:
    for origin in (APP, "https://b.example"):
        assert ask(origin, origins=[APP, "https://b.example"]).headers[ALLOWED] == origin


def test_a_field_of_preflights_makes_none() -> None:
    asked = request("/", {"Origin": APP, "Access-Control-Request-Method": "PUT"})
    assert cors(origins=[APP])(lambda: "mine")(asked).body == b"mine"


def test_a_preflight_of_nobody_is_refused_and_no_cache_is_told_of_origins() -> None:
    asked = request("/", {"Access-Control-Request-Method": "PUT"}, method="OPTIONS")
    refused = cors(origins="*")(lambda: "mine")(asked)
    assert refused.status == 403 and "vary" not in refused.headers


def test_without_an_origin_only_the_cache_is_told() -> None:
    response = ask(None)
    assert ALLOWED not in response.headers and response.headers["vary"] == "Origin"


def test_everybody_may_read_what_everybody_may() -> None:
    response = ask("https://anyone.example", origins="*")
    assert response.headers[ALLOWED] == "*" and "vary" not in response.headers
    assert ask(None, origins="*").headers.get(ALLOWED) is None


def test_credentials_are_for_origins_that_were_named() -> None:
    with pytest.raises(ValueError, match="name the origins"):
        cors(origins="*", credentials=True)
    response = ask(APP, credentials=True)
    assert response.headers["access-control-allow-credentials"] == "true" and response.headers[ALLOWED] == APP


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example.org", True),
        ("https://a.b.example.org", True),
        ("https://example.org", False),
        ("https://evilexample.org", False),
        ("https://.example.org", False),
        ("https://a..example.org", False),
        ("https://*.example.org", False),
        ("https://*.a.example.org", False),
        ("https://a.example.org:444", False),
        ("http://a.example.org", False),
        ("https://evil.example/.example.org", False),
        ("https://evil.example#.example.org", False),
        ("https://a.example.org.evil.example", False),
    ],
)
def test_every_name_below_one(origin: str, allowed: bool) -> None:
    assert (ALLOWED in ask(origin, origins=["https://*.example.org"]).headers) == allowed


@pytest.mark.parametrize(
    "origins",
    [
        "app.example", "https://app.example/", "https://app.example/x", "https://App.example", "null", "", [],
        ["*", APP],
        "https://app.example:443", "http://app.example:80", "https://*", "https://a.*.example", "https://a@b",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused_where_it_is_written(origins: Any) -> None:
    with pytest.raises(ValueError):
        cors(origins=origins)


def test_what_scripts_may_read() -> None:
    assert ask(APP, expose=["X-Total", "ETag"]).headers["access-control-expose-headers"] == "X-Total, ETag"
    assert "access-control-expose-headers" not in ask("https://evil.example", expose=["X-Total"]).headers
    assert "access-control-expose-headers" not in ask(APP).headers
    own = Response("x", 200, {"Access-Control-Expose-Headers": "X-Own"})
    assert ask(APP, own, expose=["X-Total"]).headers["access-control-expose-headers"] == "X-Own"


def test_what_the_handler_says_stands() -> None:
    own = Response("x", 200, {"Access-Control-Allow-Origin": "https://own.example", "Vary": "Accept"})
    response = ask(APP, own, credentials=True, expose=["ETag"])
    assert response.headers[ALLOWED] == "https://own.example"
    assert "access-control-allow-credentials" not in response.headers
    assert response.headers["vary"] == "Accept, Origin"


def test_a_preflight() -> None:
    response = preflight(headers="content-type, x-own")
    assert (response.status, response.body, response.headers[ALLOWED]) == (204, b"", APP)
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert response.headers["access-control-allow-headers"] == "content-type, x-own"
    assert response.headers["access-control-max-age"] == "600"
    assert response.headers["vary"] == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def test_a_preflight_for_everybody() -> None:
    response = preflight("https://any.example", origins="*", methods=["PUT"], max_age=5)
    assert response.headers[ALLOWED] == "*" and response.headers["access-control-allow-methods"] == "PUT"
    assert response.headers["access-control-max-age"] == "5"


def test_fields_that_were_named_are_all_that_may_be_sent() -> None:
    fields = {"Origin": APP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-evil"}
    wrapped = cors(origins=APP, headers=["X-Own", "Content-Type"])(lambda: "x")
    response = wrapped(request("/", fields, method="OPTIONS"))
    assert response.headers["access-control-allow-headers"] == "X-Own, Content-Type"
    assert response.headers["vary"] == "Origin, Access-Control-Request-Method"


def test_a_preflight_repeats_names_and_nothing_else() -> None:
    response = preflight(headers='x-own, "quoted", a b, x-two, , é')
    assert response.headers["access-control-allow-headers"] == "x-own, x-two"
    assert "access-control-allow-headers" not in preflight().headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_preflight_of_another_origin(origin: str) -> None:
    response = preflight(origin, headers="x-own", credentials=True)
    assert response.status == 403 and response.headers["vary"] == "Origin"
    assert not any(name.startswith("access-control") for name in response.headers)


def test_options_without_a_question_is_a_request() -> None:
    response = cors(origins=APP)(lambda: "mine")(request("/", {"Origin": APP}, method="OPTIONS"))
    assert response.body == b"mine" and response.headers[ALLOWED] == APP


def test_an_error_can_be_read_too() -> None:
    def refuse(request: Request) -> Response:
        raise HTTPError(401, "who?", {"WWW-Authenticate": "Bearer"})

    asked = request("/", {"Origin": APP})
    with pytest.raises(HTTPError) as caught:
        cors(origins=[APP])(refuse)(asked)
    headers = problem_of(asked, caught.value).headers
    assert headers[ALLOWED] == APP and headers["www-authenticate"] == "Bearer"


def test_what_was_written_as_http_passes() -> None:
    written = Written([b"HTTP/1.1 200 OK\r\n\r\n"], 200, 0)
    assert ask(APP, written) is written


@pytest.mark.parametrize("settings", [{"max_age": -1}, {"methods": "GET"}, {"expose": ["a b"]}, {"headers": ["x\n"]}])
def test_settings_that_cannot_be_meant(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        cors(origins=APP, **settings)
