"""Which route has a path: the narrowest, whatever the order in which they came."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.app.converters import BUILT_IN, Converter
from salver.app.patterns import Parameter, Pattern, parse_pattern
from salver.app.tree import Conflict, Tree

_CONVERTERS: dict[str, Converter] = {name: make() for name, make in BUILT_IN.items()}


def tree_of(*paths: str, methods: Sequence[str] = ("GET",)) -> Tree[str, str]:
    tree: Tree[str, str] = Tree()
    for path in paths:
        tree.add(parse_pattern(path).segments, _CONVERTERS, methods, path)
    return tree


def find(tree: Tree[str, str], path: str, method: str = "GET") -> tuple[str | None, list[Any]]:
    values: list[Any] = []
    return tree.find(path[1:].split("/"), method, values, {}), values


_NARROWING = [
    "/users/me",
    "/users/{name}.json",
    "/users/{id:int}",
    "/users/{weight:float}",
    "/users/{name}",
    "/users/{rest:path}/edit",
    "/users/{rest:path}",
]


@pytest.mark.parametrize("order", [_NARROWING, _NARROWING[::-1], [*_NARROWING[3:], *_NARROWING[:3]]])
def test_the_narrowest_has_it(order: list[str]) -> None:
    tree = tree_of(*order)
    assert find(tree, "/users/me") == ("/users/me", [])
    assert find(tree, "/users/bob.json") == ("/users/{name}.json", ["bob"])
    assert find(tree, "/users/5") == ("/users/{id:int}", [5])
    assert find(tree, "/users/5.5") == ("/users/{weight:float}", [5.5])
    assert find(tree, "/users/bob") == ("/users/{name}", ["bob"])
    assert find(tree, "/users/a/b/edit") == ("/users/{rest:path}/edit", ["a/b"])
    assert find(tree, "/users/a/b") == ("/users/{rest:path}", ["a/b"])
    assert find(tree, "/users/a/") == ("/users/{rest:path}", ["a/"])
    for path in ("/users", "/users/", "/", "/user/5", "/users//x", "/users/../x"):
        assert find(tree, path) == (None, [])


def test_a_way_that_leads_nowhere_is_left_again() -> None:
    tree = tree_of("/a/{x:int}/b", "/a/{x}/c", "/{y}/5/d", "/a/5/e/f")
    assert find(tree, "/a/5/b") == ("/a/{x:int}/b", [5])
    assert find(tree, "/a/5/c") == ("/a/{x}/c", ["5"])
    assert find(tree, "/a/5/d") == ("/{y}/5/d", ["a"])
    assert find(tree, "/a/5/e") == (None, [])


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("/{a}.{b}", "/x.y.z", ["x", "y.z"]),
        ("/{a}.json", "/x.json.json", ["x.json"]),
        ("/v{a:int}", "/v12", [12]),
        ("/{a}-{b:int}-x", "/p-5-x", ["p", 5]),
        ("/{a}-{b:int}-x", "/p-q-5-x", None),
        ("/{a}.json", "/.json", None),
        ("/{a}.json", "/json", None),
        ("/v{a:int}", "/v", None),
        ("/v{a:int}", "/v1x", None),
        ("/a{a}a", "/aa", None),
    ],
)
def test_a_segment_with_text_in_it(pattern: str, path: str, values: list[Any] | None) -> None:
    found = (pattern, values) if values is not None else (None, [])
    assert find(tree_of(pattern), path) == found


def test_a_slash_that_was_encoded_is_in_no_path_and_separates_nothing() -> None:
    tree = tree_of("/f/{rest:path}", "/s/{name}")
    assert tree.find(["f", "a/b"], "GET", [], {}) is None
    values: list[Any] = []
    assert tree.find(["s", "a/b"], "GET", values, {}) == "/s/{name}" and values == ["a/b"]


def test_methods() -> None:
    tree: Tree[str, str] = Tree()
    for method, path in [("GET", "/u/{id:int}"), ("POST", "/u/{name}"), ("DELETE", "/u/{id:int}"), ("HEAD", "/u/h")]:
        tree.add(parse_pattern(path).segments, _CONVERTERS, [method], f"{method} {path}")
    assert find(tree, "/u/5")[0] == "GET /u/{id:int}"
    assert find(tree, "/u/5", "HEAD")[0] == "GET /u/{id:int}"
    assert find(tree, "/u/5", "POST") == ("POST /u/{name}", ["5"])
    assert find(tree, "/u/h", "HEAD")[0] == "HEAD /u/h"
    allowed: dict[str, str] = {}
    assert tree.find(["u", "5"], "PUT", [], allowed) is None
    assert list(allowed) == ["GET", "DELETE", "POST"]


def test_mounts() -> None:
    tree = tree_of("/a/b", "/a/{x:int}", "/{y}/z")
    tree.mount(["a"], "A")
    tree.mount(["a", "deep"], "D")
    tree.mount([], "ROOT")
    expected = {
        "/a": "A", "/a/": "A", "/a/b": "/a/b", "/a/b/c": "A", "/a/5": "/a/{x:int}", "/a/5/6": "A", "/a/deep/x": "D",
        "/a/z": "A", "/b/z": "/{y}/z", "/b": "ROOT", "/": "ROOT", "//": "ROOT",
    }  # fmt: skip
    assert {path: find(tree, path)[0] for path in expected} == expected
    allowed: dict[str, str] = {}
    assert tree.find(["a", "b"], "POST", [], allowed) is None and list(allowed) == ["GET"]
    with pytest.raises(Conflict) as caught:
        tree.mount(["a"], "B")
    assert caught.value.other == "A"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a", "/a"),
        ("/{x}", "/{y}"),
        ("/{x:int}/b", "/{y:int}/b"),
        ("/v{x}", "/v{y}"),
        ("/{x:path}", "/{y:path}"),
        ("/{x:hex}", "/{x:slug}"),
    ],
)
def test_what_nothing_tells_apart_is_refused(one: str, other: str) -> None:
    class Own(Converter):
        def parse(self, text: str) -> str:
            return text

    converters = {**_CONVERTERS, "hex": Own(), "slug": Own()}
    tree: Tree[str, str] = Tree()
    tree.add(parse_pattern(one).segments, converters, ["GET", "PUT"], "first")
    tree.add(parse_pattern(other).segments, converters, ["POST"], "second")
    with pytest.raises(Conflict) as caught:
        tree.add(parse_pattern(other).segments, converters, ["DELETE", "PUT"], "third")
    assert (caught.value.other, caught.value.method) == ("first", "PUT")
    assert tree.find(["none"], "DELETE", [], {}) is None


def test_many_ways_are_walked_once_each() -> None:
    """Where every segment fits two ways, a path that fits at no end costs as many steps as there are nodes, and not two
    to the power of its length."""
    deep = ["/".join(each) for each in itertools.product(["{%s:int}", "{%s}"], repeat=8)]
    tree = tree_of(*("/" + path % tuple(f"p{number}" for number in range(8)) + "/end" for path in deep))
    begin = time.perf_counter()
    assert find(tree, "/" + "5/" * 8 + "nowhere") == (None, [])
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize("path", ["/" * 8_000, "/a" * 4_000, "/a-" * 2_600, "/" + "-" * 8_000, "/5" * 4_000])
def test_long_paths_cost_little(path: str) -> None:
    tree = tree_of("/{a:path}/x/y", "/{a:path}", "/{a}-{b}-{c}-{d}/{e:int}", "/a/{b:path}/z", "/{i:int}/{r:path}/x")
    begin = time.perf_counter()
    for _ in range(20):
        find(tree, path)
    assert time.perf_counter() - begin < 1


_SEGMENTS = st.sampled_from(["a", "b", "5", "{%s}", "{%s:int}", "{%s:path}", "x{%s}", "{%s}.b", ""])
_ASKED = st.sampled_from(["a", "b", "5", "77", "x5", "xa", "a.b", "", "c"])


def _pattern(segments: list[str]) -> Pattern | None:
    named = [each % f"p{number}" if "%s" in each else each for number, each in enumerate(segments)]
    try:
        pattern = parse_pattern("/" + "/".join(named))
    except ValueError:
        return None
    return pattern if sum(each.converter == "path" for each in pattern.parameters) < 2 else None


def _fits(pattern: Pattern, segments: list[str]) -> bool:
    """The slow way: does this one pattern have the path?"""
    alone: Tree[str, str] = Tree()
    alone.add(pattern.segments, _CONVERTERS, ["GET"], "it")
    return alone.find(segments, "GET", [], {}) is not None


@given(
    st.lists(st.lists(_SEGMENTS, min_size=1, max_size=3), max_size=8),
    st.lists(st.lists(_ASKED, min_size=1, max_size=4), max_size=8),
    st.randoms(),
)
def test_a_tree_finds_what_its_routes_have_each_alone_in_any_order(
    written: list[list[str]], paths: list[list[str]], random: Any
) -> None:
    patterns = [pattern for pattern in map(_pattern, written) if pattern is not None]
    kept: list[Pattern] = []
    tree: Tree[str, str] = Tree()
    for pattern in patterns:
        try:
            tree.add(pattern.segments, _CONVERTERS, ["GET"], pattern.text)
            kept.append(pattern)
        except Conflict:
            pass
    shuffled = random.sample(kept, len(kept))
    other: Tree[str, str] = Tree()
    for pattern in shuffled:
        other.add(pattern.segments, _CONVERTERS, ["GET"], pattern.text)
    for path in paths:
        values: list[Any] = []
        found = tree.find(path, "GET", values, {})
        fitting = {pattern.text: pattern for pattern in kept if _fits(pattern, path)}
        assert (found in fitting) if fitting else (found is None)
        assert found is None or len(values) == len(fitting[found].parameters)
        at_once: list[Any] = []
        assert tree.maybe_find_at_once("/" + "/".join(path), "GET", at_once) in (found, None)
        assert at_once in (values, [])
        assert other.find(path, "GET", [], {}) == found
        if found and any(pattern.is_literal for pattern in fitting.values()):
            assert fitting[found].is_literal


def test_a_parameter_is_told_from_text() -> None:
    assert isinstance(parse_pattern("/{a}").segments[0][0], Parameter)
