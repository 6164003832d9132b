"""An app that is asked: which view answers, and what comes of what it returns."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from salver import App, Request, Response
from salver.handler import DeclaredSite, HandlerOptions, ResultError, options
from tests.app.support import ask, asked, make, text
from tests.test_request import NoExchange


@pytest.fixture
def app() -> App:
    app = App({"/": lambda: "root", "/msg": lambda request: request.method})

    @app.get("/users/{id:int}")
    def show(request: Request, id: int) -> dict[str, Any]:
        return {"id": id, "params": request.path_params}

    @app.post("/users/<int:id>")
    def change(id: int) -> tuple[str, int, dict[str, str]]:
        return f"changed {id}", 202, {"X-A": "b"}

    @app.get("/größe/{name}")
    def sized(name: str) -> bytes:
        return name.encode()

    @app.get("/stream")
    def stream() -> Iterator[bytes]:
        yield b"x"

    @app.put("/a")
    @app.patch("/a")
    @app.delete("/a")
    def a(request: Request) -> Response:
        return Response(request.method)

    return app


@pytest.mark.parametrize(
    ("target", "method", "answer"),
    [
        ("/", "GET", (200, "root")),
        ("/?a=b", "GET", (200, "root")),
        ("/", "HEAD", (200, "root")),
        ("/", "PATCH", (200, "root")),
        ("/msg", "POST", (200, "POST")),
        ("/%6dsg", "POST", (200, "POST")),
        ("http://a/msg?x", "GET", (200, "GET")),
        ("http://a", "GET", (200, "root")),
        ("/users/5", "GET", (200, '{"id":5,"params":{"id":5}}')),
        ("/users/5", "POST", (202, "changed 5")),
        ("/users/%35", "POST", (202, "changed 5")),
        ("/users/5", "HEAD", (200, '{"id":5,"params":{"id":5}}')),
        ("/gr%C3%B6%C3%9Fe/a%2fb%25", "GET", (200, "a/b%")),
        ("/gr%c3%b6%c3%9fe/x", "GET", (200, "x")),
        ("/a", "PUT", (200, "PUT")),
        ("/a", "DELETE", (200, "DELETE")),
    ],
)
def test_the_view_of_a_path(app: App, target: str, method: str, answer: tuple[int, str]) -> None:
    assert asked(app, target, method) == answer


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/nothing", "GET", 404),
        ("/msg/", "GET", 404),
        ("//msg", "GET", 404),
        ("/MSG", "GET", 404),
        ("/users/x", "GET", 404),
        ("/users/5/", "GET", 404),
        ("/users/%2535", "GET", 404),
        ("/msg%2f", "GET", 404),
        ("/./msg", "GET", 404),
        ("/users/%zz", "GET", 400),
        ("/nothing/%", "GET", 400),
        ("/gr%C3%B6%C3%9Fe/%ff", "GET", 400),
        ("/gr%C3%B6%C3%9Fe/%00", "GET", 400),
        ("/gr%C3%B6%C3%9Fe/a%0d%0aX:b", "GET", 400),
        ("/gr%F6%DFe/x", "GET", 400),
        ("/msg", "TRACE", 405),
        ("/a", "GET", 405),
        ("/a", "FOO", 405),
        ("/stream", "get", 405),
    ],
)
def test_what_is_not_there(app: App, target: str, method: str, status: int) -> None:
    response = ask(app, target, method)
    assert response.status == status
    assert ("Allow" in response.headers) is (status == 405)


def test_the_methods_of_a_path(app: App) -> None:
    for method in ("GET", "OPTIONS"):
        assert ask(app, "/a", method).headers["Allow"] == "DELETE, PATCH, PUT, OPTIONS"
    answer = ask(app, "/users/7", "OPTIONS")
    assert (answer.status, answer.headers["allow"], answer.body) == (204, "GET, HEAD, POST, OPTIONS", b"")
    assert ask(app, "/users/7", "PUT").headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert ask(app, "/nothing", "OPTIONS").status == 404
    whole = ask(app, "*", "OPTIONS")
    assert whole.status == 204 and set(whole.headers["allow"].split(", ")) >= {"GET", "HEAD", "PUT", "OPTIONS"}


def test_options_and_head_of_ones_own() -> None:
    app = App()
    app.route("/x", ["GET", "OPTIONS"])(lambda request: f"mine {request.method}")
    app.route("/x", ["HEAD"])(lambda: Response(b"", 204))
    assert asked(app, "/x", "OPTIONS") == (200, "mine OPTIONS")
    assert asked(app, "/x", "HEAD") == (204, "")
    assert ask(app, "/x", "PUT").headers["allow"] == "GET, HEAD, OPTIONS"


def test_slashes_are_redirected_where_that_is_wanted() -> None:
    app = App({"/a/b/": lambda: "folder", "/c/{name}": lambda name: name, "/ü x/": lambda: "ü"}, redirect_slashes=True)
    for target, location in [
        ("/a/b", "b/"),
        ("/a/b?x=1&y", "b/?x=1&y"),
        ("/c/d/", "../d"),
        ("/c/d/?q", "../d?q"),
        ("/%C3%BC%20x", "%C3%BC%20x/"),
        ("/c/%3ax/", "../%3Ax"),
        ("/c/%2f%2fevil.example/", "../%2F%2Fevil.example"),
        ("/c/https:x/", "../https%3Ax"),
    ]:
        response = ask(app, target)
        assert (response.status, response.headers["location"]) == (308, location), target
    for target in ("//evil.example/", "//evil.example/a/b", "/a/b//", "/a//b", "/nothing/", "/", "//", "/c/../"):
        assert ask(app, target).status == 404, target
    assert ask(app, "/c/d/", "TRACE").status == 404
    assert asked(app, "/a/b/") == (200, "folder")


def test_the_crew_is_told_which_route_runs() -> None:
    app = App()
    app.get("/a/{x}")(lambda x: x)
    app.get("/b", blocking=True)(lambda: "b")
    app.get("/c", blocking=False)(options(blocking=True)(lambda: "c"))
    sites: list[Any] = []
    for target in ("/a/1", "/a/2", "/b", "/c", "/nothing"):
        request = make(target)
        exchange = request.exchange
        app(request)
        assert isinstance(exchange, NoExchange)
        sites.append(exchange.entered)
    assert sites[0] == sites[1] and len(sites[0]) == 1 and sites[4] == []
    for entered, blocking in ((sites[2], True), (sites[3], False)):
        assert [each.blocking for each in entered if isinstance(each, DeclaredSite)] == [blocking]


def test_a_route_says_how_it_wants_to_be_run() -> None:
    app = App()
    app.post("/upload", max_body=5, stream_body=True)(lambda: "")
    app.post("/{kept}")(options(max_body=7)(lambda kept: kept))
    assert app.salver_options_for(make("/upload", "POST")) == HandlerOptions(None, True, 5)
    assert app.salver_options_for(make("/x", "POST")).max_body == 7
    for target, method in (("/upload", "GET"), ("/none/x", "POST"), ("/%zz", "POST")):
        assert app.salver_options_for(make(target, method)) == HandlerOptions()


def test_a_view_that_returns_nothing_is_named() -> None:
    def forgetful(x: str = "") -> None:
        pass

    app = App({"/": forgetful, "/{x}": forgetful})
    for target in ("/", "/x"):
        with pytest.raises(ResultError, match=r"forgetful \(tests/app/test_app.py:\d+\) returned None; return a Resp"):
            app(make(target))


def test_the_head_is_logged_without_what_lets_in(caplog: pytest.LogCaptureFixture) -> None:
    app = App({"/": lambda: "x"})
    fields = "Cookie: secret\r\nAUTHORIZATION: secret\r\nProxy-Authorization: secret\r\nX-Odd: \x9b2J\r\n"
    app(make("/?a", fields=fields))
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, "salver.app"):
        app(make("/?a", fields=fields))
    (record,) = caplog.records
    said = record.getMessage()
    assert "GET /?a HTTP/1.1\\r\\nHost: a\\r\\nCookie: ***" in said and "secret" not in said and "\\x9b2J" in said
    assert said.isprintable()


@pytest.mark.parametrize(
    ("target", "fields", "shown"),
    [
        ("/?a=1&password=secret", "", "/?*** HTTP"),
        ("/?p=%7B%22username%22%3A%22a%22%2C+%22password%22%3A%22secret%22%7D", "", "/?*** HTTP"),
        ("/?a=1&b=2", "X-Api-Key: secret\r\n", "/?a=1&b=2 HTTP"),
        ("/", "X-Auth-Token: Bearer secret\r\nX-CSRF-Token: secret\r\n", "X-Auth-Token: ***"),
    ],
)
def test_what_looks_secret_is_not_shown(caplog: pytest.LogCaptureFixture, target: str, fields: str, shown: str) -> None:
    with caplog.at_level(logging.DEBUG, "salver.app"):
        App({"/": lambda: "x"})(make(target, fields=fields))
    said = caplog.records[0].getMessage()
    assert shown in said and "secret" not in said


def test_what_is_added_later_is_found() -> None:
    app = App({"/a": lambda: "a"})
    assert ask(app, "/b").status == 404
    app.get("/b")(lambda: "b")
    assert text(ask(app, "/b")) == "b"
