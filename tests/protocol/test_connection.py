"""What both roles share: bodies read and written, ends of input, what is kept and what is let go."""

from __future__ import annotations

import pytest

from salver.protocol.client_connection import ClientConnection
from salver.protocol.connection import Connection
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.server_connection import ServerConnection
from tests.wire.driver import in_bytes

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def server(data: bytes) -> ServerConnection:
    """A server that has read one head."""
    connection = ServerConnection()
    connection.receive(data)
    assert connection.next_request() is not None
    return connection


def client(method: str, data: bytes) -> ClientConnection:
    """A client that has read one head."""
    connection = ClientConnection()
    connection.send_head(method, "/", [("Host", "a")])
    connection.receive(data)
    assert connection.next_response() is not None
    return connection


def test_it_has_a_role() -> None:
    with pytest.raises(TypeError):
        Connection()  # type: ignore[abstract]


# Reading


def test_a_body_by_its_length() -> None:
    connection = server(HEAD + b"Content-Length: 5\r\n\r\nhe")
    assert (connection.body_left, connection.body_announced, connection.body_complete) == (5, 5, False)
    assert connection.read_body() == b"he"
    assert connection.read_body() == b""
    assert connection.body_left == 3
    connection.receive(b"lloGET")
    assert connection.read_body() == b"llo"
    assert connection.body_complete
    assert connection.read_body() == b""
    assert connection.buffered == 3


def test_a_chunked_body() -> None:
    connection = server(CHUNKED + b"5\r\nhe")
    assert (connection.body_left, connection.body_announced) == (None, 0)
    assert connection.read_body() == b"he"
    assert connection.body_announced == 3
    connection.receive(b"llo\r\n0\r\nX: y\r\n\r\nGET")
    assert connection.read_body() == b"llo"
    assert connection.body_complete
    assert connection.trailers == [("X", "y")]
    assert connection.buffered == 3
    connection.respond(200, [], b"")
    connection.start_next()
    assert not connection.trailers


def test_a_body_to_the_end_of_the_connection() -> None:
    connection = client("GET", b"HTTP/1.1 200 OK\r\n\r\nhe")
    assert (connection.body_left, connection.body_announced) == (None, 0)
    assert (connection.read_body(), connection.body_complete) == (b"he", False)
    connection.receive(b"llo")
    connection.receive_eof()
    assert connection.read_body() == b"llo"
    assert connection.body_complete
    assert not connection.keep_alive


def test_a_body_to_an_end_that_comes_alone() -> None:
    connection = client("GET", b"HTTP/1.1 200 OK\r\n\r\nhe")
    assert connection.read_body() == b"he"
    connection.receive_eof()
    assert connection.read_body() == b""
    assert connection.body_complete


@pytest.mark.parametrize("data", [HEAD + b"Content-Length: 5\r\n\r\nhell", CHUNKED + b"5\r\nhello\r\n0\r\n"])
def test_an_end_inside_a_body(data: bytes) -> None:
    connection = server(data)
    connection.receive_eof()
    with pytest.raises(RemoteProtocolError) as caught:
        connection.read_body()
    assert caught.value.status == 400
    assert not connection.body_complete


def test_an_end_behind_a_body_is_none_inside_it() -> None:
    connection = server(HEAD + b"Content-Length: 5\r\n\r\nhello")
    connection.receive_eof()
    assert connection.read_body() == b"hello"
    assert connection.body_complete


