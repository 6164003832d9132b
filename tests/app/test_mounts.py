"""Handlers below a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from salver import App, Request, abort
from salver.app.app import App as CoreApp
from salver.app.lookup import RouteConflict
from salver.app.patterns import PatternError
from salver.files import Folder
from salver.gateway import CGIFolder
from salver.handler import DeclaredSite, Result, as_response, options
from salver.middleware import compress, security_headers
from salver.problem import HTTPError
from tests.app.support import ask, asked, make, text
from tests.test_request import NoExchange


def where(request: Request) -> str:
    return f"{request.prefix}|{request.path}".encode("utf-8", "backslashreplace").decode()


def test_a_handler_sees_its_own_path_and_the_prefix_is_put_back() -> None:
    app = App({"/deep/route": lambda: "route"})
    app.mount("/deep", where)
    app.mount("/deep/er", where)
    app.mount("/ü b/", where)
    for target, seen in [
        ("/deep", "/deep|"),
        ("/deep/", "/deep|/"),
        ("/deep/x/y?q", "/deep|/x/y"),
        ("/d%65ep/x", "/d%65ep|/x"),
        ("/deep/er/x", "/deep/er|/x"),
        ("/deep/e%72", "/deep/e%72|"),
        ("/deep//er", "/deep|//er"),
        ("/deep/%2e%2e/x", "/deep|/../x"),
        ("/%C3%BC%20b/x", "/%C3%BC%20b|/x"),
        ("http://a/deep/x", "/deep|/x"),
        ("/deep/%zz", "/deep|/%zz"),
        ("/deep/%ff", "/deep|/\\udcff"),
        ("/deep/route", "route"),
    ]:
        request = make(target)
        assert text(as_response(app(request))) == seen
        assert request.prefix == ""
    for target in ("/deeper", "/Deep/x", "/deep%2fer", "//deep", "/"):
        assert ask(app, target).status == 404


def test_the_prefix_is_put_back_where_a_handler_raises() -> None:
    def failing(request: Request) -> Result:
        raise ZeroDivisionError

    app = App()
    app.mount("/x", failing)
    request = make("/x/y")
    with pytest.raises(ZeroDivisionError):
        app(request)
    assert request.prefix == ""


def make_nested() -> App:
    inner, middle, outer = App({"/": where, "/v/{x}": lambda x: x}), CoreApp({"/m": where}), App()
    middle.mount("/inner", inner, name="inner")
    outer.mount("/middle", middle, name="middle")
    return outer


def test_apps_in_apps() -> None:
    app = make_nested()
    assert asked(app, "/middle/m") == (200, "/middle|/m")
    assert asked(app, "/middle/inner/") == (200, "/middle/inner|/")
    assert asked(app, "/middle/inner/v/5") == (200, "5")
    assert ask(app, "/middle/inner/none").status == 404
    assert ask(app, "/middle/inner/v/5", "TRACE").headers["allow"].startswith("GET")
    assert ask(app, "/middle/inner/v/%ff").status == 400
    assert app.url_for("middle.inner.<lambda>", x="a b", q=1) == "/middle/inner/v/a%20b?q=1"


def test_a_route_of_the_app_below_is_not_taken_for_one_above() -> None:
    inner = App({"/a": lambda: "inner a", "/a/a": lambda: "inner a/a"})
    outer = App()
    outer.mount("/a", inner)
    assert asked(outer, "/a/a") == (200, "inner a")
    assert asked(outer, "/a/a/a") == (200, "inner a/a")
    assert ask(outer, "/a").status == 404


def test_the_first_path_of_an_app_below_has_its_slash() -> None:
    app = make_nested()
    response = ask(app, "/middle/inner?x=1")
    assert (response.status, response.headers["location"]) == (308, "inner/?x=1")
    assert ask(app, "/middle").status == 404
    inner = App({"": lambda: "without", "/": lambda: "with"})
    app.mount("/both", inner)
    assert asked(app, "/both") == (200, "without") and asked(app, "/both/") == (200, "with")


def test_the_app_above_has_the_page_for_what_the_one_below_does_not_take() -> None:
    inner, outer = App({"/abort": lambda: abort(404, "inner")}), App()
    outer.mount("/in", inner)
    outer.errorhandler(404)(lambda request, error: f"outer page: {error.detail or request.path}")
    assert text(ask(outer, "/in/abort")) == "outer page: inner"
    assert (ask(outer, "/in/none").status, text(ask(outer, "/in/none"))) == (404, "outer page: /in/none")
    inner.errorhandler(404)(lambda request, error: "inner page")
    assert text(ask(outer, "/in/none")) == "inner page"
    with pytest.raises(HTTPError):
        request = make("/in/gone")
        request.prefix = "/in"
        App()(request)


def test_conflicts_and_what_cannot_be_mounted() -> None:
    app = App()
    app.mount("/x", where)
    with pytest.raises(RouteConflict, match="where.* is mounted at '/x' already"):
        app.mount("/x/", App())
    with pytest.raises(PatternError, match="parameters"):
        app.mount("/{x}", where)
    with pytest.raises(PatternError, match="slash"):
        app.mount("x", where)
    with pytest.raises(TypeError, match="is a handler, not 5"):
        CoreApp().mount("/y", 5)  # type: ignore[arg-type]


def test_what_is_mounted_is_run_as_it_wants(tmp_path: Path) -> None:
    inner = App()
    inner.post("/up", max_body=9)(lambda: "")
    app = App()
    app.mount("/app", inner)
    app.mount("/cgi", CGIFolder(tmp_path))
    app.mount("/slow", options(blocking=True)(lambda request: "s"))
    app.mount("/quick", options(blocking=False)(lambda request: "q"))
    app.mount("/plain", where)
    assert app.salver_options_for(make("/app/up", "POST")).max_body == 9
    chosen = app.salver_options_for(make("/cgi/x.py", "POST"))
    assert chosen.stream_body and chosen.max_body
    request = make("/app/up", "POST")
    app.salver_options_for(request)
    assert request.prefix == ""
    for target, blocking in [("/slow", [True]), ("/quick/x", [False]), ("/plain/x", [])]:
        request = make(target)
        app(request)
        assert isinstance(request.exchange, NoExchange)
        assert [site.blocking for site in request.exchange.entered if isinstance(site, DeclaredSite)] == blocking


def test_a_folder_below_an_app(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.txt").write_text("file")
    (tmp_path / "secret.txt").write_text("secret")
    app = App({"/static/own": lambda: "route"})
    app.mount("/static", Folder(tmp_path / "static"))
    response = ask(app, "/static/a.txt")
    assert response.status == 200 and response.headers["content-type"].startswith("text/plain")
    response.close()
    assert asked(app, "/static/own") == (200, "route")
    assert ask(app, "/static").headers["location"] == "static/"
    for target in ("/static/../secret.txt", "/static/..%2fsecret.txt", "/static/%2e%2e/secret.txt", "/static%2fa.txt"):
        assert ask(app, target).status == 404, target


def test_the_pages_of_a_folder_are_those_of_the_app_above(tmp_path: Path) -> None:
    app = App()
    app.mount("/files", Folder(tmp_path))
    app.mount("/own", lambda request: ("its own page", 404))
    assert "404 Not Found" in text(ask(app, "/files/none"))
    app.errorhandler(404)(lambda request, error: f"nothing at {request.path}")
    app.errorhandler(405)(lambda request, error: "no")
    assert (ask(app, "/files/none").status, text(ask(app, "/files/none"))) == (404, "nothing at /files/none")
    refused = ask(app, "/files/none", "PUT")
    assert (refused.status, text(refused)) == (405, "no") and "GET" in refused.headers["allow"]
    assert text(ask(app, "/own")) == "its own page"


def test_an_app_below_middleware_is_found_by_url_for() -> None:
    blog = App()
    blog.add_route("/posts/{id:int}", lambda id: str(id), name="show")
    app = App()
    app.mount("/blog", compress()(security_headers()(blog)), name="blog")
    app.mount("/files", where, name="files")
    assert app.url_for("blog.show", id=5) == "/blog/posts/5"
    with pytest.raises(LookupError, match=r"mounted as 'files', which 'files\.show' asks for, is no App"):
        app.url_for("files.show")
