"""A served connection, byte for byte, on an in-memory stream: answers, persistence, the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from salver.request import Request
from salver.response import Response
from tests.service.harness import Conversation
from tests.service.messages import GET, echo, hello, post


def test_a_request_is_answered_with_date_server_type_and_length() -> None:
    talk = Conversation(hello).say(GET)
    head, _, body = talk.reply.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {line.partition(b":")[0] for line in lines[1:]} == {b"Date", b"Server", b"Content-Type", b"Content-Length"}
    assert body == b"hello"
    assert not talk.closed


def test_every_split_of_a_request_gives_the_same_reply() -> None:
    whole = Conversation(echo).say(post(b"body") + GET).reply
    message = post(b"body") + GET
    for at in range(len(message) + 1):
        assert Conversation(echo).say(message[:at], message[at:]).reply == whole
    assert Conversation(echo).say(*[message[i : i + 1] for i in range(len(message))]).reply == whole


@pytest.mark.parametrize(
    ("result", "content_type", "body"),
    [
        ("text", b"text/html; charset=utf-8", b"text"),
        (b"raw", b"application/octet-stream", b"raw"),
        ({"a": 1}, b"application/json", b'{"a":1}'),
        ([1, 2], b"application/json", b"[1,2]"),
        (("made", 200), b"text/html; charset=utf-8", b"made"),
        (Response("x", content_type="text/plain"), b"text/plain", b"x"),
    ],
)
def test_what_a_handler_returns_becomes_a_response(result: Any, content_type: bytes, body: bytes) -> None:
    reply = Conversation(lambda request: result).say(GET).reply
    assert b"Content-Type: " + content_type + b"\r\n" in reply
    assert reply.endswith(b"\r\n\r\n" + body)


def test_a_tuple_sets_status_and_fields() -> None:
    reply = Conversation(lambda request: ("no", 404, {"X-Why": "gone"})).say(GET).reply
    assert reply.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"X-Why: gone\r\n" in reply


def test_a_reason_of_the_handlers_own() -> None:
    reply = Conversation(lambda request: Response("", 200, reason="Fine")).say(GET).reply
    assert reply.startswith(b"HTTP/1.1 200 Fine\r\n")


@pytest.mark.parametrize("result", [None, 5, object(), ("x",), ("x", "200"), Response("x", 99), Response("x", 103)])
def test_what_is_no_response_is_a_500_with_a_line_in_the_log(result: Any, caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(lambda request: result).say(GET)
    assert talk.statuses == [500]
    assert "handler failed" in caplog.text


@pytest.mark.parametrize(
    "field", [("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\0"), ("X\r\n", "a"), ("X", "é\u20ac"), ("", "x")]
)
def test_an_illegal_field_is_a_500_and_nothing_of_it_leaves(field: tuple[str, str]) -> None:
    talk = Conversation(lambda request: Response("x", headers=[field])).say(GET)
    assert talk.statuses == [500]
    assert b"Y: b" not in talk.reply


def test_head_sends_the_length_and_no_body_and_lets_go_of_it() -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise AssertionError("not pulled for HEAD")

        def close(self) -> None:
            closed.append(True)

    head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert Conversation(hello).say(head).reply.endswith(b"Content-Length: 5\r\n\r\n")
    talk = Conversation(lambda request: Response(Body())).say(head)
    assert talk.reply.endswith(b"\r\n\r\n")
    assert closed == [True]
    assert talk.say(head).statuses == [200, 200]


@pytest.mark.parametrize("status", [204, 304])
def test_no_body_on_204_and_304(status: int) -> None:
    talk = Conversation(lambda request: Response(b"never", status)).say(GET, GET)
    assert b"never" not in talk.reply
    assert b"Content-Length" not in talk.reply
    assert talk.statuses == [status, status]


def test_pipelined_requests_are_answered_in_order_beyond_a_turns_share() -> None:
    talk = Conversation(lambda request: request.target)
    talk.say(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(100)))
    assert [int(part) for part in talk.reply.decode().split("\r\n\r\n/")[1:] for part in [part.split("H")[0]]] == list(
        range(100)
    )


@pytest.mark.parametrize(
    ("message", "stays"),
    [
        (GET, True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_persistence(message: bytes, stays: bool) -> None:
    talk = Conversation(hello).say(message)
    assert talk.closed is not stays
    assert (b"Connection: close" in talk.reply) is not stays
    assert (b"Connection: keep-alive" in talk.reply) is (stays and b"HTTP/1.0" in message)


def test_short_connections_as_a_setting() -> None:
    talk = Conversation(hello, keep_alive=False).say(GET)
    assert talk.closed
    assert b"Connection: close\r\n" in talk.reply


def test_nothing_behind_a_last_request_is_parsed() -> None:
    talk = Conversation(hello).say(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
    assert talk.statuses == [200]
    assert talk.closed


def test_a_handler_may_close() -> None:
    talk = Conversation(lambda request: Response("x", headers={"Connection": "close"})).say(GET)
    assert talk.closed
    assert talk.reply.count(b"Connection: close\r\n") == 1


def test_a_half_closed_client_is_answered() -> None:
    talk = Conversation(hello)
    talk.stream.inbox.append(GET)
    talk.end()
    assert talk.statuses == [200]
    assert talk.stream.closed and not talk.stream.was_reset


def test_an_empty_connection_does_no_harm() -> None:
    talk = Conversation(hello).end()
    assert talk.reply == b"" and talk.stream.closed and not talk.log.lines


def test_while_stopping_idle_connections_go_and_busy_ones_say_close() -> None:
    talk = Conversation(hello).say(GET)
    talk.context.closing = True
    talk.connection.let_end(0)
    assert talk.closed
    talk = Conversation(hello).say(GET)
    talk.context.closing = True
    talk.connection.let_end(5.0)
    assert not talk.closed
    assert talk.say(GET).reply.count(b"Connection: close\r\n") == 1 and talk.closed
    talk = Conversation(hello).say(GET)
    talk.connection.let_end(5.0)
    assert talk.pass_time(6).closed


def test_one_line_for_each_request_and_refusal() -> None:
    talk = Conversation(hello).say(GET, GET, b"bad\r\n\r\n")
    assert [line[:5] for line in talk.log.lines] == [
        ("192.0.2.1", "GET", "/", 1, 200),
        ("192.0.2.1", "GET", "/", 1, 200),
        ("192.0.2.1", "", "", 1, 400),
    ]
    assert [line[5] for line in talk.log.lines[:2]] == [5, 5]


@pytest.mark.parametrize("room", [None, 0, 50, 150])
def test_the_size_in_the_log_is_the_bodys(room: int | None) -> None:
    for handler in (hello, lambda request: Response(iter([b"he", b"llo"]), headers={"Content-Length": "5"})):
        talk = Conversation(handler)
        talk.stream.room = room
        talk.say(GET)
        talk.stream.room = None
        talk.run()
        talk.say(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [line[5] for line in talk.log.lines] == [5, 0]


def test_what_a_request_knows() -> None:
    seen: list[Any] = []

    def handler(request: Request) -> str:
        seen.append((request.path, request.query_string, request.client, request.scheme, request.host, request.version))
        return ""

    Conversation(handler).say(b"GET /a%20b?c=d HTTP/1.1\r\nHost: example.org\r\n\r\n")
    assert seen == [("/a b", "c=d", ("192.0.2.1", 40_000), "http", "example.org", "HTTP/1.1")]
