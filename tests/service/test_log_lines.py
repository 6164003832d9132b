"""One line for every request and refusal, however it ended: its status, its size, its time."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from salver.handler import options
from salver.request import Request
from salver.response import Response
from tests.service.harness import Conversation
from tests.service.messages import GET, chunked, echo, hello, post

CLIENT_GONE = 499


def lines(talk: Conversation) -> list[tuple[str, int, int]]:
    """Method, status, size; and the time is one of this connection's life."""
    assert all(0 <= line[6] < 60 for line in talk.log.lines), "seconds since nothing in particular"
    return [(line[1], line[4], line[5]) for line in talk.log.lines]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (post(b"body", b"Expect: more"), 417),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n", 400),
    ],
)
def test_a_refused_request_has_its_line(message: bytes, status: int) -> None:
    for talk in (Conversation(hello).say(message), Conversation(hello).say(GET, message)):
        (method, logged, size) = lines(talk)[-1]
        assert (method, logged) == (message.split()[0].decode(), status)
        assert size == len(talk.reply.rpartition(b"\r\n\r\n")[2])


def test_options_star_has_its_line_and_leaves_the_connection_as_new() -> None:
    message = b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
    talk = Conversation(hello).say(message[:9], message[9:])
    assert lines(talk) == [("OPTIONS", 204, 0)]
    assert talk.pass_time(80).closed and talk.statuses == [204], "idle, and not late with a head"


def test_a_client_that_leaves_inside_its_body_has_a_line() -> None:
    for talk in (Conversation(echo).say(post(b"body")[:-1]), Conversation(echo).say(GET, chunked(b"body")[:-4])):
        assert lines(talk.end())[-1] == ("POST", CLIENT_GONE, 0)
    talk = Conversation(echo).say(GET, post(b"body")[:-1])
    talk.stream.failure = ConnectionResetError(104, "reset")
    talk.run()
    assert lines(talk) == [("GET", 200, 0), ("POST", CLIENT_GONE, 0)]


def test_a_slow_body_has_the_line_of_its_408() -> None:
    talk = Conversation(echo).say(post(b"body")[:-1]).pass_time(21)
    assert [line[:2] for line in lines(talk)] == [("POST", 408)]


def test_silence_has_no_line() -> None:
    assert lines(Conversation(hello).end()) == []
    assert lines(Conversation(hello).say(GET[:9]).end()) == []
    assert lines(Conversation(hello).pass_time(11)) == []


@pytest.mark.parametrize("end", ["reset", "stalled", "close"])
def test_a_response_that_is_cut_short_has_its_line_with_what_was_sent(end: str) -> None:
    def body() -> Iterator[bytes]:
        yield b"x" * 1_000

    for handler in (lambda request: "x" * 1_000, lambda request: Response(body(), headers={"Content-Length": "1000"})):
        talk = Conversation(handler)
        talk.stream.room = 500
        talk.say(GET)
        sent = len(talk.reply.partition(b"\r\n\r\n")[2])
        if end == "reset":
            talk.stream.failure = ConnectionResetError(104, "reset")
            talk.stream.room = None
            talk.run()
        elif end == "stalled":
            talk.pass_time(31)
        else:
            talk.connection.close()
        assert lines(talk) == [("GET", 200, sent)]
        assert talk.stream.was_reset, "half a response must not look whole"
        talk.connection.close()
        assert len(lines(talk)) == 1


def test_a_refusal_that_cannot_be_sent_has_its_line() -> None:
    talk = Conversation(hello)
    talk.stream.room = 0
    talk.say(b"bad\r\n\r\n").pass_time(31)
    assert lines(talk) == [("", 400, 0)]


def test_a_client_that_leaves_while_its_handler_runs() -> None:
    def handler(request: Request) -> str:
        talk.stream.failure = BrokenPipeError(32, "gone")
        return "x"

    talk = Conversation(handler)
    talk.say(GET)
    assert lines(talk) == [("GET", 200, 0)] and talk.stream.closed


def test_a_connection_closed_while_its_request_waits_for_a_thread() -> None:
    talk = Conversation(options(blocking=True)(lambda request: "hello"))
    talk.say(GET)
    talk.crew.may_hand_over = False
    talk.say(GET)
    talk.connection.close()
    assert lines(talk) == [("GET", 200, 5), ("GET", CLIENT_GONE, 0)]


def test_a_status_of_the_standard_library_is_a_number() -> None:
    for response in (
        lambda: Response("x", HTTPStatus.NOT_FOUND),
        lambda: ("x", HTTPStatus.NOT_FOUND),
        lambda: Response(iter([b"x"]), HTTPStatus.NOT_FOUND),
    ):
        talk = Conversation(lambda request, response=response: response()).say(GET)
        assert talk.statuses == [404] and type(talk.log.lines[0][4]) is int


def test_the_time_is_from_the_head_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    for module in ("connection", "ending"):
        monkeypatch.setattr(f"salver.service.{module}.perf_counter", lambda: clock[0])
    talk = Conversation(echo).say(post(b"body")[:-1])
    clock[0] += 7
    talk.say(b"y")
    assert talk.log.lines[0][6] == 7
    talk.stream.room = 0
    talk.say(GET)
    clock[0] += 2
    talk.stream.room = None
    talk.run()
    assert talk.log.lines[1][6] == 2
