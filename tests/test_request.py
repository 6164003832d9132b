"""What a request says of its head and its body."""

from __future__ import annotations

import io
import tempfile
from typing import Any, BinaryIO, assert_type

import pytest

from salver.problem import HTTPError
from salver.protocol.heads import RequestHead
from salver.protocol.server_connection import ServerConnection
from salver.request import ClientAddress, Request


class NoExchange:
    """An exchange that counts what it is asked."""

    client = ClientAddress("192.0.2.7", 1)
    local = ClientAddress("127.0.0.1", 80)
    scheme = "http"

    def __init__(self) -> None:
        self.entered: list[object] = []

    def hand_over(self) -> bool:
        return True

    def enter(self, site: object) -> None:
        self.entered.append(site)

    def body_stream(self) -> BinaryIO:
        return io.BytesIO(b"streamed")

    def watch_client(self) -> None:
        return None

    def transmission(self) -> Any:
        return "transmission"


def head(target: str, fields: str = "Host: a\r\n", method: str = "GET") -> RequestHead:
    connection = ServerConnection()
    connection.receive(f"{method} {target} HTTP/1.1\r\n{fields}\r\n".encode("latin-1"))
    parsed = connection.next_request()
    assert parsed is not None
    return parsed


def request(target: str = "/", body: Any = b"", **more: Any) -> Request:
    return Request(head(target, **more), NoExchange(), body)


@pytest.mark.parametrize(
    ("target", "raw_path", "path", "query"),
    [
        ("/", "/", "/", ""),
        ("/a/b?c=d?e", "/a/b", "/a/b", "c=d?e"),
        ("/a%20b%2Fc?", "/a%20b%2Fc", "/a b/c", ""),
        ("//evil/x", "//evil/x", "//evil/x", ""),
        ("/%ff", "/%ff", "/\udcff", ""),
        ("/%E2%82%AC", "/%E2%82%AC", "/€", ""),
        ("http://a/x?y", "/x", "/x", "y"),
        ("http://a?y", "/", "/", "y"),
        ("http://a", "/", "/", ""),
    ],
)
def test_target(target: str, raw_path: str, path: str, query: str) -> None:
    asked = request(target)
    assert (asked.raw_path, asked.path, asked.query_string) == (raw_path, path, query)


def test_the_server_as_a_whole() -> None:
    assert request("*", method="OPTIONS").raw_path == "*"


def test_a_mount_takes_its_prefix_off_the_path() -> None:
    asked = request("/static/a%20b")
    asked.prefix = "/static"
    assert (asked.path, asked.raw_path) == ("/a b", "/static/a%20b")


def test_what_the_head_says() -> None:
    asked = request("/", fields="Host: example.org:81\r\nAccept: a\r\nACCEPT: b\r\n")
    assert (asked.method, asked.version, asked.host, asked.scheme) == ("GET", "HTTP/1.1", "example.org:81", "http")
    assert asked.headers["accept"] == "a, b"
    assert asked.client.host == "192.0.2.7"
    assert repr(asked) == "<Request GET />"


def test_a_body_in_memory() -> None:
    asked = request(body=b"abc")
    assert asked.body == b"abc"
    assert asked.stream().read(2) == b"ab"
    assert asked.stream().read() == b"c"
    assert asked.body == b"abc"


def test_a_body_in_a_file_and_a_streamed_one() -> None:
    with tempfile.TemporaryFile() as spooled:
        spooled.write(b"abc")
        spooled.seek(0)
        asked = request(body=spooled)
        assert asked.stream().read(2) == b"ab"
        assert asked.body == b"abc"
    asked = request(body=None)
    assert asked.stream().read(3) == b"str"
    assert asked.body == b"eamed"
    assert asked.body == b"eamed"


def test_a_site_is_kept_and_told() -> None:
    exchange = NoExchange()
    asked = Request(head("/"), exchange)
    asked.enter("route")
    assert asked.site == "route" and exchange.entered == ["route"]
    assert asked.hand_over()


@pytest.mark.parametrize("body", [b"", b"abc"])
def test_pieces_of_a_body_in_memory(body: bytes) -> None:
    assert list(request(body=body).pieces()) == ([body] if body else [])


