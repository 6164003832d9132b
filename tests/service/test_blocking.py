"""Requests whose handlers block: handed over, put off, refused."""

from __future__ import annotations

from salver.handler import options
from salver.request import Request
from tests.service.harness import Conversation
from tests.service.messages import GET, hello


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
