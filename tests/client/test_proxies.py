"""Which proxy a URL goes by: arguments before the environment, and no_proxy as curl has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.client import Client, InvalidRequest
from salver.client.proxies import Proxies, ProxyLike, ProxyURL
from salver.client.url import parse_url
from tests.client.scripted import OK, Script, ScriptedTransport

P, Q, R = "http://p:1", "http://q:2", "socks5h://r:3"


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "user", "password"),
    [
        ("http://p:3128", "http", "p", 3128, None, None),
        ("p:3128", "http", "p", 3128, None, None),
        ("HTTP://P/", "http", "p", 80, None, None),
        ("https://p", "https", "p", 443, None, None),
        ("socks5://p", "socks5", "p", 1080, None, None),
        ("socks5h://u:p@[::1]", "socks5h", "::1", 1080, "u", "p"),
        ("socks4a://[::1]:9", "socks4a", "::1", 9, None, None),
        ("http://u:p%40ss%2541@p:1", "http", "p", 1, "u", "p@ss%41"),
        ("http://u@p:1", "http", "p", 1, "u", None),
    ],
)
def test_urls(text: str, scheme: str, host: str, port: int, user: str | None, password: str | None) -> None:
    assert ProxyURL.parse(text) == ProxyURL(scheme, host, port, user, password)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://p",
        "http://",
        "http://u:s3cret@p q:1",
        "http://u:s3cret@p:99999",
        "u:s3cret@p\r\n",
        "",
        "http://u:s3cret%0d%0aX@p",
        "http://a%3Ab%00:s3cret@p",
    ],
)
def test_what_is_no_proxy(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Client(proxy=text, trust_env=False)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_no_password_is_shown() -> None:
    proxy = ProxyURL.parse("http://me:s3cret@p:1")
    assert "s3cret" not in repr(proxy) + str(proxy)
    assert str(ProxyURL.parse("http://[::1]:5")) == "http://[::1]:5"


def test_authorization() -> None:
    assert ProxyURL.parse("http://me:p%25w@p").authorization == "Basic bWU6cCV3"
    assert ProxyURL.parse("http://p").authorization is None


@pytest.mark.parametrize(
    ("given", "environ", "url", "proxy"),
    [
        (P, {}, "http://a/", P),
        (P, {}, "https://a/", P),
        ({"http": P}, {}, "http://a/", P),
        ({"http": P}, {}, "https://a/", ""),
        ({"http://": P, "HTTPS": Q}, {}, "https://a/", Q),
        ({"all": R, "http": P}, {}, "https://a/", R),
        (False, {"http_proxy": P}, "http://a/", ""),
        (None, {"http_proxy": P}, "http://a/", P),
        (None, {"http_proxy": P}, "https://a/", ""),
        (None, {"HTTP_PROXY": P}, "http://a/", ""),  # a client's Proxy field, under CGI
        (None, {"HTTPS_PROXY": P}, "https://a/", P),
        (None, {"https_proxy": P, "HTTPS_PROXY": Q}, "https://a/", P),
        (None, {"ALL_PROXY": R}, "https://a/", R),
        (None, {"all_proxy": R, "https_proxy": Q}, "https://a/", Q),
        (None, {"http_proxy": ""}, "http://a/", ""),
        (P, {"no_proxy": "*"}, "http://a/", P),  # who names a proxy means it
        (None, {"http_proxy": P, "no_proxy": "a"}, "http://a/", ""),
        (None, {"http_proxy": P, "NO_PROXY": "a"}, "http://a/", ""),
        (None, {}, "http://a/", ""),
    ],
)
def test_which(given: ProxyLike, environ: dict[str, str], url: str, proxy: str) -> None:
    proxies = Proxies(given, environ)
    assert proxies.for_url(parse_url(url)) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "a.example", True),
        ("example.com", "example.com", True),
        ("example.com", "www.example.com", True),
        ("example.com", "notexample.com", False),
        ("example.com", "example.com.evil", False),
        (".example.com", "www.example.com", True),
        (".example.com", "example.com", True),
        ("*.example.com", "www.example.com", True),
        ("example.com.", "example.com", True),
        ("EXAMPLE.com", "example.com", True),
        (" a , example.com ,", "example.com", True),
        ("a example.com b", "example.com", True),
        ("a\texample.com", "example.com", True),
        ("", "example.com", False),
        (",", "example.com", False),
        (".", "example.com", False),
        ("example.com:80", "example.com", True),
        ("example.com:81", "example.com", False),
        ("example.com:81", "example.com:81", True),
        ("example.com", "example.com:81", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.0/8", "127.9.9.9", True),
        ("127.0.0.0/8", "128.0.0.1", False),
        ("127.0.0.0/8", "127.example", False),
        ("10.0.0.1:8080", "10.0.0.1:8080", True),
        ("10.0.0.1:8080", "10.0.0.1", False),
        ("0.0.1", "127.0.0.1", False),
        ("::1", "[::1]", True),
        ("[::1]", "[::1]", True),
        ("[::1]:81", "[::1]:81", True),
        ("[::1]:81", "[::1]", False),
        ("fe80::/10", "[fe80::1%25eth0]", True),
        ("fe80::/10", "[::1]", False),
        ("localhost", "127.0.0.1", False),
        ("x" * 10_000, "example.com", False),
        ("[", "example.com", False),
    ],
)
def test_no_proxy(no_proxy: str, host: str, direct: bool) -> None:
    proxies = Proxies(None, {"all_proxy": P, "no_proxy": no_proxy})
    assert proxies.for_url(parse_url(f"http://{host}/")) == ("" if direct else P)


@given(st.text(max_size=60))
def test_whatever_the_environment_says(text: str) -> None:
    assert Proxies(None, {"all_proxy": P, "no_proxy": text}).for_url(parse_url("http://[::1]:5/")) in ("", P)


def test_what_a_proxy_is_sent() -> None:
    transport = ScriptedTransport([Script([OK, OK]), Script([OK])])
    with Client(transport=transport, trust_env=False, proxy="http://me:pw@p:1") as client:
        client.get("http://a:81/x?y", headers={"X-A": "1"})
        client.get("http://u:v@a:81/")
        client.get("https://a/x")
    first, second, _ = bytes(transport.wires[0].sent).split(b"\r\n\r\n")
    assert first.startswith(b"GET http://a:81/x?y HTTP/1.1\r\nHost: a:81\r\n")
    assert b"Proxy-Authorization: Basic bWU6cHc=" in first
    assert b"Authorization: Basic dTp2" in second
    assert b"v@" not in second
    assert transport.wires[1].sent.startswith(b"GET /x HTTP/1.1\r\nHost: a\r\n")
    assert b"Proxy-Authorization" not in transport.wires[1].sent


def test_a_redirect_chooses_anew() -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: http://b/\r\nContent-Length: 0\r\n\r\n"
    transport = ScriptedTransport([Script([away]), Script([OK])])
    with Client(transport=transport, trust_env=False, proxy={"http": "http://me:pw@p:1"}) as client:
        client.get("https://a/")
    assert [route.proxy for route in transport.routes] == ["", "http://me:pw@p:1"]
    assert b"Proxy-Authorization" not in transport.wires[0].sent