def test_pieces_of_a_body_in_a_file_and_a_streamed_one() -> None:
    with tempfile.TemporaryFile() as spooled:
        spooled.write(bytes(150_000))
        asked = request(body=spooled)
        assert [len(piece) for piece in asked.pieces()] == [len(piece) for piece in asked.pieces()]
        assert b"".join(asked.pieces()) == asked.body == bytes(150_000)
    asked = request(body=None)
    assert asked.stream().read(1) == b"s"
    assert b"".join(asked.pieces()) == b"treamed"


@pytest.mark.parametrize(
    ("target", "fields", "url"),
    [
        ("/a?b", "Host: x:81\r\n", "http://x:81/a?b"),
        ("http://y/z", "Host: y\r\n", "http://y/z"),
        ("*", "Host: x\r\n", "http://x"),
    ],
)
def test_its_url(target: str, fields: str, url: str) -> None:
    asked = request(target, fields=fields, method="OPTIONS")
    assert asked.url == url and not asked.is_secure


def test_what_a_trusted_proxy_says() -> None:
    exchange = NoExchange()
    asked = Request(head("/x"), exchange, None)
    asked.set_forwarded(client=ClientAddress("198.51.100.1", 0))
    assert (asked.client.host, asked.scheme, asked.host) == ("198.51.100.1", "http", "a")
    asked.set_forwarded(scheme="https", host="b.example")
    assert (asked.client.host, asked.url, asked.is_secure) == ("198.51.100.1", "https://b.example/x", True)
    asked.set_forwarded(scheme="http")
    assert asked.url == "http://b.example/x" and asked.exchange is exchange
    asked.enter("route")
    assert exchange.entered == ["route"] and asked.hand_over() and asked.body == b"streamed"
    assert isinstance(asked._exchange.transmission(), str)


def test_what_it_accepts() -> None:
    asked = request(fields="Host: a\r\nAccept: text/html;q=0.5, application/json\r\n")
    assert asked.accepts("text/html", "application/json") == "application/json"
    assert asked.accepts("image/png") is None and asked.accepts() is None
    assert request().accepts("text/html", "application/json") == "text/html"


def test_storage_for_wrappers() -> None:
    asked = request()
    assert asked.user is None and asked.path_params == {}
    with pytest.raises(RuntimeError, match="session middleware"):
        asked.session
    asked.attributes.update(session={"a": 1}, user="ada")
    assert asked.session == {"a": 1} and asked.user == "ada"


def test_the_query() -> None:
    asked = request("/?a=b&c=d&e=1&a=%C3%A9")
    assert asked.query["a"] == "b" and asked.query.get_all("a") == ["b", "é"] and asked.query is asked.query
    assert request("/").query.get("a") is None
    with pytest.raises(KeyError):
        asked.query["z"]
    with pytest.raises(HTTPError, match="400 'z' is missing in the query"):
        asked.query["z"]
    with pytest.raises(HTTPError) as caught:
        request("/?" + "&" * 1_000).query
    assert caught.value.status == 413


def test_cookies() -> None:
    asked = request(fields="Host: a\r\nCookie: a=1; b[=2; c=3\r\nCookie: d=4; a=5\r\n")
    assert asked.cookies == {"a": "1", "c": "3", "d": "4"} and asked.cookies is asked.cookies
    assert asked.cookies.get("z") is None and request().cookies == {}
    with pytest.raises(HTTPError, match="400 'z' is missing in the cookies"):
        asked.cookies["z"]


def test_cookies_are_read_as_a_type() -> None:
    cookies = request(fields="Host: a\r\nCookie: size=12; name=x\r\n").cookies
    assert_type(cookies.get("size", 10, type=int), int)
    assert_type(cookies.get("size", type=int), int | None)
    assert_type(cookies.get("size"), str | None)
    assert_type(cookies.get("size", "10"), str)
    assert cookies.get("size", 10, type=int) == 12 and cookies.get("size", default="10") == "12"
    assert cookies.get("name", 10, type=int) == cookies.get("z", 10, type=int) == 10
    assert cookies.get("z", type=int) is None and cookies.get("name") == "x"
