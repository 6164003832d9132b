"""Routes and mounts as they are registered, and their addresses."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver import App, Request
from salver.app import Converter
from salver.app.lookup import RouteConflict
from salver.app.patterns import PatternError
from tests.app.support import ask, asked, make, text


def view(request: Request) -> str:
    return "view"


def other(request: Request) -> str:
    return "other"


def test_a_conflict_names_both_places() -> None:
    app = App()
    app.add_route("/a/{x:int}", view, ["GET", "POST"])
    with pytest.raises(RouteConflict) as caught:
        app.add_route("/a/{y:int}", other, ["PUT", "POST"])
    said = str(caught.value)
    for each in (view, other):
        assert f"{each.__name__} (tests/app/test_routes.py:{each.__code__.co_firstlineno})" in said
    assert "POST" in said and "'/a/{x:int}'" in said and "'/a/{y:int}'" in said
    app.add_route("/a/{y:int}", other, ["PUT"])
    with pytest.raises(RouteConflict, match=r"both answer GET '/b'"):
        App({"/b": view}).get("/b")(other)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/{x:hex}", "only float, int, path, str, uuid"),
        ("/{x:path}/{y:path}", "two parameters that take the rest"),
        ("/a-{x:path}", "nothing beside it"),
        ("x", "slash"),
    ],
)
def test_a_path_that_cannot_be_is_refused(path: str, says: str) -> None:
    with pytest.raises(PatternError, match=says):
        App().add_route(path, view)


@pytest.mark.parametrize(
    ("methods", "says"),
    [("GET", "a list"), ([], "at least"), (["get"], "capitals"), (["G T"], "no method"), ([5], "no method")],
)
def test_methods_that_are_none(methods: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        App().add_route("/", view, methods)


def test_an_option_that_is_none() -> None:
    with pytest.raises(TypeError, match="max_bodies"):
        App().get("/", max_bodies=5)(view)


def test_a_converter_of_ones_own() -> None:
    class Hex(Converter):
        def parse(self, text: str) -> int:
            return int(text, 16)

        def format(self, value: int) -> str:
            return f"{value:x}"

    app = App(converters={"hex": Hex, "HEX": Hex()})

    @app.get("/{colour:hex}")
    def show(colour: int) -> str:
        return str(colour)

    @app.get("/{name}")
    def named(name: str) -> str:
        return name

    assert asked(app, "/ff") == (200, "255") and asked(app, "/fg") == (200, "fg")
    assert app.url_for("show", colour=255) == "/ff"
    with pytest.raises(PatternError):
        App().get("/{colour:hex}")(show)


def user(id: int, tab: str = "") -> str:
    return f"{id}{tab}"


@pytest.fixture
def app() -> App:
    app = App({"/": view})
    app.add_route("/users/{id:int}", user)
    app.add_route("/users/{id:int}/{tab}", user)
    app.add_route("/files/{rest:path}", lambda rest: "", name="file")
    app.add_route("/käse/{a}.{b}", lambda a, b: "", name="cheese")
    app.add_route("/at/{lat:float}/{id:uuid}", lambda lat, id: "", name="at")
    return app


@pytest.mark.parametrize(
    ("name", "params", "url"),
    [
        ("view", {}, "/"),
        ("view", {"q": "a b&c", "many": [1, 2], "none": None}, "/?q=a+b%26c&many=1&many=2"),
        ("user", {"id": 5}, "/users/5"),
        ("user", {"id": "5", "tab": "a/b?c#d%"}, "/users/5/a%2Fb%3Fc%23d%25"),
        ("file", {"rest": "a b/ü.txt"}, "/files/a%20b/%C3%BC.txt"),
        ("cheese", {"a": "x", "b": "y.z"}, "/k%C3%A4se/x.y.z"),
        ("at", {"lat": -1, "id": UUID(int=1)}, "/at/-1.0/00000000-0000-0000-0000-000000000001"),
    ],
)
def test_url_for(app: App, name: str, params: dict[str, Any], url: str) -> None:
    assert app.url_for(name, **params) == url
    assert ask(app, url).status == 200


@pytest.mark.parametrize(
    ("name", "params", "error", "says"),
    [
        ("nobody", {}, LookupError, "no view is called 'nobody'; there are: at, cheese, file, user, view"),
        ("user", {}, ValueError, "needs the parameters of '/users/{id:int}' or '/users/{id:int}/{tab}'; given: none"),
        ("user", {"id": "x"}, ValueError, "id cannot be 'x'"),
        ("user", {"id": None}, ValueError, "id cannot be None"),
        ("user", {"id": 5, "tab": ".."}, ValueError, r"tab cannot be '\.\.'"),
        ("user", {"id": 5, "tab": ""}, ValueError, "empty"),
        ("file", {"rest": "/evil.example"}, ValueError, "rest cannot be"),
        ("file", {"rest": "../x"}, ValueError, "rest cannot be"),
        ("at", {"lat": float("nan"), "id": UUID(int=1)}, ValueError, "lat cannot be nan"),
        ("blog.show", {}, LookupError, "no app is mounted as 'blog'"),
    ],
)
def test_url_for_says_what_is_wrong(app: App, name: str, params: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        app.url_for(name, **params)


def test_two_views_of_one_name_have_to_be_told_apart() -> None:
    app = App({"/a": view})
    app.add_route("/b", other, name="view")
    with pytest.raises(
        LookupError, match="several views are called 'view': other .* and view .*; give their routes names"
    ):
        app.url_for("view")
    app.get("/a/b", name="c")(view)
    assert app.url_for("c") == "/a/b"


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_what_url_for_writes_the_app_reads(one: str, two: str) -> None:
    app = App()
    app.get("/x/{one}/y/{two:path}", name="it")(lambda one, two: [one, two])
    try:
        url = app.url_for("it", one=one, two=two)
    except ValueError:
        return
    response = ask(app, url)
    odd = any(character < " " or character == "\x7f" for character in one + two)
    assert response.status == (400 if odd else 200)
    if not odd:
        request = make(url)
        app(request)
        assert request.path_params == {"one": one, "two": two}


def test_a_thousand_routes_cost_no_more_than_ten() -> None:
    def app_of(count: int) -> App:
        app = App()
        for number in range(count):
            app.add_route(f"/r{number}/{{name}}/items/{{id:int}}", lambda name, id: "ok")
        return app

    def cost(app: App) -> float:
        request = make("/r5/alice/items/42")
        begin = time.process_time()
        for _ in range(3_000):
            app(request)
        return time.process_time() - begin

    ten, thousand = app_of(10), app_of(1_000)
    ratios = sorted(cost(thousand) / cost(ten) for _ in range(7))
    assert ratios[1] < 1.3  # a tree; in a list it would be a hundred times


def test_text_is_the_view_of_the_route() -> None:
    assert text(ask(App({"/": view}))) == "view"


def test_a_name_of_a_route_may_have_dots() -> None:
    app = App()
    app.add_route("/users/{id:int}", lambda id: str(id), name="users.show")
    blog = App({"/": lambda: "x"})
    app.mount("/blog", blog, name="blog")
    app.add_route("/over", lambda: "y", name="blog.over")
    assert app.url_for("users.show", id=5) == "/users/5"
    assert app.url_for("blog.over") == "/over"
    assert app.url_for("blog.<lambda>") == "/blog/"
