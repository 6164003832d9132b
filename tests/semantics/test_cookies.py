"""The Cookie field read, and Set-Cookie written."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.cookies import format_cookie, parse_cookies


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b[=2; c=3", {"a": "1", "c": "3"}),
        ("a=1;b=2 ;\tc = 3", {"a": "1", "b": "2", "c": "3"}),
        ("a=1; a=2", {"a": "1"}),
        ("a; =1; ; b=", {"b": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ('a="x y"', {"a": "x y"}),
        ('a="', {"a": '"'}),
        ('a="x', {"a": '"x'}),
        ('a=""', {"a": ""}),
        (r'a="x\"y\\z\054\\054\q"', {"a": r'x"y\z,\054\q'}),
        ("a=x, y", {"a": "x, y"}),
        ("a=\xc3\xa9", {"a": "é"}),
        ("a=\xe9", {"a": "�"}),
        ("a=%C3", {"a": "%C3"}),
        ("__Host-s=x; $Version=1", {"__Host-s": "x", "$Version": "1"}),
    ],
)
def test_read(field: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(field) == cookies


@pytest.mark.parametrize("field", ['a="' + "\\" * 60_000 + '"', 'a="' + "\\" * 60_000, "a=1;" * 20_000, '"' * 60_000])
def test_quickly(field: str, patience: float) -> None:
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        parse_cookies(field)
        best = min(best, time.perf_counter() - begun)
    assert best < 0.005 * patience * (4 if field.startswith("a=1;") else 1)


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_nothing_breaks_it(field: str) -> None:
    parse_cookies(field)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_what_the_standard_library_quotes(value: str) -> None:
    theirs = SimpleCookie()
    theirs["a"] = value
    assert parse_cookies(theirs["a"].OutputString())["a"] == value


WHEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "n=v; Path=/; HttpOnly; SameSite=Lax"),
        ({"path": None, "httponly": False, "samesite": None}, "n=v"),
        ({"max_age": 60, "samesite": "strict"}, "n=v; Max-Age=60; Path=/; HttpOnly; SameSite=Strict"),
        ({"max_age": timedelta(hours=1)}, "n=v; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"),
        (
            {"max_age": 0, "expires": 0},
            "n=v; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax",
        ),
        ({"expires": WHEN}, "n=v; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/; HttpOnly; SameSite=Lax"),
        (
            {"expires": WHEN.astimezone(timezone(timedelta(hours=5)))},
            "n=v; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/; HttpOnly; SameSite=Lax",
        ),
        ({"domain": "example.org", "path": "/a b"}, "n=v; Path=/a b; Domain=example.org; HttpOnly; SameSite=Lax"),
        ({"secure": True, "samesite": "None"}, "n=v; Path=/; Secure; HttpOnly; SameSite=None"),
        ({"secure": True, "partitioned": True}, "n=v; Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned"),
    ],
)
def test_written(settings: dict[str, Any], field: str) -> None:
    assert format_cookie("n", "v", **settings) == field


def test_prefixes() -> None:
    assert format_cookie("__Host-s", "", secure=True).startswith("__Host-s=; Path=/; Secure")
    assert format_cookie("__Secure-s", "1", secure=True, path="/x", domain="a.b").startswith("__Secure-s=1; Path=/x")
    for name in ("__Host-s", "__host-s", "__Secure-s", "__SECURE-s"):
        with pytest.raises(ValueError, match="secure=True"):
            format_cookie(name, "1")
    for settings in ({"path": "/x"}, {"path": None}, {"domain": "a.b"}):
        with pytest.raises(ValueError, match="no domain"):
            format_cookie("__HOST-s", "1", secure=True, **settings)


@pytest.mark.parametrize("value", ["", "abc", "a=b", '"quoted"', "!#$%&'()*+-./:<=>?@[]^_`{|}~", '""'])
def test_values(value: str) -> None:
    field = format_cookie("n", value, path=None, samesite=None, httponly=False)
    assert field == f"n={value}"
    assert parse_cookies(field) == {"n": value.strip('"')}


@pytest.mark.parametrize("bad", ["\r\nX: y", "\n", "\0", "a;b", "a b", "a,b", 'a"b', "a\\b", "é", "\x7f", '"'])
def test_values_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="percent-encode") as caught:
        format_cookie("n", "secret" + bad)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "a\r\nX", "é", "a\0", "(a)", "n\n"])
def test_names_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no cookie name"):
        format_cookie(name, "v")


@pytest.mark.parametrize(
    "settings",
    [
        {"path": "/a;b"},
        {"path": "/a\r\nX: y"},
        {"path": "a"},
        {"path": ""},
        {"path": "/é"},
        {"path": "/" * 1_025},
        {"domain": "a;b"},
        {"domain": "a\n"},
        {"domain": ""},
        {"domain": "-"},
        {"samesite": "lax; Secure"},
        {"samesite": ""},
        {"samesite": "none"},
        {"partitioned": True},
        {"max_age": 1.5},
        {"max_age": True},
        {"max_age": "60"},
        {"max_age": timedelta(milliseconds=1)},
        {"expires": datetime(2030, 1, 1)},  # noqa: DTZ001 - that is what is refused
    ],
)
def test_attributes_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        format_cookie("n", "v", **settings)


def test_too_long() -> None:
    format_cookie("n", "v" * 4_095)
    with pytest.raises(ValueError, match="longer"):
        format_cookie("n", "v" * 4_096)


@pytest.mark.parametrize("value", [5, None, b"5"])
def test_a_value_is_text(value: Any) -> None:
    with pytest.raises(TypeError, match="the value of cookie 'n' is a str, not"):
        format_cookie("n", value)
