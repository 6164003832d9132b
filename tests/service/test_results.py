"""What a handler may give back, in all its kinds: bodies, statuses, fields."""

from __future__ import annotations

import io
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from salver.protocol.headers import Headers
from salver.request import Request
from salver.response import Response
from tests.service.harness import Conversation
from tests.service.messages import GET, post

METHODS = (GET, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", post(b"body"))


class Text(str):
    __slots__ = ()


class Data(bytes):
    __slots__ = ()


def text_of(reply: bytes) -> bytes:
    """The body, without its chunks."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    text = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        text, body = text + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return text


@pytest.mark.parametrize("message", METHODS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: "abc",
        lambda: Text("abc"),
        lambda: b"abc",
        lambda: Data(b"abc"),
        lambda: bytearray(b"abc"),
        lambda: memoryview(b"abc"),
        lambda: io.BytesIO(b"abc"),
        lambda: iter([b"a", b"", b"bc"]),
        lambda: iter([bytearray(b"a"), memoryview(b"bc")]),
        lambda: iter({b"a": 1, b"bc": 2}),
        lambda: (piece for piece in (b"a", b"bc")),
        lambda: map(bytes, [b"abc"]),
    ],
)
def test_every_kind_of_body_bare_and_in_a_response(make: Any, message: bytes) -> None:
    for handler in (lambda request: make(), lambda request: Response(make()), lambda request: (make(), 201)):
        talk = Conversation(handler).say(message)
        assert talk.statuses in ([200], [201])
        assert text_of(talk.reply) == (b"" if message.startswith(b"HEAD") else b"abc")
        assert b"HTTP/1.0" in message or not talk.closed


def test_bytes_of_any_kind_have_a_length() -> None:
    for body in (Data(b"abc"), bytearray(b"abc"), memoryview(b"abc"), Text("abc")):
        assert b"Content-Length: 3\r\n" in Conversation(lambda request, body=body: Response(body)).say(GET).reply


def test_an_open_file_is_a_body_and_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo\n" * 1_000)
    for message in METHODS:
        with path.open("rb") as file:
            talk = Conversation(lambda request, file=file: Response(file)).say(message)
            assert file.closed
        assert talk.statuses == [200]
    text = path.open()
    assert Conversation(lambda request: Response(text)).say(GET).statuses == [500]  # type: ignore[arg-type]
    assert text.closed


@pytest.mark.parametrize("body", [None, 5, {"a": 1}, ["a"], [1], object()])
def test_what_is_no_body_is_a_500(body: Any) -> None:
    talk = Conversation(lambda request: Response(body)).say(GET, GET)
    assert talk.statuses == [500, 500]


def test_a_response_may_be_given_again() -> None:
    same = Response("abc", HTTPStatus.CREATED, {"X-Same": "1"})
    talk = Conversation(lambda request: same).say(GET, GET + GET, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", GET)
    assert talk.statuses == [201] * 5
    assert talk.reply.count(b"X-Same: 1\r\n") == 5 and talk.reply.count(b"\r\n\r\nabc") == 4


@pytest.mark.parametrize(
    "headers", [{"X-A": "1", "X-B": "2"}, [("X-A", "1"), ("X-B", "2")], Headers([("X-A", "1"), ("X-B", "2")])]
)
def test_headers_of_every_kind(headers: Any) -> None:
    for body in ("x", iter([b"x"])):
        reply = Conversation(lambda request, body=body: Response(body, headers=headers)).say(GET).reply
        assert b"X-A: 1\r\nX-B: 2\r\n" in reply


@pytest.mark.parametrize("body", ["abc", b"abc", bytearray(b"abc")])
def test_a_length_that_the_handler_gives_stands_once(body: Any) -> None:
    for message in METHODS:
        talk = Conversation(lambda request: Response(body, headers={"content-length": "3"})).say(message)
        assert talk.statuses == [200] and talk.reply.lower().count(b"content-length") == 1


@pytest.mark.parametrize("message", METHODS)
@pytest.mark.parametrize("kind", [bytes, iter])
@pytest.mark.parametrize("name", ["Date", "date", "Server", "SERVER"])
def test_a_date_and_a_server_of_the_handlers_own_take_the_place_of_ours(message: bytes, kind: Any, name: str) -> None:
    def handler(request: Request) -> Response:
        return Response(b"x" if kind is bytes else iter([b"x"]), headers={name: "its own"})

    head = Conversation(handler).say(message).reply.lower()
    lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    ours = [line for line in lines if line.startswith((b"date:", b"server:"))]
    assert len(ours) == 2 and b"%b: its own" % name.lower().encode() in ours


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("make", [lambda: b"abc", lambda: iter([b"abc"]), lambda: io.BytesIO(b"abc")])
def test_a_status_without_a_body_has_none(status: int, make: Any) -> None:
    for message in METHODS[::3]:
        talk = Conversation(lambda request: Response(make(), status)).say(message, GET)
        assert talk.statuses == [status] * 2 and b"abc" not in talk.reply
        assert [line[5] for line in talk.log.lines] == [0, 0]


def test_a_huge_response_leaves_piece_by_piece() -> None:
    whole = bytes(range(256)) * 80_000
    talk = Conversation(lambda request: whole)
    talk.stream.most = 1_000_000
    talk.say(GET, GET)
    assert talk.reply.count(whole) == 2 and talk.statuses == [200, 200]
