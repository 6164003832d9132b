"""Many requests sent at once: in order, a share at a time, and never more read ahead than can be answered."""

from __future__ import annotations

import re

import pytest

from salver.net.poller import READ
from salver.request import Request
from salver.response import Response
from tests.service.harness import Conversation
from tests.service.messages import GET, chunked, echo, hello, post


def numbered(count: int) -> bytes:
    return b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(count))


def answered(talk: Conversation) -> list[str]:
    return re.findall(r"\r\n\r\n(/[0-9]+)", talk.reply.decode())


@pytest.mark.parametrize("share", [1, 2, 32])
def test_a_share_is_answered_and_then_others_have_their_turn(share: int) -> None:
    talk = Conversation(lambda request: request.target, limit_pipelined=share)
    talk.stream.inbox.append(numbered(100))
    talk.connection.on_ready()
    assert len(talk.statuses) <= share + 1, "the others wait"
    talk.run()
    assert answered(talk) == [f"/{number}" for number in range(100)]


def test_nothing_is_read_while_requests_that_were_read_wait() -> None:
    talk = Conversation(hello)
    talk.stream.inbox.extend([numbered(1_600) for _ in range(20)])
    most = 0
    for _ in range(10_000):
        talk.connection.on_ready()
        most = max(most, talk.connection._protocol.buffered)
        for errand in talk.crew.soon[:]:
            talk.crew.soon.remove(errand)
            errand()
        talk.stream.outbox = b""
        if not talk.stream.inbox and not talk.crew.soon:
            break
    assert len(talk.log.lines) == 32_000
    assert most < 2 * 65_536


def test_bodies_between_requests_do_not_lose_their_place() -> None:
    messages = [post(b"/%d" % n) if n % 3 else chunked(b"/", b"%d" % n) for n in range(90)]
    talk = Conversation(echo, limit_pipelined=2).say(b"".join(messages) + GET)
    assert answered(talk) == [f"/{number}" for number in range(90)]
    assert talk.statuses == [200] * 91


@pytest.mark.parametrize("at", [10, 2_000, 2_900])
def test_a_pipeline_that_is_cut_in_the_middle_goes_on(at: int) -> None:
    message = numbered(100)
    talk = Conversation(lambda request: request.target).say(message[:at])
    talk.pass_time(5)
    assert answered(talk.say(message[at:])) == [f"/{number}" for number in range(100)]


def test_a_half_close_behind_a_pipeline_waits_for_all_of_it() -> None:
    talk = Conversation(lambda request: request.target)
    talk.stream.inbox.append(numbered(100))
    talk.end()
    assert answered(talk) == [f"/{number}" for number in range(100)]
    assert talk.stream.closed and not talk.stream.was_reset


def test_a_bad_request_in_a_pipeline_is_the_last() -> None:
    talk = Conversation(hello).say(numbered(50) + b"bad\r\n\r\n" + numbered(50))
    assert talk.statuses == [200] * 50 + [400]
    assert [line[4] for line in talk.log.lines] == [200] * 50 + [400]


def test_a_client_that_does_not_read_is_not_read_from() -> None:
    talk = Conversation(lambda request: Response(b"x" * 1_000))
    talk.stream.room = 100
    talk.say(numbered(20))
    talk.stream.inbox.extend([numbered(20)] * 20)
    talk.run()
    assert not talk.connection.interest & READ and len(talk.stream.inbox) == 20
    talk.stream.room = None
    talk.run()
    assert talk.statuses == [200] * 420


def test_the_deadline_of_a_head_that_follows_others_is_its_own() -> None:
    def slow(request: Request) -> str:
        talk.crew.now += 30.0  # each takes half a minute
        return "x"

    talk = Conversation(slow)
    talk.say(GET * 3 + GET[:5])
    assert talk.statuses == [200] * 3 and not talk.pass_time(9).closed
    assert talk.pass_time(3).statuses == [200] * 3 + [408]


def test_while_waiting_for_its_turn_a_connection_is_not_idle() -> None:
    talk = Conversation(lambda request: request.target, limit_pipelined=2)
    talk.stream.inbox.append(numbered(10))
    talk.connection.on_ready()
    talk.connection.let_end(0)
    assert not talk.stream.closed
    talk.run()
    assert answered(talk) == [f"/{number}" for number in range(10)]
