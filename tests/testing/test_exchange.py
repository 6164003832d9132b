"""One exchange after another, over a link whose other end is the test's."""

from __future__ import annotations

import pytest

from salver.protocol.errors import RemoteProtocolError
from salver.testing.exchange import Conversation
from salver.testing.request_bodies import NO_BODY, RequestBody


class ScriptedLink:
    """`answers`: what comes, piece by piece; then the end."""

    def __init__(self, *answers: bytes, room: int = 1 << 30) -> None:
        self.failures: list[BaseException] = []
        self.answers = list(answers)
        self.sent = b""
        self.settled = 0
        self.room = room
        self.is_open = True

    def send(self, data: bytes, /) -> None:
        if len(self.sent) + len(data) > self.room:
            raise BrokenPipeError
        self.sent += data

    def recv(self, size: int, /) -> bytes:
        return self.answers.pop(0) if self.answers else b""

    def settle(self) -> None:
        self.settled += 1

    def close(self) -> None: ...


FIELDS = [("Host", "x")]


def test_interim_responses_are_passed_over():
    conversation = Conversation(
        ScriptedLink(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\nok")
    )
    assert conversation.ask("GET", "/", FIELDS, NO_BODY).status == 200
    assert not conversation.reusable
    assert list(conversation.pieces()) == [b"ok"]
    assert conversation.reusable


def test_a_server_that_has_left_is_not_asked_again():
    link = ScriptedLink(b"HTTP/1.1 204 No Content\r\n\r\n")
    conversation = Conversation(link)
    conversation.ask("GET", "/", FIELDS, NO_BODY)
    assert list(conversation.pieces()) == []
    link.is_open = False
    assert not conversation.reusable


def test_the_server_goes_on_behind_an_answer_that_was_read():
    link = ScriptedLink(b"HTTP/1.1 204 No Content\r\n\r\n")
    conversation = Conversation(link)
    conversation.ask("GET", "/", FIELDS, NO_BODY)
    assert link.settled == 0
    assert list(conversation.pieces()) == []
    assert link.settled == 1


def test_a_body_may_be_framed_by_the_end():
    conversation = Conversation(ScriptedLink(b"HTTP/1.1 200 OK\r\n\r\na", b"b"))
    conversation.ask("GET", "/", FIELDS, NO_BODY)
    assert list(conversation.pieces()) == [b"a", b"b"]
    assert not conversation.reusable


@pytest.mark.parametrize("answers", [(), (b"HTTP/1.1 1",), (b"HTTP/1.1 200 OK\r\n",)])
def test_an_answer_that_does_not_come_is_an_error(answers):
    with pytest.raises((ConnectionResetError, RemoteProtocolError)):
        Conversation(ScriptedLink(*answers)).ask("GET", "/", FIELDS, NO_BODY)


def test_an_answer_that_breaks_off_is_an_error():
    conversation = Conversation(ScriptedLink(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"))
    conversation.ask("GET", "/", FIELDS, NO_BODY)
    with pytest.raises(RemoteProtocolError):
        list(conversation.pieces())


def test_what_is_no_answer_is_an_error():
    with pytest.raises(RemoteProtocolError):
        Conversation(ScriptedLink(b"nonsense\r\n\r\n")).ask("GET", "/", FIELDS, NO_BODY)


def test_a_server_that_takes_no_more_may_have_answered():
    link = ScriptedLink(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n", room=100)
    conversation = Conversation(link)
    body = RequestBody(None, [b"x" * 50, b"y" * 50], 100)
    assert conversation.ask("POST", "/", FIELDS, body).status == 413
    assert list(conversation.pieces()) == []
    assert not conversation.reusable


def test_a_body_without_a_length_goes_in_chunks():
    link = ScriptedLink(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    Conversation(link).ask("POST", "/", FIELDS, RequestBody(None, iter([b"ab", b"", b"c"]), None))
    assert link.sent.endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
