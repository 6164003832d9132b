"""Requests whose handlers block: handed over, put off, refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from salver.handler import DeclaredSite, options
from salver.net.learning import SiteTable
from salver.request import Request
from salver.service.sites import Sites
from tests.service.harness import Conversation
from tests.service.messages import GET, echo, hello, post


def test_a_site_that_blocked_is_handed_over_before_it_runs() -> None:
    talk = Conversation(hello).say(GET)
    assert talk.crew.handed_over == 0

    def blocking(request: Request) -> str:
        talk.connection.on_rescue(True)
        return "slept"

    talk.context.handler = blocking
    talk.say(GET)
    assert talk.crew.handed_over == 0
    talk.say(GET)
    assert talk.crew.handed_over == 1
    talk.say(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
    assert talk.crew.handed_over == 1


def test_a_handler_that_says_it_blocks_and_one_that_says_it_does_not() -> None:
    talk = Conversation(options(blocking=True)(lambda request: "x")).say(GET)
    assert talk.crew.handed_over == 1
    talk = Conversation(options(blocking=False)(lambda request: "x"))
    talk.say(GET)
    talk.connection.on_rescue(True)
    assert talk.say(GET).crew.handed_over == 0


def test_at_the_limit_a_blocking_request_waits_and_past_it_is_refused() -> None:
    slow = options(blocking=True)(lambda request: "done")
    talk = Conversation(slow)
    talk.crew.may_hand_over = False
    talk.say(GET + GET)
    assert talk.reply == b"" and talk.connection.detached
    talk.run_deferred()
    talk.run_deferred()
    assert talk.statuses == [200, 200]
    talk = Conversation(slow)
    talk.crew.may_hand_over, talk.crew.queue_room = False, 0
    talk.say(GET)
    assert talk.statuses == [503] and b"Retry-After: 1\r\n" in talk.reply and not talk.closed


def learned(talk: Conversation, site: object) -> None:
    """The crew has seen `site` block."""
    request = Request.__new__(Request)
    request.site = site
    talk.context.sites.learn(request)


def test_a_generator_that_enters_a_site_that_blocks_waits_before_its_first_piece() -> None:
    ran: list[str] = []

    def routed(request: Request) -> Iterator[bytes]:
        request.enter("first")
        ran.append("first")
        yield b"a"
        request.enter("second")
        ran.append("second")
        yield b"b"

    talk = Conversation(routed)
    learned(talk, "first")
    learned(talk, "second")
    talk.crew.may_hand_over = False
    talk.say(GET)
    assert talk.connection.detached and not ran and talk.reply == b""
    talk.crew.may_hand_over = True
    talk.run_deferred()
    assert ran == ["first", "second"] and talk.statuses == [200]
    talk.context.sites = Sites(SiteTable(), None)
    learned(talk, "second")
    talk.crew.may_hand_over = False
    assert talk.say(GET).statuses == [200, 200], "behind the head it cannot be put off any more"


def test_an_iterator_of_a_site_that_blocked_is_pulled_beside_the_leader() -> None:
    def streaming(request: Request) -> Iterator[bytes]:
        request.enter("stream")
        for _ in range(3):
            yield b"x" * 100

    talk = Conversation(streaming)
    learned(talk, "stream")
    talk.stream.room = 150
    talk.say(GET)
    before = talk.crew.handed_over
    talk.stream.room = None
    talk.run()
    assert talk.statuses == [200] and talk.crew.handed_over == before + 1


def test_a_rescue_while_a_body_is_collected_teaches_nothing_about_the_handler() -> None:
    talk = Conversation(echo).say(post(b"body")[:-1])
    talk.connection.on_rescue(True)
    assert not talk.context.sites.watchful
    talk.connection.on_rescue(False)
    assert talk.say(b"y").statuses == [200]


def test_a_streamed_body_waits_for_a_thread_and_past_the_queue_is_refused() -> None:
    @options(stream_body=True)
    def reading(request: Request) -> bytes:
        return request.body

    talk = Conversation(reading)
    talk.crew.may_hand_over = False
    talk.say(post(b"body"))
    assert talk.connection.detached
    talk.run_deferred()
    assert talk.statuses == [200] and talk.reply.endswith(b"body")
    talk.crew.queue_room = 0
    talk.say(post(b"body") + GET)
    assert talk.statuses == [200, 503, 200], "GET has no body to wait for"


def test_only_a_streamed_body_can_be_streamed() -> None:
    def handler(request: Request) -> str:
        request.hand_over()
        return request.stream().read().decode() + str(request.client.port) + request.scheme

    talk = Conversation(handler).say(GET)
    assert talk.reply.endswith(b"40000http") and talk.crew.handed_over == 1
    with pytest.raises(RuntimeError, match="not streamed"):
        talk.connection.body_stream()


def test_a_named_site_that_blocks_waits_for_a_thread_without_having_run() -> None:
    ran: list[str] = []

    def routed(request: Request) -> str:
        request.enter("route")
        ran.append(request.target)
        return "ok"

    talk = Conversation(routed).say(GET)
    request = Request.__new__(Request)
    request.site = "route"
    talk.context.sites.learn(request)
    talk.crew.may_hand_over = False
    talk.say(GET)
    assert ran == ["/"] and talk.connection.detached
    talk.crew.may_hand_over = True
    talk.run_deferred()
    assert ran == ["/", "/"] and talk.statuses == [200, 200]


def test_a_site_that_says_it_blocks_is_handed_over_the_first_time_and_one_that_does_not_never() -> None:
    site = DeclaredSite("route", blocking=True)

    def routed(request: Request) -> str:
        request.enter(site)
        return "ok"

    talk = Conversation(routed).say(GET)
    assert talk.crew.handed_over == 1 and talk.statuses == [200]
    talk.crew.may_hand_over = False
    talk.say(GET)
    assert talk.statuses == [200] and talk.connection.detached
    talk.crew.may_hand_over = True
    talk.run_deferred()
    assert talk.statuses == [200, 200]
    site.blocking = False
    talk.say(GET)
    talk.connection.on_rescue(True)
    talk.crew.handed_over = 0
    assert talk.say(GET).crew.handed_over == 0


def test_a_named_site_that_stops_blocking_runs_in_the_leader_again() -> None:
    def routed(request: Request) -> str:
        request.enter("route")
        return "ok"

    talk = Conversation(routed)
    learned(talk, "route")
    talk.say(GET)
    assert talk.crew.handed_over == 1
    for _ in range(1_000):
        talk.say(GET)
    assert talk.crew.handed_over < 1_000
    assert not talk.context.sites.site_might_block("route")
