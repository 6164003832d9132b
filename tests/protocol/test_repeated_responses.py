"""A response's head that comes again is recognised as a whole, and always read as a fresh connection reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.client_connection import ClientConnection, prepare_head
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.heads import ResponseHead
from tests.protocol.strategies import cut
from tests.wire.driver import in_bytes

HOST = [("Host", "a")]
OK = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\n"
HELLO = OK + b"hi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
WHOLE_MAX = 1_024  # bytes: the longest head that is remembered


def ask(connection: ClientConnection, method: str = "GET") -> None:
    connection.send_head(method, "a:1" if method == "CONNECT" else "/", HOST)


def take(connection: ClientConnection, pieces: list[bytes]) -> tuple[list[ResponseHead], bytes]:
    """Heads up to the final one, and the body, of a response that comes in `pieces`."""
    heads: list[ResponseHead] = []
    body = b""
    for piece in pieces:
        connection.receive(piece)
        while (not heads or heads[-1].status < 200) and (head := connection.next_response()) is not None:
            heads.append(head)
        body += connection.read_body() if heads else b""
    return heads, body


def exchange(connection: ClientConnection, response: bytes, method: str = "GET") -> ResponseHead:
    """Ask, be answered, and read to the end."""
    ask(connection, method)
    heads, _ = take(connection, [response])
    assert connection.body_complete
    return heads[-1]


def told(heads: list[ResponseHead], body: bytes, connection: ClientConnection) -> tuple[object, ...]:
    """All that a response has come to."""
    return (
        [(head.status, head.reason, head.headers.fields, head.section.body_length) for head in heads],
        body,
        list(connection.trailers),
        connection.keep_alive,
        connection.buffered,
    )


def read_afresh(response: bytes, method: str = "GET") -> tuple[object, ...]:
    connection = ClientConnection()
    ask(connection, method)
    return told(*take(connection, [response]), connection)


@pytest.mark.parametrize(
    "responses",
    [
        [HELLO] * 4,
        [HELLO, EMPTY, HELLO, EMPTY],
        [CHUNKED, CHUNKED, HELLO],
        [HELLO, HELLO.replace(b"200", b"201"), HELLO],
        [HELLO, HELLO.replace(b"x", b"y"), HELLO],
        [HELLO, HELLO.replace(b"Length: 2", b"Length: 1")[:-1], HELLO],
        [HELLO, HINTS + HELLO, HELLO, HINTS + HINTS + HELLO],
        [HELLO, HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        [HELLO, HELLO.replace(b"1.1", b"1.0")],
        [HELLO, b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nuntil the end"],
    ],
)
def test_each_is_read_as_a_fresh_connection_reads_it(responses: list[bytes]) -> None:
    connection = ClientConnection()
    for response in responses:
        ask(connection)
        assert told(*take(connection, [response]), connection) == read_afresh(response)


def test_a_head_that_comes_again_is_the_same_value() -> None:
    connection = ClientConnection()
    assert exchange(connection, HELLO) is exchange(connection, HELLO)
    connection.forget()
    first = exchange(connection, HELLO)
    connection.forget()
    assert exchange(connection, HELLO) is not first


@pytest.mark.parametrize("size", [-1, 0, 1])
def test_a_long_head_is_not_remembered(size: int) -> None:
    long = OK.replace(b": x", b": " + b"x" * (WHOLE_MAX - len(OK) + 1 + size)) + b"hi"
    connection = ClientConnection()
    exchange(connection, HELLO)
    assert (exchange(connection, long) is exchange(connection, long)) is (size <= 0)


def test_a_response_to_head_has_no_body_and_one_to_get_has() -> None:
    connection = ClientConnection()
    for method, response in [("GET", HELLO), ("HEAD", OK), ("HEAD", OK), ("GET", HELLO), ("POST", HELLO), ("HEAD", OK)]:
        ask(connection, method)
        heads, body = take(connection, [response])
        assert (len(heads), body, connection.body_complete) == (1, response[len(OK) :], True)


def test_every_split_of_a_repeated_response() -> None:
    for response in (HELLO, CHUNKED, EMPTY, HINTS + HELLO):
        for at in range(1, len(response)):
            connection = ClientConnection()
            exchange(connection, response)
            ask(connection)
            pieces = [response[:at], response[at:]]
            assert told(*take(connection, pieces), connection) == read_afresh(response), at
            assert told([exchange(connection, HELLO)], b"hi", connection) == read_afresh(HELLO)


@given(st.data())
def test_any_split_of_any_sequence(data: st.DataObject) -> None:
    connection = ClientConnection()
    for response in data.draw(st.lists(st.sampled_from([HELLO, CHUNKED, EMPTY, HINTS + HELLO]), min_size=2)):
        ask(connection)
        assert told(*take(connection, data.draw(cut(response))), connection) == read_afresh(response)


@pytest.mark.parametrize(
    "broken",
    [
        OK.replace(b"\r\n\r\n", b"\r\nX : y\r\n\r\n"),
        OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"),
        OK.replace(b"\r\n\r\n", b"\n\n"),
        OK[:-2] + b"\x00\r\n\r\n",
    ],
)
def test_what_only_begins_like_it_is_refused(broken: bytes) -> None:
    for pieces in ([broken], in_bytes(broken)):
        connection = ClientConnection()
        exchange(connection, HELLO)
        ask(connection)
        with pytest.raises(RemoteProtocolError):
            take(connection, list(pieces))
        assert not connection.keep_alive and connection.buffered == 0
        connection.receive(HELLO)
        assert connection.next_response() is None


def test_what_follows_unasked_is_neither_read_nor_followed_by_another_request() -> None:
    connection = ClientConnection()
    exchange(connection, HELLO)
    ask(connection)
    heads, body = take(connection, [HELLO + HELLO])
    assert (len(heads), body, connection.buffered) == (1, b"hi", len(HELLO))
    assert connection.next_response() is None
    with pytest.raises(LocalProtocolError):
        ask(connection)


def test_the_end_inside_a_repeated_head() -> None:
    connection = ClientConnection()
    exchange(connection, HELLO)
    ask(connection)
    connection.receive(OK[:-1])
    connection.receive_eof()
    with pytest.raises(RemoteProtocolError, match="inside a head"):
        connection.next_response()


def test_behind_a_repeated_head_that_was_connects_there_is_no_http() -> None:
    accepted = b"HTTP/1.1 200 OK\r\n\r\n"
    refused = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    connection = ClientConnection()
    first = exchange(connection, refused, "CONNECT")
    assert exchange(connection, refused, "CONNECT") is not first  # what CONNECT is answered is not remembered
    ask(connection, "CONNECT")
    heads, _ = take(connection, [accepted + refused])
    assert (heads[-1].status, connection.keep_alive, connection.buffered) == (200, False, len(refused))
    assert connection.next_response() is None


def test_behind_101_there_is_no_http_whatever_is_remembered() -> None:
    connection = ClientConnection()
    exchange(connection, HELLO)
    ask(connection)
    connection.receive(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + HELLO)
    head = connection.next_response()
    assert head is not None and head.status == 101
    assert connection.next_response() is None
    assert (connection.take_rest(), connection.keep_alive) == (HELLO, False)


def test_a_request_that_was_prepared_is_sent_as_often_as_wanted() -> None:
    prepared = prepare_head("POST", "/", HOST, 2)
    for connection in (ClientConnection(), ClientConnection()):
        for _ in range(2):
            assert connection.send_prepared(prepared) == b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
            with pytest.raises(LocalProtocolError):
                connection.send_prepared(prepared)
            assert connection.send_body(b"hi") == b"hi"
            take(connection, [HELLO])


def test_a_request_that_ends_the_connection_ends_each() -> None:
    prepared = prepare_head("GET", "/", [*HOST, ("Connection", "close")])
    connection = ClientConnection()
    connection.send_prepared(prepared)
    take(connection, [HELLO])
    assert not connection.keep_alive
    with pytest.raises(LocalProtocolError):
        connection.send_prepared(prepared)
