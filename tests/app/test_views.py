"""What views take, and what they return."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from salver.app.views import ViewError, bind, checked, name_of
from salver.handler import ResultError
from salver.server import BaseHTTPRequestHandler
from tests.app.support import make


class Views:
    def bound(self, request: Any, id: int) -> Any:
        return (request, id)

    def __call__(self, asked: Any, **values: Any) -> Any:
        return (asked, values)


def generic(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **values: Any) -> Any:
        return ("wrapped", function(*args, **values))

    return wrapper


def particular(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(request: Any, **values: Any) -> Any:
        return (request, function(**values))

    return wrapper


def by_default(request: Any, id: int, times: int = 2) -> Any:
    return (request, id, times)


@pytest.mark.parametrize(
    ("view", "result"),
    [
        (lambda request: request, "R"),
        (lambda anything: anything, "R"),
        (lambda: "none", "none"),
        (lambda request="own": request, "R"),
        (lambda size=5: size, 5),
        (lambda *args: args, ("R",)),
        (lambda **values: values, {}),
        (generic(lambda request: request), ("wrapped", "R")),
        (generic(lambda: "none"), ("wrapped", "none")),
        (particular(lambda: "none"), ("R", "none")),
        (Views(), ("R", {})),
    ],
)
def test_views_without_parameters(view: Any, result: Any) -> None:
    assert bind(view, [], "/")("R") == result


@pytest.mark.parametrize(
    ("view", "result"),
    [
        (lambda request, id, name: (request, id, name), ("R", 5, "n")),
        (lambda r, name, id: (r, id, name), ("R", 5, "n")),
        (lambda id, name: (id, name), (5, "n")),
        (lambda name, id: (id, name), (5, "n")),
        (lambda request, *, name, id: (request, id, name), ("R", 5, "n")),
        (lambda request: request, "R"),
        (lambda request, id: (request, id), ("R", 5)),
        (lambda request, **values: (request, values), ("R", {"id": 5, "name": "n"})),
        (lambda **values: values, {"id": 5, "name": "n"}),
        (lambda *args, **values: (args, values), (("R",), {"id": 5, "name": "n"})),
        (lambda id, **values: (id, values), (5, {"name": "n"})),
        (by_default, ("R", 5, 2)),
        (functools.partial(by_default, times=3), ("R", 5, 3)),
        (Views().bound, ("R", 5)),
        (Views(), ("R", {"id": 5, "name": "n"})),
        (generic(lambda name, id: (id, name)), ("wrapped", (5, "n"))),
        (generic(lambda request, name, id: (request, id, name)), ("wrapped", ("R", 5, "n"))),
        (particular(lambda name, id: (id, name)), ("R", (5, "n"))),
    ],
)
def test_views_with_parameters(view: Any, result: Any) -> None:
    assert bind(view, ["id", "name"], "/{id}/{name}")("R", 5, "n") == result


async def later(request: Any) -> str:
    return ""


async def pieces(request: Any) -> AsyncIterator[bytes]:
    yield b""


class Later:
    async def __call__(self, request: Any) -> str:
        return ""


class Handler(BaseHTTPRequestHandler):
    pass


@pytest.mark.parametrize(
    ("view", "names", "says"),
    [
        (lambda request, other: "", [], "takes 'other', but the path '/p' has no parameters"),
        (lambda request, ident: "", ["id"], "takes 'ident', but the path '/p' has 'id'"),
        (lambda id, request: "", ["id"], "takes 'request'"),
        (lambda: "", ["id"], "no place for 'id'"),
        (lambda name: "", ["id", "name"], "no place for 'id'"),
        (lambda *, request: "", [], "takes 'request'"),
        (lambda id, /: "", ["id"], "takes 'id' by its place alone"),
        (later, [], "async def"),
        (pieces, [], "async def"),
        (functools.partial(later), [], "async def"),
        (Later(), [], "async def"),
        (Handler, [], "mount"),
        ("text", [], "is a function"),
        (None, [], "is a function"),
    ],
)
def test_what_does_not_fit_is_said_at_once(view: Any, names: list[str], says: str) -> None:
    with pytest.raises(ViewError, match=says):
        bind(view, names, "/p")


def test_a_view_is_named_with_its_place() -> None:
    line = by_default.__code__.co_firstlineno
    assert name_of(by_default) == f"by_default (tests/app/test_views.py:{line})"
    assert name_of(functools.partial(by_default, times=1)) == name_of(by_default)
    assert name_of(generic(by_default)) == name_of(by_default)
    assert name_of(Views().bound).startswith("Views.bound (tests/app/test_views.py:")
    assert name_of(Views()).startswith("Views (tests/app/test_views.py:")
    assert name_of(print) == "print"


def test_functions_written_in_c_are_views_too() -> None:
    assert bind("{}".format, [], "/")("R") == "R"


@pytest.mark.parametrize(
    "result", ["text", b"bytes", {"a": 1}, [1], ("x", 201), ("x", 201, {"X-A": "b"}), iter([b"x"])]
)
def test_results(result: Any) -> None:
    assert checked(result, make(), by_default).status in (200, 201)


@pytest.mark.parametrize(
    ("result", "says"), [(None, "returned None; return a Response, str"), (5, "not 5"), ((), "tuple")]
)
def test_what_is_no_result_names_the_view(result: Any, says: str) -> None:
    with pytest.raises(ResultError, match=says) as caught:
        checked(result, make(), by_default)
    assert name_of(by_default) in str(caught.value)
