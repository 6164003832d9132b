"""Bodies that wait: no thread is held, the client is watched, and whatever ends the response ends it cleanly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from salver.events import Broadcast, Channel, Pause
from salver.net.poller import READ, WRITE
from salver.request import Request
from salver.response import Response, WaitingBody
from tests.service.harness import Conversation
from tests.service.messages import GET

HEAD_END = b"\r\n\r\n"


class Body(WaitingBody):
    """Gives what it was told to, and says what was done with it."""

    def __init__(self, *pieces: bytes | None) -> None:
        self.pieces: list[Any] = list(pieces)
        self.wakes: list[Callable[[], None]] = []
        self.asked = self.closed = 0
        self.over = False

    def __next__(self) -> bytes | None:
        self.asked += 1
        if self.pieces:
            piece = self.pieces.pop(0)
            if isinstance(piece, BaseException):
                raise piece
            return piece  # type: ignore[no-any-return]
        if self.over:
            raise StopIteration
        return None

    def attach(self, wake: Callable[[], None]) -> None:
        self.wakes.append(wake)

    def close(self) -> None:
        self.closed += 1

    def add(self, *pieces: Any) -> None:
        self.pieces += pieces
        self.wakes[0]()


def talk_of(body: Body, *requests: bytes, **settings: Any) -> Conversation:
    return Conversation(lambda request: Response(body), **settings).say(*requests or (GET,))


def chunks(talk: Conversation) -> bytes:
    return talk.reply.partition(HEAD_END)[2]


def test_what_is_there_leaves_and_the_rest_when_somebody_wakes() -> None:
    body = Body(b"a", b"b")
    talk = talk_of(body)
    assert chunks(talk) == b"1\r\na\r\n1\r\nb\r\n"
    assert talk.connection.interest == READ
    assert len(body.wakes) == 1
    body.add(b"c", b"", b"d")
    talk.run()
    assert chunks(talk).endswith(b"1\r\nc\r\n1\r\nd\r\n")
    body.over = True
    body.add()
    talk.run()
    assert chunks(talk).endswith(b"1\r\nd\r\n0\r\n\r\n")
    assert (body.closed, talk.closed) == (1, False)
    [line] = talk.log.lines
    assert line[4:6] == (200, len(chunks(talk)))


def test_a_head_leaves_alone_where_there_is_nothing_yet() -> None:
    talk = talk_of(Body())
    assert talk.statuses == [200]
    assert talk.reply.endswith(HEAD_END)


def test_what_comes_between_the_first_look_and_the_wake_is_not_lost() -> None:
    class Late(Body):
        def attach(self, wake: Callable[[], None]) -> None:
            super().attach(wake)
            self.pieces.append(b"late")  # before it knew whom to wake

    assert chunks(talk_of(Late())) == b"4\r\nlate\r\n"


def test_wakes_are_gathered_into_one_errand() -> None:
    body = Body()
    talk = talk_of(body)
    for _ in range(100):
        body.wakes[0]()
    assert len(talk.crew.soon) == 1
    asked = body.asked
    talk.run()
    assert body.asked == asked + 1
    body.wakes[0]()
    assert len(talk.crew.soon) == 1


def test_it_is_asked_again_when_its_time_has_come() -> None:
    body = Body()
    body.wait = 0.25
    talk = talk_of(body)
    body.pieces.append(b"x")
    asked = body.asked
    talk.pass_time(0.2, step=0.05)
    assert (body.asked, chunks(talk)) == (asked, b"")
    talk.pass_time(0.1, step=0.05)
    assert chunks(talk) == b"1\r\nx\r\n"


def test_one_timer_stands_for_all_that_a_body_wishes() -> None:
    body = Body()
    body.wait = 15.0
    talk = talk_of(body)
    for _ in range(50):
        body.add(b"x")
        talk.run()
        talk.pass_time(0.5, step=0.5)
    assert len(talk.crew.later) == 1
    body.wait = 0.1
    body.add(b"x")
    talk.run()
    assert len(talk.crew.later) == 2  # an earlier one, beside one that cannot be called off


def test_a_wait_is_no_stall_and_has_no_deadline() -> None:
    body = Body()
    talk = talk_of(body).pass_time(10_000, step=500)
    body.add(b"x")
    talk.run()
    assert chunks(talk) == b"1\r\nx\r\n"


def test_a_client_that_vanished_without_a_word_is_noticed() -> None:
    body = Body()
    talk = talk_of(body, timeout_stalled=30)
    for _ in range(29):
        body.add(b"x")
        talk.pass_time(1)
    talk.stream.waiting = 12  # from here on nothing is acknowledged
    for _ in range(40):
        body.add(b"x")
        talk.stream.waiting += 6
        talk.pass_time(1)
    assert (body.closed, talk.stream.was_reset) == (1, True)


def test_one_that_is_slow_to_acknowledge_is_not() -> None:
    body = Body()
    talk = talk_of(body, timeout_stalled=30)
    talk.stream.waiting = 600
    for _ in range(200):
        body.add(b"x")
        talk.pass_time(1)
    assert body.closed == 0


def test_a_client_that_goes_is_noticed_at_once() -> None:
    body = Body(b"a")
    talk = talk_of(body).end()
    assert (body.closed, talk.stream.was_reset) == (1, True)
    body.wakes[0]()
    assert talk.crew.soon == []
    [line] = talk.log.lines
    assert line[4:6] == (200, 6)


def test_a_client_that_breaks_off_is_noticed_at_once() -> None:
    body = Body(b"a")
    talk = talk_of(body)
    talk.stream.failure = ConnectionResetError()
    talk.connection.on_ready()
    assert (body.closed, talk.stream.closed) == (1, True)


def test_an_errand_that_comes_too_late_finds_another_response() -> None:
    bodies = [Body(), Body()]
    talk = Conversation(lambda request: Response(bodies.pop(0)))
    first, second = list(bodies)
    talk.say(GET)
    first.wakes[0]()
    first.over = True
    late = talk.crew.soon[:]
    talk.run()
    talk.say(GET)
    asked = second.asked
    for errand in late:
        errand()
    assert (first.closed, second.asked) == (1, asked)


def test_the_next_request_waits_for_the_end() -> None:
    body = Body(b"a")
    answers = [Response(body), Response(b"second")]
    talk = Conversation(lambda request: answers.pop(0)).say(GET)
    talk.say(GET)
    assert talk.statuses == [200]
    body.over = True
    body.add()
    talk.run()
    assert talk.reply.endswith(b"0\r\n\r\n" + talk.reply[talk.reply.rindex(b"HTTP/1.1") :])
    assert talk.reply.endswith(b"second")


def test_a_client_that_goes_on_talking_is_not_listened_to_for_ever() -> None:
    body = Body()
    talk = talk_of(body, GET, limit_read_ahead=1_000)
    for _ in range(5):
        talk.say(b"x" * 400)
    assert talk.connection.interest == 0
    body.add(b"y")
    talk.run()
    assert talk.connection.interest == 0
    assert sum(map(len, talk.stream.inbox)) >= 400
    assert chunks(talk) == b"1\r\ny\r\n"


def test_a_slow_reader_is_one_here_too() -> None:
    body = Body()
    talk = talk_of(body)
    talk.stream.room = 3
    body.add(b"abc")
    talk.run()
    assert talk.connection.interest == WRITE
    asked = body.asked
    body.add(b"def")
    talk.run()
    assert body.asked == asked
    talk.stream.room = None
    talk.run()
    assert chunks(talk) == b"3\r\nabc\r\n3\r\ndef\r\n"
    assert talk.connection.interest == READ
    talk.stream.room = 0
    body.add(b"g")
    talk.run()
    talk.pass_time(31)
    assert (body.closed, talk.stream.was_reset) == (1, True)


def test_head_asks_for_nothing_and_closes() -> None:
    body = Body(b"a")
    talk = talk_of(body, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert talk.reply.endswith(HEAD_END)
    assert (body.asked, body.closed, talk.closed) == (0, 1, False)


def test_a_1_0_client_reads_until_the_end_of_the_connection() -> None:
    body = Body(b"a")
    talk = talk_of(body, b"GET / HTTP/1.0\r\n\r\n")
    assert chunks(talk) == b"a"
    body.over = True
    body.add(b"b")
    talk.run()
    assert chunks(talk) == b"ab"
    assert talk.closed
    assert not talk.stream.was_reset


def test_a_promised_length_is_kept_or_the_connection_breaks() -> None:
    body = Body(b"ab")
    talk = Conversation(lambda request: Response(body, headers={"Content-Length": "4"})).say(GET)
    body.add(b"cdef")
    talk.run()
    assert chunks(talk) == b"abcd"
    assert talk.closed
    assert body.closed == 1


def test_one_that_raises_at_once_is_a_500() -> None:
    body = Body()
    body.pieces.append(ValueError("no"))
    assert talk_of(body).statuses == [500]
    assert body.closed == 1


def test_one_that_raises_later_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    body = Body(b"a")
    talk = talk_of(body)
    body.add(ValueError("no"))
    talk.run()
    assert (body.closed, talk.stream.was_reset) == (1, True)
    assert "its iterator raised" in caplog.text


def test_an_iterator_that_did_not_say_that_it_waits_may_not_give_none() -> None:
    def body() -> Iterator[Any]:
        yield b"a"
        yield None

    talk = Conversation(lambda request: Response(body())).say(GET)
    assert talk.stream.was_reset


def test_a_stop_ends_what_waits_cleanly() -> None:
    body = Body(b"a")
    talk = talk_of(body)
    talk.context.closing = talk.context.stopping = True
    talk.connection.let_end(0.0)
    assert chunks(talk) == b"1\r\na\r\n0\r\n\r\n"
    assert body.closed == 1
    assert talk.closed
    assert not talk.stream.was_reset


def test_a_stop_ends_what_begins_to_wait_and_what_waits_for_room() -> None:
    body = Body(b"abc")
    talk = Conversation(lambda request: Response(body))
    talk.stream.room = 0
    talk.say(GET)
    talk.context.closing = talk.context.stopping = True
    talk.connection.let_end(0.0)
    assert not talk.closed
    talk.stream.room = None
    talk.run()
    assert chunks(talk) == b"3\r\nabc\r\n0\r\n\r\n"
    assert talk.closed


def test_connections_that_close_after_each_reply_may_wait_too() -> None:
    body = Body(b"a")
    talk = talk_of(body, keep_alive=False)
    assert not talk.closed
    body.over = True
    body.add()
    talk.run()
    assert chunks(talk) == b"1\r\na\r\n0\r\n\r\n"
    assert talk.closed


def test_a_generator_with_pauses_on_a_connection() -> None:
    seen: list[str] = []

    def clock() -> Iterator[str | Pause]:
        try:
            for number in range(3):
                yield str(number)
                yield Pause(0)
        finally:
            seen.append("closed")

    talk = Conversation(lambda request: Response.event_stream(clock())).say(GET)
    talk.pass_time(0.1, step=0.02)
    assert chunks(talk).count(b"data: ") == 3
    assert talk.reply.endswith(b"0\r\n\r\n")
    assert seen == ["closed"]


def test_a_broadcast_reaches_its_connections_and_forgets_those_that_went() -> None:
    events = Broadcast(history=5)

    def handler(request: Request) -> Response:
        return Response.event_stream(events, last_event_id=request.headers.get("Last-Event-ID"))

    talks = [Conversation(handler).say(GET) for _ in range(3)]
    assert events.publish("a", id="1") == 3
    for talk in talks:
        talk.run()
        assert b"id: 1\ndata: a\n\n" in talk.reply
    talks[0].end()
    assert len(events) == 2
    assert events.publish("b") == 2
    again = Conversation(handler).say(GET.replace(HEAD_END, b"\r\nLast-Event-ID: 1" + HEAD_END))
    assert b"data: b" in again.reply
    assert b"data: a" not in again.reply


def test_a_channel_knows_that_its_client_went() -> None:
    channel = Channel()
    talk = Conversation(lambda request: Response.event_stream(channel)).say(GET)
    assert channel.send("a")
    talk.end()
    assert channel.closed
    assert not channel.send("b")
