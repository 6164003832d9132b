"""A client's cookies by RFC 6265bis: whose they are, where they go, and when they end."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.client import cookies as module
from salver.client.cookies import Cookie, CookieJar, parse_set_cookie
from salver.client.url import parse_url

NOW = 1_000_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def parsed(line: str, url: str = "https://www.example.com/a/b") -> Cookie | None:
    return parse_set_cookie(line, parse_url(url), NOW)


def jar_with(*lines: str, url: str = "https://www.example.com/a/b") -> CookieJar:
    jar = CookieJar(Clock())
    jar.take(parse_url(url), list(lines))
    return jar


def sent(jar: CookieJar, url: str) -> str:
    return jar.header_for(parse_url(url))


# Names and values


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("a=b", "a", "b"),
        (" a = b ", "a", "b"),
        ("a=", "a", ""),
        ("=b", "", "b"),
        ("b", "", "b"),
        ("a=b=c", "a", "b=c"),
        ('a="b c"', "a", '"b c"'),
        ("a=b; x", "a", "b"),
        ("a=b\tc", "a", "b\tc"),
        ("a=\xfc", "a", "\xfc"),
        ("a[=b", "a[", "b"),
        ("a=b,c=d", "a", "b,c=d"),
    ],
)
def test_pairs(line: str, name: str, value: str) -> None:
    cookie = parsed(line)
    assert cookie is not None
    assert (cookie.name, cookie.value) == (name, value)


@pytest.mark.parametrize(
    "line",
    ["", "=", ";", " = ; Path=/", "a=b\x00", "a=b\r", "a=b\nX: y", "a\x7f=b", "a=b; Path=/\x01", "a=" + "b" * 4_096],
)
def test_what_is_no_cookie(line: str) -> None:
    assert parsed(line) is None


def test_the_longest() -> None:
    assert parsed("a=" + "b" * 4_095) is not None
    cookie = parsed("a=b; Path=/" + "p" * 1_024)
    assert cookie is not None and cookie.path == "/a"


# Domains


@pytest.mark.parametrize(
    ("host", "domain", "stored"),
    [
        ("www.example.com", "example.com", ("example.com", False)),
        ("www.example.com", ".example.com", ("example.com", False)),
        ("www.example.com", "EXAMPLE.com", ("example.com", False)),
        ("www.example.com", "www.example.com", ("www.example.com", False)),
        ("www.example.com", "", ("www.example.com", True)),
        ("www.example.com", "other.com", None),
        ("www.example.com", "ww.example.com", None),
        ("www.example.com", "a.www.example.com", None),
        ("badexample.com", "example.com", None),
        ("www.example.com", "com", None),
        ("www.example.com", "com.", None),
        ("www.example.com", "..com", None),
        ("www.example.com", "example.com.", None),
        ("a.co.uk", "co.uk", None),
        ("me.github.io", "github.io", None),
        ("github.io", "github.io", ("github.io", True)),
        ("localhost", "localhost", ("localhost", True)),
        ("a.b.kobe.jp", "b.kobe.jp", None),
        ("city.kobe.jp", "city.kobe.jp", ("city.kobe.jp", False)),
        ("127.0.0.1", "127.0.0.1", ("127.0.0.1", True)),
        ("127.0.0.1", "0.0.1", None),
        ("127.0.0.1", "", ("127.0.0.1", True)),
        ("[::1]", "", ("::1", True)),
        ("xn--bcher-kva.example", "bücher.example", ("xn--bcher-kva.example", False)),
        ("www.example.com", "\udc80", None),
    ],
)
def test_domains(host: str, domain: str, stored: tuple[str, bool] | None) -> None:
    cookie = parsed(f"a=b; Domain={domain}", f"https://{host}/")
    assert (cookie and (cookie.domain, cookie.host_only)) == stored


def test_without_the_list_a_domain_needs_a_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    whole: Any = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "publicsuffixlist":
            raise ImportError(name)
        return whole(name, *more)

    module._public_suffixes.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    try:
        assert parsed("a=b; Domain=com") is None
        assert parsed("a=b; Domain=example.com") is not None
    finally:
        module._public_suffixes.cache_clear()


@pytest.mark.parametrize(
    ("line", "url", "goes"),
    [
        ("a=b", "https://www.example.com/a/c", True),
        ("a=b", "https://sub.www.example.com/a/c", False),
        ("a=b", "https://example.com/a/c", False),
        ("a=b; Domain=example.com", "https://example.com/a/c", True),
        ("a=b; Domain=example.com", "https://other.example.com/a/c", True),
        ("a=b; Domain=example.com", "https://notexample.com/a/c", False),
        ("a=b; Path=/", "https://www.example.com/", True),
        ("a=b; Path=/x", "https://www.example.com/x", True),
        ("a=b; Path=/x", "https://www.example.com/x/y?z", True),
        ("a=b; Path=/x", "https://www.example.com/xy", False),
        ("a=b; Path=/x/", "https://www.example.com/x/y", True),
        ("a=b; Path=/x/", "https://www.example.com/x", False),
        ("a=b; Path=x", "https://www.example.com/a", True),
        ("a=b; Path=", "https://www.example.com/a/", True),
        ("a=b; Path=/x; Path=/y", "https://www.example.com/y", True),
        ("a=b; Path=/X", "https://www.example.com/x", False),
        ("a=b", "https://www.example.com:8443/a/c", True),  # ports do not part cookies
        ("a=b; Secure", "http://www.example.com/a", False),
        ("a=b; Secure", "https://www.example.com/a", True),
        ("a=b", "http://www.example.com/a", True),
    ],
)
def test_where_it_goes(line: str, url: str, goes: bool) -> None:
    assert sent(jar_with(line), url) == ("a=b" if goes else "")


@pytest.mark.parametrize(("path", "stored"), [("", "/"), ("/", "/"), ("/x", "/"), ("/x/", "/x"), ("/x/y/z", "/x/y")])
def test_the_default_path(path: str, stored: str) -> None:
    cookie = parsed("a=b", f"https://h.example{path}?q=/r/s")
    assert cookie is not None and cookie.path == stored


def test_addresses_have_nothing_below_them() -> None:
    jar = CookieJar(Clock())
    jar.set("a", "b", "0.0.1", host_only=False)
    assert sent(jar, "http://127.0.0.1/") == ""


# Secure, and prefixes


@pytest.mark.parametrize(
    ("line", "url", "kept"),
    [
        ("a=b; Secure", "http://a.example/", False),
        ("a=b; Secure", "https://a.example/", True),
        ("a=b; Secure", "http://localhost:8000/", True),
        ("a=b; Secure", "http://127.9.9.9/", True),
        ("a=b; Secure", "http://[::1]/", True),
        ("a=b; Secure", "http://10.0.0.1/", False),
        ("a=b; Secure", "http://localhost.example/", False),
        ("a=b; Secure", "http://[::ffff:127.0.0.1]/", True),
        ("a=b; Secure", "http://127.evil.example/", False),
        ("__Secure-a=b; Secure", "https://a.example/", True),
        ("__Secure-a=b", "https://a.example/", False),
        ("__SECURE-a=b", "https://a.example/", False),
        ("__Host-a=b; Secure; Path=/", "https://a.example/", True),
        ("__Host-a=b; Secure", "https://a.example/", False),
        ("__Host-a=b; Secure; Path=/x", "https://a.example/", False),
        ("__Host-a=b; Path=/", "https://a.example/", False),
        ("__Host-a=b; Secure; Path=/; Domain=a.example", "https://a.example/", False),
        ("__host-a=b; Secure; Path=/; Domain=a.example", "https://a.example/", False),
        ("__Host-a=b; Secure; Path=/", "http://a.example/", False),
        ("=__Host-a=b; Secure; Path=/", "https://a.example/", False),
        ("__Host-a", "https://a.example/", False),
        ("=__secure-a=b", "https://a.example/", False),
        ("a=__Host-b", "https://a.example/", True),
    ],
)
def test_secure_and_prefixes(line: str, url: str, kept: bool) -> None:
    assert (parsed(line, url) is not None) == kept


@pytest.mark.parametrize(
    ("line", "url", "kept"),
    [
        ("a=evil", "http://www.example.com/", True),  # for /, which /login does not hide
        ("a=evil; Path=/login", "http://www.example.com/", False),
        ("a=evil; Path=/login/x", "http://www.example.com/", False),
        ("a=evil; Path=/loginx", "http://www.example.com/", True),
        ("a=evil; Path=/login; Domain=example.com", "http://www.example.com/", False),
        ("a=evil; Path=/login", "http://sub.www.example.com/", False),
        ("a=evil; Path=/login", "http://other.example.com/", False),
        ("b=fine; Path=/login", "http://www.example.com/", True),
        ("a=fine; Path=/login", "https://www.example.com/", True),
    ],
)
def test_what_is_not_secure_leaves_secure_ones_alone(line: str, url: str, kept: bool) -> None:
    jar = jar_with("a=safe; Secure; Domain=example.com; Path=/login")
    jar.take(parse_url(url), [line])
    values = {each.value for each in jar}
    assert ("evil" in values or "fine" in values) == kept
    assert "safe" in values or url.startswith("https")


@pytest.mark.parametrize(
    ("before", "line", "url", "kept"),
    [
        ("a=old; Path=/", "a=new; Path=/", "http://www.example.com/", True),  # none that is secure
        ("a=old; Secure; Path=/", "a=new; Path=/", "http://www.elsewhere.example/", True),
        ("a=old; Secure; Path=/", "a=new; Path=/", "http://example.com/", False),  # above it, and sent there as well
        ("a=old; Secure; Path=/", "a=new; Path=/; Domain=example.com", "http://www.example.com/", False),
    ],
)
def test_which_secure_ones_stand_in_the_way(before: str, line: str, url: str, kept: bool) -> None:
    jar = jar_with(before)
    jar.take(parse_url(url), [line])
    assert ("new" in {each.value for each in jar}) == kept


def test_a_secure_one_from_this_computer_takes_a_secure_ones_place() -> None:
    jar = jar_with("a=old; Secure; Path=/", url="https://localhost/")
    jar.take(parse_url("http://localhost/"), ["a=new; Secure; Path=/"])
    assert [each.value for each in jar] == ["new"]


def test_a_line_that_is_none_hides_no_other() -> None:
    assert [each.name for each in jar_with("=", "a=b; Domain=com", "c=d")] == ["c"]


# Ends


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("a=b", None),
        ("a=b; Max-Age=10", 10),
        ("a=b; max-age=10; Max-Age=20", 20),
        ("a=b; Max-Age=10; Max-Age=x", 10),
        ("a=b; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 10),
        ("a=b; Max-Age=1" + "0" * 300, 400 * 86_400),
        ("a=b; Max-Age=+10", None),
        ("a=b; Max-Age=1_0", None),
        ("a=b; Max-Age=\u0661", None),
        ("a=b; Max-Age=", None),
        ("a=b; Max-Age=-", None),
        ("a=b; Expires=Sun, 09 Sep 2001 01:46:50 GMT", 10),
        ("a=b; Expires=Sun, 09 Sep 2001 01:46:50 GMT; Expires=never", 10),
        ("a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT", 400 * 86_400),
        ("a=b; Expires=Fri, 31 Feb 2002 23:59:59 GMT", None),
    ],
)
def test_when_it_ends(line: str, left: float | None) -> None:
    cookie = parsed(line)
    assert cookie is not None
    assert cookie.expires == (None if left is None else NOW + left)


@pytest.mark.parametrize("gone", ["Max-Age=0", "Max-Age=-1", "Max-Age=000", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_server_takes_it_back(gone: str) -> None:
    jar = jar_with("a=b", f"a=; {gone}")
    assert list(jar) == []
    assert not jar


def test_time_passes() -> None:
    clock = Clock()
    jar = CookieJar(clock)
    jar.take(parse_url("http://h/"), ["a=b; Max-Age=10"])
    assert sent(jar, "http://h/") == "a=b"
    clock.now += 10
    assert sent(jar, "http://h/") == ""
    assert len(jar) == 0
    assert jar.get("a") is None


@given(st.text(max_size=200))
def test_whatever_comes(text: str) -> None:
    cookie = parsed(text)
    if cookie is not None:
        assert not any(character in cookie.name + cookie.value for character in "\r\n\0;")
