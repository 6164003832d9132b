"""Events that come in an odd phase: the client shuts its side, waits for a word, stops reading, or is too slow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from salver.handler import options
from salver.net.poller import READ, WRITE
from salver.request import Request
from salver.response import Response
from tests.service.harness import Conversation
from tests.service.messages import GET, chunked, echo, hello, post

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"


@options(stream_body=True)
def ignoring(request: Request) -> str:
    return "not read"


@options(stream_body=True)
def reading_a_little(request: Request) -> str:
    return request.stream().read(2).decode()


@options(stream_body=True)
def passing_through(request: Request) -> Response:
    def body() -> Iterator[bytes]:
        while data := request.stream().read(2):
            yield data

    return Response(body())


def test_a_half_close_in_every_phase_of_a_response_lets_it_be_read() -> None:
    for message in (GET, post(b"body"), chunked(b"bo", b"dy"), EXPECTING + b"body"):
        for room in range(0, 200, 20):
            talk = Conversation(echo)
            talk.stream.room = room
            talk.stream.inbox.append(message)
            talk.end()
            talk.stream.room = None
            talk.run()
            assert talk.statuses == [200] and talk.stream.closed and not talk.stream.was_reset


def test_a_half_close_while_a_body_is_drained_or_a_connection_lingers() -> None:
    for talk in (Conversation(ignoring).say(post(b"x" * 100)[:-50]), Conversation(hello).say(b"bad\r\n\r\n")):
        assert not talk.stream.closed
        talk.end()
        assert talk.stream.closed and not talk.stream.was_reset and len(talk.log.lines) == 1


def test_a_reset_in_every_phase_closes_once_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    halves = (GET[:9], post(b"body")[:-2], EXPECTING, b"bad\r\n\r\n", GET)
    for handler, half in itertools.product((echo, ignoring, passing_through), halves):
        if half is EXPECTING and handler is passing_through:
            continue  # it waits on the socket
        for room in (None, 0):
            if handler is passing_through and half is halves[1]:
                continue
            talk = Conversation(handler)
            talk.stream.room = room
            talk.say(half)
            talk.stream.failure = ConnectionResetError(104, "reset")
            talk.run()
            assert talk.stream.closed and not talk.crew.members and not talk.context.per_address
            talk.connection.close()
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


# 100 Continue


@pytest.mark.parametrize("room", range(0, 26, 5))
def test_a_continue_waits_behind_a_response_that_nobody_reads(room: int) -> None:
    talk = Conversation(echo)
    talk.stream.room = len(Conversation(echo).say(GET).reply) + room
    talk.say(GET + EXPECTING)
    talk.stream.inbox.append(b"body")
    talk.run()
    if room < 25:
        assert talk.connection.interest == WRITE and talk.stream.inbox
    talk.stream.room = None
    talk.run()
    assert talk.reply.count(CONTINUE) == 1 and talk.statuses == [200, 200] and talk.reply.endswith(b"body")
    assert talk.connection.interest == READ


def test_a_continue_that_nobody_reads_ends_like_any_response() -> None:
    talk = Conversation(echo)
    talk.stream.room = 10
    talk.say(EXPECTING).pass_time(31)
    assert talk.stream.was_reset and [line[4] for line in talk.log.lines] == [499]


def test_after_the_continue_the_body_has_its_time() -> None:
    talk = Conversation(echo).say(EXPECTING).pass_time(19)
    assert not talk.closed
    assert talk.pass_time(2).statuses == [408]
    assert Conversation(echo).say(EXPECTING).pass_time(19).say(b"body").statuses == [200]


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0"), []),  # RFC 9110 §10.1.1: ignored from a 1.0 client
        (EXPECTING.replace(b"100-continue", b"100-Continue"), [100]),
        (EXPECTING.replace(b"100-continue", b"100-continue, more"), [417]),
        (EXPECTING.replace(b"Content-Length: 4\r\n", b""), [200]),
        (EXPECTING.replace(b"Content-Length: 4", b"Content-Length: 0"), [200]),
        (EXPECTING.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked"), [100]),
        (EXPECTING.replace(b"Content-Length: 4", b"Content-Length: 99999999999"), [413]),
    ],
)
def test_who_is_told_to_continue(head: bytes, statuses: list[int]) -> None:
    talk = Conversation(echo).say(head)
    assert (talk.reply == CONTINUE) is (statuses == [100])
    assert talk.statuses == ([] if statuses == [100] else statuses)


# Bodies left unread, partly read, read late


@pytest.mark.parametrize("handler", [ignoring, reading_a_little])
@pytest.mark.parametrize("size", [3, 1_000, 300_000])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_what_is_unread_never_becomes_a_request(handler: object, size: int, in_chunks: bool) -> None:
    body = (b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" * 10_000)[:size]
    message = chunked(body) if in_chunks else post(body)
    for at in (len(message) // 2, len(message) - 1, len(message)):
        talk = Conversation(handler)  # type: ignore[arg-type]
        talk.say(message[:at])
        for start in range(at, len(message), 65_536):
            talk.say(message[start : start + 65_536]) if not talk.stream.closed else None
        if not talk.closed:
            talk.say(GET)
        assert talk.statuses in ([200], [200, 200])
        assert [line[2] for line in talk.log.lines] == ["/"] * len(talk.statuses)
        assert talk.closed or len(talk.statuses) == 2


def test_a_generator_may_read_the_body_while_it_answers() -> None:
    for message in (post(b"a body in pieces"), chunked(b"a body", b" in pieces")):
        talk = Conversation(passing_through)
        talk.stream.room = 150
        talk.say(message + GET)
        talk.stream.room = None
        talk.run()
        assert talk.statuses == [200, 200] and talk.log.lines[0][4] == 200
        for n in range(0, 16, 2):
            assert b"2\r\n%b\r\n" % b"a body in pieces"[n : n + 2] in talk.reply


def test_what_a_generator_left_unread_is_drained_behind_it() -> None:
    @options(stream_body=True)
    def half(request: Request) -> Response:
        return Response(iter(lambda: request.stream().read(2)[:0], b""))

    for message, stays in ((post(b"x" * 100), True), (chunked(b"x" * 100)[:-5], False), (post(b"x" * 400_000), False)):
        talk = Conversation(half)
        for start in range(0, len(message), 65_536):
            if not talk.closed:
                talk.say(message[start : start + 65_536])
        assert talk.statuses == [200]
        assert talk.closed is not stays


def test_a_drained_body_that_turns_out_malformed_ends_the_connection() -> None:
    talk = Conversation(ignoring)
    talk.say(chunked(b"x")[:-7] + b"zz\r\n")
    assert talk.statuses == [200] and talk.stream.write_shut
    assert talk.pass_time(3).stream.closed


def test_a_body_that_is_never_drained_is_given_up() -> None:
    talk = Conversation(ignoring).say(post(b"x" * 100)[:-50]).pass_time(11)
    assert talk.stream.closed and talk.statuses == [200]


@pytest.mark.parametrize(
    "message",
    [
        b"bad\r\n\r\n",
        b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000,
        b"GET / HTTP/2.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: more\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    ],
)
@pytest.mark.parametrize("room", [None, 0, 100])
def test_a_refusal_lingers_so_that_it_can_be_read(message: bytes, room: int | None) -> None:
    talk = Conversation(hello)
    talk.stream.room = room
    talk.say(message)
    talk.stream.room = None
    talk.run()
    assert len(talk.statuses) == 1 and b"Connection: close\r\n" in talk.reply
    assert talk.stream.write_shut and not talk.stream.closed
    talk.say(b"more" * 100_000, GET)
    assert len(talk.statuses) == 1 and len(talk.log.lines) == 1
    assert talk.pass_time(3).stream.closed and not talk.stream.was_reset