def test_behind_an_error_not_one_more_byte_is_parsed() -> None:
    connection = server(CHUNKED + b"x\r\n")
    for _ in range(3):
        with pytest.raises(RemoteProtocolError):
            connection.read_body()
        assert not connection.body_complete
        assert connection.body_left is None
        assert connection.body_announced == 0
        connection.receive(b"0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not connection.keep_alive
    assert connection.next_request() is None
    assert b"Connection: close\r\n" in connection.respond(400, [], b"")
    with pytest.raises(LocalProtocolError):
        connection.start_next()


def test_what_an_error_leaves_in_the_buffer_is_dropped() -> None:
    connection = ServerConnection()
    connection.receive(b"BAD\r\n" + b"x" * 10_000)
    with pytest.raises(RemoteProtocolError):
        connection.next_request()
    assert connection.buffered == 0
    assert connection.next_request() is None
    assert connection.body_complete


# Writing


def test_a_body_of_the_promised_length() -> None:
    connection = server(HEAD + b"\r\n")
    connection.send_head(200, [], 5)
    assert connection.room == 5
    assert connection.send_body(b"he") == b"he"
    connection.skip_body(2)
    assert connection.room == 1
    with pytest.raises(LocalProtocolError, match="longer"):
        connection.send_body(b"lo")
    with pytest.raises(LocalProtocolError, match="longer"):
        connection.skip_body(2)
    assert connection.room == 1
    assert connection.send_body(b"o") == b"o"
    assert connection.end_body() == b""
    connection.start_next()


def test_a_body_shorter_than_promised() -> None:
    connection = server(HEAD + b"\r\n")
    connection.send_head(200, [], 5)
    connection.send_body(b"hell")
    with pytest.raises(LocalProtocolError, match="1 bytes shorter"):
        connection.end_body()
    assert not connection.keep_alive


def test_a_chunked_body_is_written() -> None:
    connection = server(HEAD + b"\r\n")
    assert b"Transfer-Encoding: chunked\r\n" in connection.send_head(200, [], None)
    assert connection.room is None
    assert connection.send_body(b"hello") == b"5\r\nhello\r\n"
    assert connection.send_body(b"") == b""
    with pytest.raises(LocalProtocolError, match="send_body"):
        connection.skip_body(5)
    with pytest.raises(LocalProtocolError):
        connection.start_next()
    with pytest.raises(LocalProtocolError):
        connection.end_body([("Content-Length", "5")])
    assert connection.end_body([("X", "y")]) == b"0\r\nX: y\r\n\r\n"
    connection.start_next()


def test_a_body_to_the_close_is_written() -> None:
    connection = server(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head = connection.send_head(200, [], None)
    assert head == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    assert connection.room is None
    assert connection.send_body(b"hello") == b"hello"
    connection.skip_body(5)
    assert connection.end_body([("X", "y")]) == b""
    assert connection.next_request() is None


def test_a_head_taken_back() -> None:
    connection = server(HEAD + b"\r\n")
    connection.send_head(200, [("Connection", "close")], 5)
    connection.unsend_head(True)
    assert connection.room == 0
    assert connection.respond(500, [], b"") == b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("value", ["5 ", "+5", "-5", "5_0", "", "five", "٥", "5, 5", "9" * 20, 5])
def test_a_content_length_that_is_no_number(value: str) -> None:
    connection = server(HEAD + b"\r\n")
    with pytest.raises(LocalProtocolError):
        connection.send_head(200, [("Content-Length", value)], None)
    assert connection.room == 0


def test_content_lengths_that_differ() -> None:
    connection = server(HEAD + b"\r\n")
    for fields, length in (
        ([("Content-Length", "5"), ("content-length", "6")], None),
        ([("Content-Length", "5")], 6),
        ([("Content-Length", "5")], 0),
    ):
        with pytest.raises(LocalProtocolError):
            connection.send_head(200, fields, length)
    assert b"Content-Length: 5\r\n" in connection.send_head(200, [("Content-Length", "05"), ("Content-Length", "5")], 5)


@pytest.mark.parametrize("name", ["Transfer-Encoding", "transfer-encoding"])
def test_transfer_encoding_is_not_the_callers(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        server(HEAD + b"\r\n").send_head(200, [(name, "chunked")], None)
    with pytest.raises(LocalProtocolError):
        server(HEAD + b"\r\n").respond(200, [(name, "chunked")], b"")
    with pytest.raises(LocalProtocolError):
        ClientConnection().send_head("POST", "/", [("Host", "a"), (name, "chunked")], None)


# What is remembered


def test_a_connection_holds_on_to_one_section_of_bounded_size() -> None:
    connection = server(HEAD + b"Cookie: small\r\n\r\n")
    connection.respond(200, [], b"")
    connection.start_next()
    assert (connection._section, connection._tail) != (None, b"")
    connection.receive(HEAD + b"Cookie: " + b"x" * 5_000 + b"\r\n\r\n")
    assert connection.next_request() is not None
    connection.respond(200, [], b"")
    connection.start_next()
    assert connection._section is None
    assert connection._tail == b""
    assert connection._head is None


def test_forgetting() -> None:
    connection = server(HEAD + b"\r\n")
    connection.respond(200, [], b"")
    connection.start_next()
    connection.forget()
    assert connection._section is None
    assert connection._tail == b""
    connection.receive(HEAD + b"\r\n")
    assert connection.next_request() is not None


def test_bytes_that_come_one_by_one_are_looked_at_once() -> None:
    """The start line is parsed when its CRLF comes, and not again with each byte behind it."""

    class Counting(ServerConnection):
        __slots__ = ()

        def _take_line(self, line: bytes) -> None:
            lines.append(line)
            super()._take_line(line)

    lines: list[bytes] = []
    connection = Counting()
    for piece in in_bytes(HEAD + b"X: y\r\n\r\n"):
        connection.receive(piece)
        head = connection.next_request()
    assert head is not None
    assert lines == [b"POST / HTTP/1.1"]


def test_who_goes_on_in_another_protocol_takes_what_came() -> None:
    connection = ServerConnection()
    connection.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x05hello")
    connection.next_request()

    assert connection.take_rest() == b"\x81\x05hello"
    assert connection.buffered == 0
    assert connection.take_rest() == b""
