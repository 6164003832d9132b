"""The client's side: requests written, responses read, and when the connection may carry another."""

from __future__ import annotations

import pytest

from salver.protocol.client_connection import ClientConnection
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.wire.driver import in_bytes

HOST = [("Host", "a")]


def asked(method: str = "GET") -> ClientConnection:
    """A client that has asked."""
    made = ClientConnection()
    made.send_head(method, "a:1" if method == "CONNECT" else "/", HOST)
    return made


def answered(data: bytes, method: str = "GET") -> tuple[int, bytes, bool]:
    """(status, body, whether the connection may carry another request) of a response that is complete."""
    made = asked(method)
    made.receive(data)
    made.receive_eof()
    head = made.next_response()
    assert head is not None
    body = made.read_body()
    assert made.body_complete
    return head.status, body, made.keep_alive


# Requests


@pytest.mark.parametrize(
    ("method", "length", "fields", "expected"),
    [
        ("GET", 0, [], "\r\n"),
        ("GET", 5, [], "Content-Length: 5\r\n\r\n"),
        ("POST", 0, [], "Content-Length: 0\r\n\r\n"),  # RFC 9110 §8.6
        ("PUT", 0, [("Content-Length", "0")], "Content-Length: 0\r\n\r\n"),
        ("POST", None, [], "Transfer-Encoding: chunked\r\n\r\n"),
        ("POST", None, [("Content-Length", "5")], "Content-Length: 5\r\n\r\n"),
        ("DELETE", 0, [("Connection", "close")], "Connection: close\r\n\r\n"),
        ("GET", 0, [("Accept", "*/*")], "Accept: */*\r\n\r\n"),
    ],
)
def test_request_heads(method: str, length: int | None, fields: list[tuple[str, str]], expected: str) -> None:
    made = ClientConnection()
    assert (
        made.send_head(method, "/x", HOST + fields, length).decode() == f"{method} /x HTTP/1.1\r\nHost: a\r\n{expected}"
    )


@pytest.mark.parametrize(
    ("method", "target", "fields"),
    [
        ("GET", "/", []),
        ("GET", "/", [*HOST, ("host", "b")]),
        ("GET\r\n", "/", HOST),
        ("GET", "/ a", HOST),
        ("GET", "/\r\n", HOST),
        ("GET", "/", [("Host", "a\r\nX: y")]),
        ("GET", "/", [*HOST, ("X\n", "y")]),
        ("GET", "/", [*HOST, ("Content-Length", "x")]),
        ("GET", "/", [*HOST, ("Transfer-Encoding", "chunked")]),
    ],
)
def test_nothing_is_written_of_a_request_that_must_not_be(
    method: str, target: str, fields: list[tuple[str, str]]
) -> None:
    made = ClientConnection()
    with pytest.raises(LocalProtocolError):
        made.send_head(method, target, fields, 5)
    assert made.room == 0
    made.start_next()


def test_one_exchange_at_a_time() -> None:
    made = asked()
    for not_yet in (made.start_next, lambda: made.send_head("GET", "/", HOST)):
        with pytest.raises(LocalProtocolError):
            not_yet()
    made.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
    made.next_response()
    made.read_body()
    with pytest.raises(LocalProtocolError):
        made.start_next()
    made.receive(b"i")
    assert made.read_body() == b"i"
    made.start_next()
    assert made.send_head("GET", "/", HOST)


def test_a_body_that_was_not_sent_to_its_end() -> None:
    made = ClientConnection()
    made.send_head("POST", "/", HOST, 5)
    made.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert made.next_response() is not None
    with pytest.raises(LocalProtocolError):
        made.start_next()
    made.send_body(b"hello")
    made.start_next()


# Responses


@pytest.mark.parametrize(
    ("data", "method", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET", (200, b"hi", True)),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "GET", (200, b"", True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "GET", (200, b"hi", True)),
        (b"HTTP/1.1 200 OK\r\n\r\nhi", "GET", (200, b"hi", False)),
        (b"HTTP/1.1 200 OK\r\n\r\n", "GET", (200, b"", False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET", (200, b"hi", False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi", "GET", (200, b"hi", True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", "GET", (200, b"hi", False)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", (200, b"", True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", (200, b"", True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", (204, b"", True)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "GET", (304, b"", True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "CONNECT", (200, b"", False)),
        (b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nhi", "CONNECT", (407, b"hi", True)),
    ],
)
def test_responses(data: bytes, method: str, expected: tuple[int, bytes, bool]) -> None:
    assert answered(data, method) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
        b"HTTP/1.1 " + b"x" * 10_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_response_ends_the_connection(data: bytes) -> None:
    for pieces in ([data], in_bytes(data)):
        made = asked()
        with pytest.raises(RemoteProtocolError):
            for piece in pieces:
                made.receive(piece)
                made.next_response()
        assert not made.keep_alive
        made.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert made.next_response() is None
        with pytest.raises(LocalProtocolError):
            made.start_next()


def test_interim_responses_come_first() -> None:
    made = asked("POST")
    made.receive(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    )
    heads = [made.next_response() for _ in range(4)]
    assert [head and head.status for head in heads] == [100, 103, 204, None]
    made.start_next()


def test_behind_101_there_is_no_http() -> None:
    made = asked()
    made.receive(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    head = made.next_response()
    assert head is not None
    assert head.status == 101
    assert made.next_response() is None
    assert made.buffered == 19
    assert made.body_complete
    assert not made.keep_alive


def test_behind_connect_there_is_no_http() -> None:
    made = asked("CONNECT")
    made.receive(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    assert made.next_response() is not None
    assert made.next_response() is None
    assert made.buffered == 19


def test_what_was_not_asked_for() -> None:
    made = ClientConnection()
    made.receive(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert made.next_response() is None
    with pytest.raises(LocalProtocolError):
        made.start_next()
    with pytest.raises(LocalProtocolError):
        made.send_head("GET", "/", HOST)


def test_the_end_before_a_response_and_inside_its_head() -> None:
    made = asked()
    made.receive_eof()
    assert made.next_response() is None
    made = asked()
    made.receive(b"HTTP/1.1 200 OK\r\n")
    assert made.next_response() is None
    made.receive_eof()
    with pytest.raises(RemoteProtocolError, match="inside a head"):
        made.next_response()


def test_a_length_beyond_all_memory_allocates_nothing() -> None:
    made = asked()
    made.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nhi")
    assert made.next_response() is not None
    assert made.read_body() == b"hi"
    assert made.body_left == 10**12 - 2


def test_trailers() -> None:
    made = asked()
    made.receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n")
    made.next_response()
    assert made.read_body() == b""
    assert made.trailers == [("X", "y")]
