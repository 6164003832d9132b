"""Set-Cookie as browsers read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.set_cookie import SetCookie, ends_at, parse_set_cookie, path_fits, path_of


def read(line: str) -> SetCookie:
    found = parse_set_cookie(line)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("a=b", "a", "b"),
        (" a\t= b ;Path=/x", "a", "b"),
        ("a=b=c", "a", "b=c"),
        ('a="q"', "a", '"q"'),
        ("bare", "", "bare"),
        ("=b", "", "b"),
        ("a=", "a", ""),
        ("a=" + "b" * 4_095, "a", "b" * 4_095),
        ("a=b\tc", "a", "b\tc"),
    ],
)
def test_pairs(line: str, name: str, value: str) -> None:
    assert read(line)[:2] == (name, value)


@pytest.mark.parametrize("line", ["", "=", " ; Path=/", "a=" + "b" * 4_096, "a=b\x00", "a=b; Path=/\x7f", "a=b\nc=d"])
def test_what_is_ignored(line: str) -> None:
    assert parse_set_cookie(line) is None


def test_attributes_as_they_stand_and_as_they_count() -> None:
    cookie = read(f"a=b; Secure; ; PATH = /x ; path=/y; Max-Age=60; max-age=soon; Expires=never; Domain={'d' * 1_025}")
    assert list(cookie.attributes)[:4] == [("secure", ""), ("", ""), ("path", "/x"), ("path", "/y")]
    assert len(cookie.attributes) == 8
    assert cookie.said() == {"secure": "", "path": "/y", "max-age": "60"}
    assert read(f"a=b; Domain={'d' * 1_024}").said() == {"domain": "d" * 1_024}


@pytest.mark.parametrize(
    ("attributes", "end"),
    [
        ("", None),
        ("Max-Age=60", 1_060.0),
        ("Max-Age=0", 0.0),
        ("Max-Age=-1", 0.0),
        ("Max-Age=-", None),
        ("Max-Age=\u0661", None),
        ("Max-Age=" + "9" * 15, 1_000.0 + 400 * 86_400),
        ("Max-Age=" + "9" * 900, 1_000.0 + 400 * 86_400),
        ("Expires=Thu, 01 Jan 1970 00:00:05 GMT", 5.0),
        ("Expires=Thu, 01 Jan 2970 00:00:05 GMT", 1_000.0 + 400 * 86_400),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:05 GMT", 1_060.0),
        ("Max-Age=soon; Expires=Thu, 01 Jan 1970 00:00:05 GMT", 5.0),
        ("Expires=tomorrow", None),
    ],
)
def test_ends(attributes: str, end: float | None) -> None:
    assert ends_at(read(f"a=b; {attributes}"), 1_000.0) == end


@pytest.mark.parametrize(
    ("attributes", "request_path", "path"),
    [
        ("", "/", "/"),
        ("", "/a", "/"),
        ("", "/a/b", "/a"),
        ("", "/a/", "/a"),
        ("", "*", "/"),
        ("Path=/x", "/a/b", "/x"),
        ("Path=x", "/a/b", "/a"),
        ("Path=", "/a/b", "/a"),
        ("Path=/x; Path=/y", "/", "/y"),
    ],
)
def test_paths(attributes: str, request_path: str, path: str) -> None:
    assert path_of(read(f"a=b; {attributes}"), request_path) == path


@pytest.mark.parametrize(
    ("path", "request_path", "fits"),
    [
        ("/", "/a", True),
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a/", "/a/b", True),
        ("/a/", "/a", False),
        ("/a", "/ab", False),
        ("/a", "/", False),
    ],
)
def test_where_it_goes(path: str, request_path: str, fits: bool) -> None:
    assert path_fits(path, request_path) is fits


@given(st.text(max_size=60))
def test_any_line_has_a_meaning_or_none(line: str) -> None:
    cookie = parse_set_cookie(line)
    if cookie is not None:
        assert cookie.name or cookie.value
        assert path_of(cookie, "/a/b").startswith("/")
        ends_at(cookie, 0.0)
