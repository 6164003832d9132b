"""What a request says of its head and its body."""

from __future__ import annotations

import io
import tempfile
from typing import Any, BinaryIO

import pytest

from salver.protocol.heads import RequestHead
from salver.protocol.server_connection import ServerConnection
from salver.request import ClientAddress, Request


class NoExchange:
    """An exchange that counts what it is asked."""

    client = ClientAddress("192.0.2.7", 1)
    scheme = "http"

    def __init__(self) -> None:
        self.entered: list[object] = []

    def hand_over(self) -> bool:
        return True

    def enter(self, site: object) -> None:
        self.entered.append(site)

    def body_stream(self) -> BinaryIO:
        return io.BytesIO(b"streamed")


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
        assert request(body=spooled).body == b"abc"
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
