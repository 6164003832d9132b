"""Request bodies, collected and streamed, and what is left unread."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import pytest

from salver.handler import options
from salver.request import Request, RequestBodyError
from salver.response import Response
from tests.service.harness import Conversation
from tests.service.messages import GET, chunked, echo, hello, post


@pytest.mark.parametrize("size", [1, 1_000, 70_000, 1_100_000])
def test_a_body_is_collected_whatever_its_size_and_framing(size: int) -> None:
    body = os.urandom(size)
    parts = [body[i : i + 60_000] for i in range(0, size, 60_000)]
    for message in (post(body), chunked(*parts)):
        talk = Conversation(echo)
        talk.say(*[message[i : i + 65_536] for i in range(0, len(message), 65_536)])
        assert talk.reply.endswith(b"\r\n\r\n" + body)
        assert talk.say(GET).statuses[-1] == 200


def test_a_long_body_is_spooled_to_a_file() -> None:
    kinds: list[str] = []

    def handler(request: Request) -> str:
        kinds.append(type(request.stream()).__name__)
        return str(len(request.stream().read()))

    talk = Conversation(handler, limit_body_in_memory=1_000).say(post(b"x" * 999), post(b"x" * 1_001))
    assert kinds[0] == "BytesIO" and kinds[1] != "BytesIO"
    assert talk.reply.endswith(b"1001")


@pytest.mark.parametrize("expect", [(), (b"Expect: 100-continue",)])
def test_a_length_past_the_limit_is_refused_at_once(expect: tuple[bytes, ...]) -> None:
    message = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n" + b"".join(e + b"\r\n" for e in expect)
    talk = Conversation(echo).say(message + b"\r\n")
    assert talk.statuses == [413]
    assert b"100 Continue" not in talk.reply
    assert talk.closed


def test_a_chunked_body_past_the_limit_is_refused() -> None:
    talk = Conversation(echo, limit_body=10).say(chunked(b"x" * 6, b"y" * 6))
    assert talk.statuses == [413] and talk.closed


def test_a_chunk_past_the_limit_is_refused_when_it_begins() -> None:
    talk = Conversation(echo).say(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n")
    assert talk.statuses == [413] and talk.closed


def test_continue_is_sent_once_and_only_where_the_client_waits() -> None:
    message = post(b"body", b"Expect: 100-continue")
    talk = Conversation(echo).say(message[:-4])
    assert talk.reply == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert talk.say(message[-4:]).reply.count(b"100 Continue") == 1
    assert b"100 Continue" not in Conversation(echo).say(message).reply


def test_an_unknown_expectation_is_417() -> None:
    talk = Conversation(echo).say(post(b"", b"Expect: more"))
    assert talk.statuses == [417] and talk.closed


def test_a_connection_that_ends_inside_a_body_is_just_closed() -> None:
    talk = Conversation(echo).say(post(b"body")[:-1]).end()
    assert talk.reply == b"" and talk.stream.closed


def test_connect_is_501_and_options_star_is_answered() -> None:
    assert Conversation(hello).say(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n").statuses == [501]
    talk = Conversation(hello).say(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert talk.statuses[0] // 100 == 2 and b"Allow: " in talk.reply


def test_a_body_that_cannot_be_kept_is_507(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    talk = Conversation(echo, limit_body_in_memory=10).say(post(b"x" * 11))
    assert talk.statuses == [507] and talk.closed


@options(stream_body=True)
def streaming_echo(request: Request) -> Response:
    return Response(request.stream().read(), content_type="text/plain")


@options(stream_body=True)
def ignoring(request: Request) -> str:
    return "not read"


def test_a_streamed_body_is_read_by_the_handler() -> None:
    for message in (post(b"body"), chunked(b"bo", b"dy")):
        talk = Conversation(streaming_echo).say(message + GET)
        assert talk.statuses == [200, 200]
        assert b"\r\n\r\nbodyHTTP" in talk.reply
        assert talk.crew.handed_over == 1


def test_an_unread_body_never_becomes_the_next_request() -> None:
    inner = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    for message in (post(inner), chunked(inner)):
        for at in range(1, len(message), 7):
            targets: list[str] = []

            @options(stream_body=True)
            def handler(request: Request, targets: list[str] = targets) -> str:
                targets.append(request.target)
                return "x"

            Conversation(handler).say(message[:at], message[at:], GET)
            assert "/smuggled" not in targets and targets[0] == "/"


def test_a_short_unread_body_is_drained_and_a_long_one_closes() -> None:
    message = post(b"x" * 1_000)
    talk = Conversation(ignoring).say(message[:200], message[200:], GET)
    assert talk.statuses == [200, 200]
    talk = Conversation(ignoring, limit_drain=100).say(message[:200])
    assert b"Connection: close\r\n" in talk.reply and talk.stream.write_shut
    assert talk.pass_time(3).stream.closed


def test_an_unread_expected_body_gets_its_status_without_a_continue() -> None:
    talk = Conversation(ignoring).say(post(b"body", b"Expect: 100-continue")[:-4])
    assert talk.statuses == [200]
    assert b"100 Continue" not in talk.reply and talk.closed


def test_a_streamed_body_that_is_malformed_is_a_400() -> None:
    broken = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    talk = Conversation(streaming_echo).say(broken)
    assert talk.statuses == [400] and talk.closed


def test_a_streamed_body_over_the_handlers_own_limit() -> None:
    @options(stream_body=True, max_body=3)
    def handler(request: Request) -> str:
        with pytest.raises(RequestBodyError):
            request.stream().read()
        return "caught"

    assert Conversation(handler).say(chunked(b"body")).statuses == [200]
