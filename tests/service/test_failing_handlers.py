"""Handlers, bodies and settings that raise: one answer or one reset, one log line, everything let go of once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.handler import HandlerOptions, options
from salver.protocol.writer import encode_fields
from salver.request import Request, RequestBodyError
from salver.response import FileSegment, FixedResponse, Response, Segments
from tests.service.harness import Conversation
from tests.service.messages import GET, chunked, post

HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
OLD_ALIVE = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"


class Odd(BaseException):
    """Not an Exception, as GreenletExit and pytest's own outcomes are not."""


FAULTS = [RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, MemoryError, OSError, Odd]


def fails(fault: type[BaseException]) -> Any:
    raise fault("fault")


class Body:
    """An iterable body that counts its closes, and raises where told to: at piece number `at`, or in `close`."""

    def __init__(self, at: int | None = None, fault: type[BaseException] = RuntimeError, closing: bool = False) -> None:
        self.at, self.fault, self.closing = at, fault, closing
        self.closes = 0

    def __iter__(self) -> Iterator[bytes]:
        for number in range(3):
            if number == self.at:
                raise self.fault("fault")
            yield b"piece"

    def close(self) -> None:
        self.closes += 1
        if self.closing:
            raise self.fault("close")


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_handler_raises_is_a_500_and_the_connection_lives(
    fault: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    talk = Conversation(lambda request: fails(fault)).say(GET, GET)
    assert talk.statuses == [500, 500] and not talk.closed
    assert [line[4] for line in talk.log.lines] == [500, 500]
    assert caplog.text.count("handler failed") == 2 and fault.__name__ in caplog.text


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("message", [GET, post(b"body")])
def test_a_body_that_raises_before_its_first_piece_is_a_500(fault: type[BaseException], message: bytes) -> None:
    body = Body(0, fault)
    talk = Conversation(lambda request: Response(body)).say(message)
    assert talk.statuses == [500] and body.closes == 1 and not talk.closed
    assert talk.say(GET).statuses == [500, 500]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("closing", [True, False])
def test_a_body_that_raises_later_is_aborted_with_a_line_in_both_logs(
    fault: type[BaseException], closing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    body = Body(2, fault, closing)
    talk = Conversation(lambda request: Response(body)).say(GET)
    assert talk.stream.was_reset and body.closes == 1
    assert [line[4] for line in talk.log.lines] == [200]
    assert [record.levelname for record in caplog.records].count("ERROR") >= 1, "an OSError of the body's is no client"
    assert "fault" in caplog.text
    assert not talk.crew.members


@pytest.mark.parametrize("message", [GET, HEAD])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_close_that_raises_behind_a_whole_response_is_logged_and_no_more(
    message: bytes, fault: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    bodies: list[Body] = []

    def handler(request: Request) -> Response:
        bodies.append(Body(None, fault, closing=True))
        return Response(bodies[-1])

    talk = Conversation(handler).say(message, message)
    assert talk.statuses == [200, 200] and not talk.closed
    assert [body.closes for body in bodies] == [1, 1]
    assert "close" in caplog.text and len(talk.log.lines) == 2


def test_a_body_is_closed_once_when_its_response_cannot_be_sent() -> None:
    for response in (
        lambda body: Response(body, headers={"X": "\n"}),
        lambda body: Response(body, 999),
        lambda body: Response(body, headers={"Transfer-Encoding": "chunked"}),
        lambda body: Response(body, 204),
        lambda body: Response(body, 304),
        lambda body: Response(body, 205),
    ):
        body = Body()
        talk = Conversation(lambda request, body=body, response=response: response(body)).say(GET)
        assert body.closes == 1 and len(talk.statuses) == 1 and not talk.closed


@pytest.mark.parametrize("message", [GET, HEAD, post(b"body"), OLD, OLD_ALIVE])
@pytest.mark.parametrize("end", ["", "reset", "deadline", "close"])
def test_a_file_is_released_exactly_once(message: bytes, end: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    for status, length, room in itertools.product(
        (200, 204, 205, 304, 500, 999), ("10", "11", None), (None, 0, 100, 170)
    ):
        released: list[int] = []

        def segment(released: list[int] = released) -> FileSegment:
            fd = os.open(path, os.O_RDONLY)
            return FileSegment(fd, 0, 5, lambda: (os.close(fd), released.append(fd))[0])

        def handler(request: Request, status: int = status, length: str | None = length) -> Response:
            return Response(Segments([segment(), segment()]), status, {"Content-Length": length} if length else {})

        talk = Conversation(handler)
        talk.stream.room = room
        talk.say(message)
        if end == "reset":
            talk.stream.failure = ConnectionResetError(104, "reset")
        elif end == "deadline":
            talk.pass_time(40)
        elif end == "close":
            talk.connection.close()
        talk.stream.room = None
        talk.run()
        assert len(released) == 2
        assert len(talk.log.lines) == 1


def test_a_negative_length_is_a_500_and_not_a_head() -> None:
    for body in (FileSegment(0, 0, -1), Segments([FileSegment(0, 0, -5), b"abc"])):
        talk = Conversation(lambda request, body=body: Response(body)).say(GET)
        assert talk.statuses == [500]


def test_a_disk_that_fails_is_told_to_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(lambda request: Response(FileSegment(0, 0, 5)))

    def broken(fd: int, offset: int, length: int) -> int:
        raise OSError(5, "Input/output error")

    talk.stream.send_file = broken  # type: ignore[method-assign]
    talk.say(GET)
    assert talk.stream.was_reset
    assert "Input/output error" in caplog.text


def test_options_that_cannot_be_asked_for_are_a_500() -> None:
    class Handler:
        def __call__(self, request: Request) -> str:
            return "x"

        def salver_options_for(self, request: Request) -> HandlerOptions:
            raise RuntimeError("fault")

    talk = Conversation(Handler()).say(post(b"body"))
    assert talk.statuses == [500] and talk.closed and len(talk.log.lines) == 1


def generator(read: Callable[[Request], bytes]) -> Callable[[Request], Response]:
    @options(stream_body=True)
    def handler(request: Request) -> Response:
        def body() -> Iterator[bytes]:
            yield read(request)

        return Response(body())

    return handler


def test_a_body_error_inside_a_generator_is_answered_with_its_status() -> None:
    broken = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    talk = Conversation(generator(lambda request: request.stream().read())).say(broken)
    assert talk.statuses == [400] and talk.closed
    over = options(stream_body=True, max_body=2)(generator(lambda request: request.stream().read()))
    assert Conversation(over).say(chunked(b"abc")).statuses == [413]


def test_a_body_error_behind_the_head_is_the_clients_fault(caplog: pytest.LogCaptureFixture) -> None:
    @options(stream_body=True)
    def handler(request: Request) -> Response:
        def body() -> Iterator[bytes]:
            yield b"begun"
            yield request.stream().read()

        return Response(body())

    talk = Conversation(handler).say(chunked(b"x")[:-5] + b"zz\r\n")
    assert talk.stream.was_reset and [line[4] for line in talk.log.lines] == [200]
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "Traceback" not in caplog.text


def test_a_full_disk_is_a_507_although_the_file_cannot_even_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda prefix: Path("/dev/full").open("wb"))  # noqa: SIM115
    talk = Conversation(lambda request: "x", limit_body_in_memory=1).say(post(b"body"))
    assert talk.statuses == [507] and talk.stream.write_shut and not talk.stream.closed


def test_a_file_under_lines_encoded_beforehand(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    fields = [("X-Fixed", "1")]
    for status, message, room in itertools.product((200, 204, 304, 999), (GET, HEAD, OLD, post(b"body")), (None, 50)):
        released: list[int] = []

        def handler(request: Request, status: int = status, released: list[int] = released) -> Response:
            fd = os.open(path, os.O_RDONLY)
            segment = FileSegment(fd, 0, 10, lambda: (os.close(fd), released.append(fd))[0])
            return FixedResponse(segment, status, fields, encode_fields(fields))

        talk = Conversation(handler)
        talk.stream.room = room
        talk.say(message)
        talk.stream.room = None
        talk.run()
        assert talk.statuses == [status if status < 600 else 500] and len(released) == 1 and len(talk.log.lines) == 1
        has_body = status == 200 and message is not HEAD
        assert talk.reply.endswith(b"\r\n\r\n0123456789") is has_body
        assert (talk.log.lines[0][5] == 10) is has_body


def test_bytes_under_lines_encoded_beforehand() -> None:
    fields = [("X-Fixed", "1")]
    talk = Conversation(lambda request: FixedResponse(b"abc", 200, fields, encode_fields(fields))).say(GET, HEAD)
    assert talk.reply.count(b"X-Fixed: 1\r\n") == 2 and talk.statuses == [200, 200]


def test_a_status_of_a_body_error_that_is_none_is_a_500() -> None:
    def handler(request: Request) -> str:
        raise RequestBodyError(1_000, "odd")

    assert Conversation(handler).say(GET).statuses == [500]
