"""The server's side: heads in order, how a response is framed, and the quick ways held against the long ones."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol import server_connection
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.server_connection import CONTINUE, ServerConnection
from salver.protocol.writer import NOT_REMEMBERED
from tests.wire.driver import in_bytes

HOST = "Host: a\r\n"


def connection(method: str = "GET", version: str = "1.1", fields: str = "") -> ServerConnection:
    """A server with one request in hand."""
    made = ServerConnection()
    made.receive(f"{method} {'a:1' if method == 'CONNECT' else '/'} HTTP/{version}\r\n{HOST}{fields}\r\n".encode())
    assert made.next_request() is not None
    return made


# Reading


def test_requests_in_a_row() -> None:
    made = ServerConnection()
    made.receive(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    first = made.next_request()
    assert first is not None
    assert (first.method, first.target, first.section.host) == ("GET", "/a", b"a")
    assert made.next_request() is None  # one at a time
    made.respond(200, [], b"")
    made.start_next()
    second = made.next_request()
    assert second is not None
    assert second.target == "/b"
    assert second.section is first.section
    assert second.headers is first.headers


def test_received_and_parsed_in_one_call() -> None:
    made = ServerConnection()
    assert made.receive_request(b"GET / HTTP") is None
    head = made.receive_request(b"/1.1\r\nHost: a\r\n\r\nGET")
    assert head is not None
    assert (head.target, made.buffered) == ("/", 3)


def test_nothing_there() -> None:
    made = ServerConnection()
    assert made.next_request() is None
    made.receive(b"\r\n")
    assert made.next_request() is None
    assert made.buffered == 0


def test_an_exchange_that_is_not_complete() -> None:
    made = connection("POST", fields="Content-Length: 5\r\n")
    made.respond(200, [], b"")
    with pytest.raises(LocalProtocolError):
        made.start_next()
    made = connection()
    made.send_head(200, [], 5)
    with pytest.raises(LocalProtocolError):
        made.start_next()


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\r\n\rX", b"\rX", b"\r\n\r\nGET / HTTP/1.1\r\n"])
def test_one_empty_line_is_ignored_and_no_more(data: bytes) -> None:
    for pieces in ([data], in_bytes(data)):
        made = ServerConnection()
        with pytest.raises(RemoteProtocolError):
            for piece in pieces:
                made.receive(piece)
                made.next_request()


@pytest.mark.parametrize("data", [b"\r", b"\r\n"])
def test_half_an_empty_line_is_waited_for(data: bytes) -> None:
    made = ServerConnection()
    for piece in in_bytes(data):
        made.receive(piece)
        assert made.next_request() is None
    made.receive(b"\n"[len(data) - 1 :] + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert made.next_request() is not None


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT / HTTP/1.1",
        "GET * HTTP/1.1",
        "GET / HTTP/1.0",
        "GET  / HTTP/1.1",
        "GET http://b/ HTTP/1.1",
        "\r\n\r\nGET / HTTP/1.1",
    ],
)
def test_a_remembered_section_changes_no_verdict(line: str) -> None:
    """The same fields behind another line: what a fresh connection says, this one says."""
    data = f"{line}\r\n{HOST}\r\n".encode()

    def verdict(made: ServerConnection) -> object:
        made.receive(data)
        try:
            head = made.next_request()
        except RemoteProtocolError as error:
            return error.status
        assert head is not None
        return head.method, head.target, head.version, made.keep_alive

    used = connection()
    used.respond(200, [], b"")
    used.start_next()
    assert verdict(used) == verdict(ServerConnection())


# Writing


@pytest.mark.parametrize(
    ("method", "version", "fields", "status", "length", "head"),
    [
        ("GET", "1.1", "", 200, 5, "Content-Length: 5\r\n"),
        ("GET", "1.1", "", 200, 0, "Content-Length: 0\r\n"),
        ("GET", "1.1", "", 200, None, "Transfer-Encoding: chunked\r\n"),
        ("GET", "1.0", "", 200, None, "Connection: close\r\n"),
        ("GET", "1.0", "", 200, 5, "Content-Length: 5\r\nConnection: close\r\n"),
        ("GET", "1.0", "Connection: keep-alive\r\n", 200, 5, "Content-Length: 5\r\nConnection: keep-alive\r\n"),
        ("GET", "1.0", "Connection: keep-alive\r\n", 200, None, "Connection: close\r\n"),
        ("GET", "1.0", "Connection: keep-alive\r\n", 304, None, "Connection: keep-alive\r\n"),
        ("GET", "1.1", "Connection: close\r\n", 200, 5, "Content-Length: 5\r\nConnection: close\r\n"),
        ("HEAD", "1.1", "", 200, 5, "Content-Length: 5\r\n"),
        ("HEAD", "1.1", "", 200, None, ""),
        ("HEAD", "1.0", "Connection: keep-alive\r\n", 200, None, "Connection: keep-alive\r\n"),
        ("GET", "1.1", "", 204, 0, ""),
        ("GET", "1.1", "", 204, 5, ""),
        ("GET", "1.1", "", 204, None, ""),
        ("GET", "1.1", "", 304, 0, ""),
        ("GET", "1.1", "", 304, 5, ""),
        ("GET", "1.1", "", 205, 5, "Content-Length: 0\r\n"),
        ("GET", "1.1", "", 205, None, "Content-Length: 0\r\n"),
        ("CONNECT", "1.1", "", 200, 5, "Connection: close\r\n"),
        ("CONNECT", "1.1", "", 501, 5, "Content-Length: 5\r\n"),
    ],
)
def test_how_a_response_is_framed(
    method: str, version: str, fields: str, status: int, length: int | None, head: str
) -> None:
    made = connection(method, version, fields)
    written = made.send_head(status, [("X", "y")], length).decode()
    assert written.partition("\r\n")[2] == f"X: y\r\n{head}\r\n"
    has_body = head.startswith(("Transfer", "Content-Length: 5")) or (length != 0 and "Connection: close" in head)
    assert bool(made._to_write) == (has_body and method != "HEAD")


def test_what_a_304_and_a_head_say_themselves() -> None:
    """A Content-Length that tells what GET would have contradicts no empty body (RFC 9110 §8.6)."""
    fields = [("ETag", '"x"'), ("Content-Length", "1234")]
    for method, status in (("GET", 304), ("HEAD", 304), ("GET", 204)):
        for length in (0, None):
            made = connection(method)
            head = made.send_head(status, fields, length)
            assert b'ETag: "x"\r\n' in head
            assert b"Content-Length" not in head
            assert made.end_body() == b""
            made.start_next()
    for length in (0, None, 1234):
        made = connection("HEAD")
        assert b"Content-Length: 1234\r\n" in made.send_head(200, fields, length)
        assert made.room == 0
        made.start_next()
    with pytest.raises(LocalProtocolError):
        connection("HEAD").send_head(200, fields, 99)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [204, 205, 304])
def test_no_body_where_there_must_be_none(method: str, status: int) -> None:
    made = connection(method)
    written = made.respond(status, [], b"hello")
    assert written.endswith(b"\r\n\r\n")
    assert made.room == 0
    made.start_next()


@pytest.mark.parametrize("value", ["close", "Close", "x, CLOSE", "keep-alive,close"])
def test_close_asked_for_by_the_handler(value: str) -> None:
    for written in (
        (made := connection()).send_head(200, [("Connection", value)], 0),
        (other := connection()).respond(200, [("connection", value)], b""),
    ):
        assert written.endswith(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert written.lower().count(b"connection") == 1
    assert not made.keep_alive
    assert not other.keep_alive
    assert other.next_request() is None


@pytest.mark.parametrize("value", ["keep-alive", "upgrade", "closed", ""])
def test_other_words_of_connection_are_not_the_handlers(value: str) -> None:
    made = connection()
    assert b"onnection" not in made.send_head(200, [("Connection", value)], 0)
    assert made.keep_alive


def test_interim_responses() -> None:
    made = connection()
    assert made.send_head(100, [], None) == CONTINUE
    early = made.send_head(
        103, [("Link", "</s.css>"), ("Content-Length", "5"), ("Connection", "close")], 5, b"A: b\r\n"
    )
    assert early == b"HTTP/1.1 103 Early Hints\r\nA: b\r\nLink: </s.css>\r\n\r\n"
    assert made.keep_alive
    assert made.respond(200, [], b"x").endswith(b"Content-Length: 1\r\n\r\nx")
    assert connection(version="1.0").send_head(103, [], None) == b""  # RFC 9110 §15.2


def test_reasons_and_statuses() -> None:
    assert connection().send_head(404, [], 0, reason="Gone fishing").startswith(b"HTTP/1.1 404 Gone fishing\r\n")
    assert connection().send_head(404, [], 0, reason="").startswith(b"HTTP/1.1 404 \r\n")
    assert connection().send_head(HTTPStatus.OK, [], 0, reason="Fine").startswith(b"HTTP/1.1 200 Fine\r\n")
    assert connection().respond(299, [], b"").startswith(b"HTTP/1.1 299 Unknown\r\n")
    for status in (99, 600, "200", True, None):
        with pytest.raises(LocalProtocolError):
            connection().send_head(status, [], 0)  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError):
            connection().respond(status, [], b"")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\n", "a\0", "a\x7f", " a", "a ", "\u0141"])
def test_nothing_is_written_of_a_head_that_must_not_be(bad: str) -> None:
    for name in ("X", "Set-Cookie"):
        made = connection()
        with pytest.raises(LocalProtocolError):
            made.send_head(200, [("Connection", "close"), (name, bad)], 5)
        with pytest.raises(LocalProtocolError):
            made.respond(200, [(name, bad)], b"hello")
        assert (made.keep_alive, made.room) == (True, 0)
        assert made.respond(500, [], b"").startswith(b"HTTP/1.1 500 ")


def test_a_response_before_any_request() -> None:
    assert ServerConnection().respond(408, [], b"x") == b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 1\r\n\r\nx"
    made = ServerConnection()
    assert made.send_head(408, [], None) == b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"
    assert not made.keep_alive


def test_respond_to_connect_promises_nothing() -> None:
    assert connection("CONNECT").respond(200, [], b"hello") == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"


# The quick way out against the long one

FIELD = st.tuples(
    st.sampled_from(
        ["X", "x-y", "Set-Cookie", "Content-Length", "Connection", "Content-Type", "Transfer-Encoding", "B d"]
    ),
    st.sampled_from(["", "a", "close", "5", "é", "a\r\nb", " a", "x" * 600]),
)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "CONNECT"]),
    version=st.sampled_from(["1.0", "1.1"]),
    persistence=st.sampled_from(["", "Connection: keep-alive\r\n", "Connection: close\r\n"]),
    status=st.sampled_from([200, 204, 205, 206, 304, 404, 299, 500, 99]),
    fields=st.lists(FIELD, max_size=4),
    body=st.binary(max_size=5),
)
def test_respond_is_head_and_body_and_end(
    method: str, version: str, persistence: str, status: int, fields: list[tuple[str, str]], body: bytes
) -> None:
    def in_one(made: ServerConnection) -> bytes:
        return made.respond(status, fields, body, b"Server: s\r\n")

    def in_steps(made: ServerConnection) -> bytes:
        head = made.send_head(status, fields, len(body), b"Server: s\r\n")
        return head + (made.send_body(body) if made.room != 0 else b"") + made.end_body()

    results: list[object] = []
    for way in (in_one, in_steps, in_one):
        made = connection(method, version, persistence)
        try:
            results.append((way(made), made.keep_alive, made.room))
        except LocalProtocolError as error:
            results.append(type(error))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("method", ["GET", "HEAD", "CONNECT"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("persistence", ["", "Connection: close\r\n", "Connection: keep-alive\r\n"])
@pytest.mark.parametrize("status", [200, 204, 304, 299])
def test_lines_encoded_beforehand(method: str, version: str, persistence: str, status: int) -> None:
    def made() -> ServerConnection:
        return connection(method, version, persistence)

    fields = [("X", "y"), ("Z", "")]
    encoded = made().respond_encoded(status, b"X: y\r\nZ: \r\n", b"hello", b"S: s\r\n")
    steps = made()
    assert encoded == steps.send_head(status, fields, 5, b"S: s\r\n") + (
        steps.send_body(b"hello") if steps.room != 0 else b""
    )
    first, second = made(), made()
    head = first.head_encoded(status, b"X: y\r\nZ: \r\n", 5, b"S: s\r\n")
    assert head == second.send_head(status, fields, 5, b"S: s\r\n")
    assert (first.room, first.keep_alive) == (second.room, second.keep_alive)


@pytest.mark.parametrize(
    "kind", [list, tuple, iter, lambda pairs: (pair for pair in pairs), lambda pairs: map(list, pairs)]
)
def test_fields_of_any_kind(kind: object) -> None:
    for name in ("X", "Set-Cookie", "Connection"):
        fields = kind([(name, "y"), ("Z", "z")])  # type: ignore[operator]
        written = connection().respond(200, fields, b"")
        assert b"Z: z\r\n" in written
        assert (b"%b: y\r\n" % name.encode() in written) == (name != "Connection")


def test_the_memory_of_fields_holds_no_secret_nothing_large_and_is_bounded() -> None:
    memory = server_connection._remembered_lines
    memory.cache_clear()
    for name in NOT_REMEMBERED:
        connection().respond(200, [("X", "y"), (name, "secret")], b"")
    connection().respond(200, [("X", "y" * 2_000)], b"")
    connection().respond(200, [("X", "y"), ("Content-Length", "0")], b"")
    assert memory.cache_info().currsize == 0
    for number in range(600):
        connection().respond(200, [("X", str(number))], b"")
    assert memory.cache_info().currsize == memory.cache_info().maxsize == 512
    assert memory.cache_info().hits == 0
    connection().respond(200, [("X", "599")], b"")
    assert memory.cache_info().hits == 1


@pytest.mark.parametrize("name", ["Date", "date", "SERVER"])
def test_a_line_of_the_callers_own_takes_the_place_of_the_one_that_is_ready(name: str) -> None:
    ready = b"Date: then\r\nServer: ours\r\n"
    for reply in (
        connection().respond(200, [(name, "theirs")], b"", ready),
        connection().send_head(200, [(name, "theirs")], 0, ready),
    ):
        lines = reply.lower().split(b"\r\n")
        assert [line for line in lines if line.startswith(name.lower().encode() + b":")] == [
            name.lower().encode() + b": theirs"
        ]
        assert sum(line.startswith((b"date:", b"server:")) for line in lines) == 2


def test_forgetting_in_the_middle_of_a_section_keeps_the_line_that_was_read() -> None:
    made = ServerConnection()
    assert made.receive_request(b"GET /kept HTTP/1.1\r\nHost: a\r\nX: ") is None
    made.forget()
    head = made.receive_request(b"y\r\n\r\n")
    assert head is not None and head.target == "/kept"
