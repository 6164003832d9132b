"""Cookies as a browser keeps them."""

from __future__ import annotations

import time

import pytest

from salver.testing.cookies import Cookies, parse_set_cookie


@pytest.mark.parametrize(
    ("line", "name", "value", "path"),
    [
        ("a=b", "a", "b", "/shop"),
        (" a = b ; Path=/x", "a", "b", "/x"),
        ("a=b=c; path=relative", "a", "b=c", "/shop"),
        ('a="q"; ;Secure', "a", '"q"', "/shop"),
        ("bare", "", "bare", "/shop"),
        ("a=", "a", "", "/shop"),
    ],
)
def test_a_line_is_read_as_browsers_read_it(line, name, value, path):
    cookie = parse_set_cookie(line, "host", "/shop/cart", 0.0)
    assert cookie is not None
    assert (cookie.name, cookie.value, cookie.path) == (name, value, path)


@pytest.mark.parametrize("line", ["", "=", "; Path=/", "a=" + "b" * 4_096, "a=b\x00"])
def test_a_line_without_anything_is_no_cookie(line):
    assert parse_set_cookie(line, "host", "/", 0.0) is None


@pytest.mark.parametrize(
    ("attributes", "ends"),
    [
        ("", None),
        ("Max-Age=60", 1_060.0),
        ("Max-Age=0", 0.0),
        ("Max-Age=-1", 0.0),
        ("Max-Age=soon", None),
        ("Expires=Thu, 01 Jan 1970 00:00:05 GMT", 5.0),
        ("Expires=Thu, 01 Jan 1970 00:00:05 GMT; Max-Age=60", 1_060.0),
        ("Expires=tomorrow", None),
        ("Max-Age=60; Max-Age=soon", 1_060.0),
        ("Expires=Thu 01-Jan-70 00:00:05", 5.0),
        ("Max-Age=" + "9" * 40, 1_000.0 + 400 * 86_400),
    ],
)
def test_when_it_ends(attributes, ends):
    cookie = parse_set_cookie(f"a=b; {attributes}", "host", "/", 1_000.0)
    assert cookie is not None
    assert cookie.ends == ends


def field(cookies: Cookies, scheme: str = "http", host: str = "one", path: str = "/") -> str:
    return cookies.field(scheme, host, path, {})


def test_a_cookie_goes_where_it_came_from():
    cookies = Cookies()
    cookies.receive(["a=1; Path=/", "b=2; Path=/shop", "c=3; Path=/shop/"], "http", "one", "/")
    assert field(cookies) == "a=1"
    assert field(cookies, path="/shop") == "b=2; a=1"
    assert field(cookies, path="/shop/x") == "c=3; b=2; a=1"
    assert field(cookies, path="/shopping") == "a=1"
    assert field(cookies, host="two") == ""


def test_a_secure_cookie_needs_https():
    cookies = Cookies()
    cookies.receive(["a=1; Secure"], "http", "one", "/")
    assert "a" not in cookies
    cookies.receive(["a=1; Secure"], "https", "one", "/")
    assert field(cookies, scheme="https") == "a=1"
    assert field(cookies) == ""


def test_the_later_one_of_a_name_and_path_replaces_the_earlier():
    cookies = Cookies()
    cookies.receive(["a=1", "a=2"], "http", "one", "/")
    assert (cookies["a"], field(cookies)) == ("2", "a=2")
    cookies.receive(["a=3; Path=/x"], "http", "one", "/")
    assert field(cookies, path="/x") == "a=3; a=2"
    assert len(cookies) == 1


def test_what_has_ended_is_gone():
    cookies = Cookies()
    cookies.receive(["a=1; Max-Age=1000"], "http", "one", "/")
    (kept,) = cookies.all()
    assert kept.ends is not None and kept.ends > time.time() + 900
    cookies.receive(["a=1; Max-Age=0"], "http", "one", "/")
    assert dict(cookies) == {}


def test_it_is_a_mapping():
    cookies = Cookies()
    cookies["a"] = "1"
    cookies["a"] = "2"
    assert (dict(cookies), repr(cookies)) == ({"a": "2"}, "<Cookies a>")
    assert field(cookies, host="anywhere", path="/any") == "a=2"
    del cookies["a"]
    with pytest.raises(KeyError):
        del cookies["a"]
    with pytest.raises(KeyError):
        cookies["a"]


def test_attributes_can_be_looked_at():
    cookies = Cookies()
    cookies.receive(["session=x; HttpOnly; SameSite=Lax; Path=/"], "http", "one", "/")
    assert cookies.all()[0].attributes == {"httponly": "", "samesite": "Lax", "path": "/"}


def test_what_the_test_sets_takes_the_place_of_what_the_app_has_set():
    cookies = Cookies()
    cookies.receive(["a=1; Path=/", "a=2; Path=/x", "b=3"], "http", "one", "/")
    cookies["a"] = "4"
    assert field(cookies, path="/x") == "b=3; a=4"
    del cookies["a"]
    assert dict(cookies) == {"b": "3"}


def test_of_several_with_one_name_the_one_that_was_set_last_is_shown():
    cookies = Cookies()
    cookies.receive(["a=1; Path=/", "a=2; Path=/x", "a=3; Path=/"], "http", "one", "/")
    assert cookies["a"] == "3"


def test_a_line_that_browsers_ignore_changes_nothing():
    cookies = Cookies()
    cookies.receive(["=", "a=1; ; Secure", "alone"], "https", "one", "/")
    assert cookies.all()[0].attributes == {"secure": ""}
    assert field(cookies, scheme="https") == "a=1; alone"
