"""Bodies in one piece with something behind them: sent first, then pulled to their end and closed, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from salver.bodies import FollowedBytes
from salver.request import Request
from salver.response import FixedResponse, Response
from tests.service.harness import Conversation
from tests.service.messages import GET, post


class Behind:
    """What comes behind, and what had left by then."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.seen: list[bytes] = []
        self.closed = 0
        self.talk = Conversation(self.handle)

    def handle(self, request: Request) -> Response:
        return FixedResponse(FollowedBytes(b"abc", self.rest(), self.close), 200, [("X", "y")], b"X: y\r\n")

    def rest(self) -> Iterator[bytes]:
        self.seen.append(self.talk.reply)
        for piece in self.pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed += 1


def test_it_leaves_before_what_follows() -> None:
    behind = Behind(b"", b"")
    behind.talk.say(GET)
    assert behind.talk.reply.endswith(b"X: y\r\nContent-Length: 3\r\n\r\nabc")
    assert behind.seen == [behind.talk.reply] and behind.closed == 1 and not behind.talk.closed
    behind.talk.say(GET)
    assert behind.talk.statuses == [200, 200] and behind.closed == 2
    assert [line[4:6] for line in behind.talk.log.lines] == [(200, 3), (200, 3)]


@pytest.mark.parametrize("room", [0, 1, 100])
def test_where_the_socket_is_full_it_follows_all_the_same(room: int) -> None:
    behind = Behind()
    behind.talk.stream.room = room
    behind.talk.say(GET)
    assert behind.closed == 1
    behind.talk.stream.room = None
    behind.talk.run()
    assert behind.talk.reply.endswith(b"\r\n\r\nabc") and not behind.talk.closed and behind.closed == 1


def test_a_client_that_has_gone() -> None:
    behind = Behind()

    def handle(request: Request) -> Response:
        behind.talk.stream.failure = BrokenPipeError()
        return behind.handle(request)

    behind.talk.context.handler = handle
    behind.talk.say(GET)
    assert behind.closed == 1 and behind.talk.stream.was_reset


@pytest.mark.parametrize("piece", [ValueError("its own"), b"more than was promised"])
def test_what_goes_wrong_behind_it_is_for_the_log(piece: Any, caplog: pytest.LogCaptureFixture) -> None:
    behind = Behind(piece)
    behind.talk.say(GET, GET)
    assert behind.talk.statuses == [200, 200] and behind.closed == 2
    assert "its own" in caplog.text or "longer than its Content-Length" in caplog.text


def test_what_cannot_be_sent_is_closed() -> None:
    behind = Behind()
    behind.talk.context.handler = lambda request: Response(
        FollowedBytes(b"abc", behind.rest(), behind.close), headers=[("X", "a\r\nb")]
    )
    behind.talk.say(GET)
    assert behind.talk.statuses == [500] and behind.closed == 1


@pytest.mark.parametrize("change", ["headers", "reason", "status"])
def test_a_wrapper_may_change_the_response(change: str) -> None:
    behind = Behind()

    def wrapper(request: Request) -> Response:
        response = behind.handle(request)
        if change == "headers":
            response.headers["Z"] = "z"
        elif change == "reason":
            response.reason = "Fine"
        else:
            response.status = 201
        return response

    behind.talk.context.handler = wrapper
    behind.talk.say(GET)
    assert b"Content-Length: 3\r\n" in behind.talk.reply and behind.talk.reply.endswith(b"\r\n\r\nabc")
    assert behind.closed == 1


def test_with_a_body_in_a_file_and_for_head() -> None:
    behind = Behind()
    talk = Conversation(behind.handle, limit_body_in_memory=1)
    talk.say(post(b"spooled"), GET.replace(b"GET", b"HEAD"))
    assert talk.statuses == [200, 200] and behind.closed == 2
    assert talk.reply.count(b"Content-Length: 3\r\n") == 2 and talk.reply.count(b"abc") == 1
