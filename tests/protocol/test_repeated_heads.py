"""A head that comes again: recognised as a whole, or by its section, and always read as a fresh connection reads it."""

from __future__ import annotations

import pytest

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.heads import RequestHead
from salver.protocol.server_connection import WHOLE_MAX, LastSection, ServerConnection

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


def exchange(connection: ServerConnection, message: bytes) -> RequestHead | None:
    """Receive, answer, and be ready for the next."""
    head = connection.receive_request(message)
    if head is not None and connection.body_complete:
        connection.respond(200, [], b"")
        if connection.keep_alive:
            connection.start_next()
    return head


def told(head: RequestHead | None) -> tuple[object, ...]:
    assert head is not None
    return (
        head.method,
        head.target,
        head.version,
        head.headers.fields,
        head.section.body_length,
        head.section.keep_alive,
    )


@pytest.mark.parametrize(
    "messages",
    [
        [GET] * 4,
        [GET, GET, GET.replace(b"/a", b"/b"), GET, GET],
        [GET, GET, b"HEAD" + GET[3:], b"HEAD" + GET[3:], GET],
        [GET, GET, GET.replace(b"Host: a", b"Host: b"), GET, GET],
        [GET, GET, b"\r\n" + GET, GET],
        [GET, GET, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        [GET.replace(b"/a", b"/" + b"a" * size) for size in (WHOLE_MAX, WHOLE_MAX, 5, 5, 5)],
    ],
)
def test_each_is_read_as_a_fresh_connection_reads_it(messages: list[bytes]) -> None:
    connection = ServerConnection()
    for message in messages:
        assert told(exchange(connection, message)) == told(exchange(ServerConnection(), message))


@pytest.mark.parametrize("size", [-1, 0, 1])
def test_only_a_short_head_is_remembered_as_a_whole(size: int) -> None:
    message = GET.replace(b"/a", b"/" + b"a" * (WHOLE_MAX - len(GET) + 1 + size))
    connection = ServerConnection()
    heads = [exchange(connection, message) for _ in range(4)]
    assert (heads[2] is heads[3]) is (size <= 0)


def test_what_follows_a_head_in_the_same_bytes_is_not_taken_for_it() -> None:
    connection = ServerConnection()
    for _ in range(3):
        exchange(connection, GET)
    head = connection.receive_request(GET + b"DELETE /b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head is not None and (head.method, connection.buffered) == ("GET", 31)
    connection.respond(200, [], b"")
    connection.start_next()
    second = connection.next_request()
    assert second is not None and second.method == "DELETE"


def test_every_split_of_a_repeated_head_waits_for_its_end() -> None:
    for at in range(1, len(GET)):
        connection = ServerConnection()
        for _ in range(3):
            exchange(connection, GET)
        assert connection.receive_request(GET[:at]) is None
        assert told(exchange(connection, GET[at:])) == told(exchange(ServerConnection(), GET))


def test_a_body_of_a_remembered_head_is_still_read() -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
    connection = ServerConnection()
    for _ in range(4):
        assert connection.receive_request(post) is not None
        assert connection.read_body() == b"" and not connection.body_complete
        connection.receive(b"ab")
        assert connection.read_body() == b"ab" and connection.body_complete
        connection.respond(200, [], b"")
        connection.start_next()


POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"


def read_all(connection: ServerConnection, data: bytes) -> list[tuple[object, ...]]:
    """What every request in `data` says, each with its body."""
    connection.receive(data)
    found = []
    while (head := connection.next_request()) is not None:
        found.append((*told(head), connection.read_body()))
        if not connection.body_complete:
            break
        connection.respond(200, [], b"")
        connection.start_next()
    return found


@pytest.mark.parametrize(
    "pieces",
    [
        [POST + b"ab", POST + b"cd", POST + b"ef", POST + b"gh"],
        [POST + b"ab", POST + b"cd", POST.replace(b"/a", b"/b") + b"ef", POST.replace(b"2", b"1") + b"g", POST + b"hi"],
        [POST + b"ab", POST + b"cd" + POST + b"ef" + GET, GET + GET + POST + b"ab" + GET],
        [GET * 3, GET * 3, GET * 2 + GET.replace(b"GET", b"PUT"), GET + b"\r\n" + GET],
        [POST + b"ab", POST + POST[:2], POST + b"ab"],
        [POST + b"ab", POST + b"ab", POST + b"\r\n" + POST + b"ab"],
    ],
)
def test_heads_with_something_behind_them_are_read_as_if_none_had_been(pieces: list[bytes]) -> None:
    connection = ServerConnection()
    for piece in pieces:
        assert read_all(connection, piece) == read_all(ServerConnection(), piece)


def test_a_head_that_comes_with_its_body_is_recognised() -> None:
    connection = ServerConnection()
    heads = []
    for _ in range(4):
        heads.append(connection.receive_request(POST + b"ab"))
        assert connection.read_body() == b"ab"
        connection.respond(200, [], b"")
        connection.start_next()
    assert heads[2] is heads[3]


def test_a_head_that_comes_in_pieces_is_recognised_when_it_comes_whole() -> None:
    for at in range(1, len(POST)):
        connection = ServerConnection()
        for _ in range(2):
            assert connection.receive_request(POST[:at]) is None
            assert read_all(connection, POST[at:] + b"ab") == read_all(ServerConnection(), POST + b"ab")
        assert read_all(connection, POST + b"cd") == read_all(ServerConnection(), POST + b"cd")


def test_forgetting_lets_go_of_it_and_an_error_is_not_repeated() -> None:
    connection = ServerConnection()
    for _ in range(3):
        first = exchange(connection, GET)
    connection.forget()
    again = exchange(connection, GET)
    assert again is not first and told(again) == told(first)
    with pytest.raises(RemoteProtocolError):
        connection.receive_request(b"GET /a HTTP/1.1\r\n\r\n")
    assert connection.receive_request(GET) is None


CLOSE = b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "messages",
    [
        [CLOSE] * 3,
        [CLOSE, CLOSE.replace(b"/a", b"/b?c"), CLOSE.replace(b"GET", b"HEAD")],
        [CLOSE, CLOSE.replace(b"1.1", b"1.0"), CLOSE],
        [CLOSE, CLOSE.replace(b"Host: a", b"Host: b"), CLOSE],
        [CLOSE, GET, CLOSE, GET],
        [b"GET /a HTTP/1.0\r\n\r\n"] * 3,
        [b"\r\n" + CLOSE] * 3,
    ],
)
def test_one_request_a_connection_is_read_as_if_no_other_had_been(messages: list[bytes]) -> None:
    others = LastSection()
    for message in messages:
        assert told(exchange(ServerConnection(others=others), message)) == told(exchange(ServerConnection(), message))


@pytest.mark.parametrize("bad", [b"GET a HTTP/1.1", b"GET /a HTTP/9.9", b"G\0T /a HTTP/1.1", b"GET /a  HTTP/1.1"])
def test_a_bad_line_before_a_section_that_is_known_is_refused(bad: bytes) -> None:
    others = LastSection()
    exchange(ServerConnection(others=others), CLOSE)
    with pytest.raises(RemoteProtocolError):
        exchange(ServerConnection(others=others), CLOSE.replace(b"GET /a HTTP/1.1", bad))


def test_the_section_of_a_connection_that_carried_one_request_is_shared() -> None:
    others = LastSection()
    heads = [exchange(ServerConnection(others=others), CLOSE) for _ in range(2)]
    assert heads[0] is not None and heads[1] is not None
    assert heads[0].section is heads[1].section


@pytest.mark.parametrize(
    "message",
    [
        GET,  # its connection lives, and keeps things of its own on its section
        CLOSE.replace(b"Host", b"Cookie: a=b\r\nHost"),
        CLOSE.replace(b"Host", b"AUTHORIZATION: Basic YTpi\r\nHost"),
        CLOSE.replace(b"Host", b"Proxy-Authorization: Basic YTpi\r\nHost"),
        CLOSE.replace(b"Host", b"X: %b\r\nHost" % (b"y" * WHOLE_MAX)),
    ],
)
def test_what_lives_on_is_secret_or_is_long_is_not_shared(message: bytes) -> None:
    others = LastSection()
    assert exchange(ServerConnection(others=others), message) is not None
    assert others.known == (None, b"")
