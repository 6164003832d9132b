"""Response bodies: pieces, files, iterators, and how each of them can break."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.request import Request
from salver.response import FileSegment, Response, Segments
from tests.service.harness import Conversation
from tests.service.messages import GET, hello


def test_an_iterable_is_chunked_and_a_file_goes_by_segment(tmp_path: Path) -> None:
    reply = Conversation(lambda request: Response(iter([b"ab", b"", b"c"]))).say(GET).reply
    assert reply.endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    released: list[int] = []

    def segments(request: Request) -> Response:
        fd = os.open(path, os.O_RDONLY)

        def done() -> None:
            os.close(fd)
            released.append(fd)

        return Response(Segments([b"<", FileSegment(fd, 2, 3, done), b">"]))

    reply = Conversation(segments).say(GET).reply
    assert reply.endswith(b"Content-Length: 5\r\n\r\n<234>")
    assert len(released) == 1


def test_an_iterable_to_a_1_0_client_ends_with_the_connection() -> None:
    talk = Conversation(lambda request: Response(iter([b"ab", b"c"]))).say(
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    )
    assert talk.reply.endswith(b"Connection: close\r\n\r\nabc")
    assert talk.closed


@pytest.mark.parametrize("most", [1, 3, 1_000])
def test_a_slow_reader_gets_every_byte_and_nobody_pulls_ahead(most: int) -> None:
    pulled: list[int] = []

    def body() -> Iterator[bytes]:
        for n in range(5):
            pulled.append(n)
            yield b"%d" % n * 10

    talk = Conversation(lambda request: Response(body(), headers={"Content-Length": "50"}))
    talk.stream.most, talk.stream.room = most, 0
    talk.say(GET)
    assert pulled == [0]
    talk.stream.room = None
    talk.run()
    assert talk.reply.endswith(b"\r\n\r\n" + b"".join(b"%d" % n * 10 for n in range(5)))
    assert talk.say(GET).statuses == [200, 200]


def test_a_whole_response_that_the_socket_takes_in_parts() -> None:
    for room in (0, 1, 20, 100, 200):
        talk = Conversation(hello)
        talk.stream.room = room
        talk.say(GET + GET)
        talk.stream.room = None
        talk.run()
        assert talk.statuses == [200, 200] and talk.reply.endswith(b"hello")


def test_a_body_longer_than_promised_is_cut_and_the_connection_closed(caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(lambda request: Response(iter([b"abc", b"def"]), headers={"Content-Length": "4"})).say(GET)
    assert talk.reply.endswith(b"\r\n\r\nabcd")
    assert talk.closed and "longer than its Content-Length" in caplog.text


def test_a_body_shorter_than_promised_is_aborted() -> None:
    talk = Conversation(lambda request: Response(iter([b"abc"]), headers={"Content-Length": "4"})).say(GET)
    assert talk.stream.was_reset


def test_a_wrong_length_of_known_bytes_is_a_500() -> None:
    assert Conversation(lambda request: Response(b"abc", headers={"Content-Length": "4"})).say(GET).statuses == [500]


def test_a_file_that_became_shorter_is_aborted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123")

    def handler(request: Request) -> Response:
        fd = os.open(path, os.O_RDONLY)
        return Response(FileSegment(fd, 0, 10, lambda: os.close(fd)))

    talk = Conversation(handler).say(GET)
    assert talk.stream.was_reset and talk.reply.endswith(b"0123")


def raising(request: Request) -> Any:
    raise RuntimeError("fault")


def raising_iterator() -> Iterator[bytes]:
    raise RuntimeError("fault")
    yield b""


def breaking_iterator() -> Iterator[bytes]:
    yield b"first"
    raise RuntimeError("fault")


def test_a_handler_that_raises_before_the_head_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(raising).say(GET + GET)
    assert talk.statuses == [500, 500] and "RuntimeError: fault" in caplog.text
    assert b"RuntimeError" not in talk.reply
    assert Conversation(lambda request: Response(raising_iterator())).say(GET + GET).statuses == [500, 500]
    assert Conversation(lambda request: Response(iter(["str"]))).say(GET).statuses == [500]  # type: ignore[arg-type]


def test_an_iterator_that_raises_behind_the_head_is_aborted_without_a_last_chunk() -> None:
    talk = Conversation(lambda request: Response(breaking_iterator())).say(GET)
    assert talk.stream.was_reset
    assert b"first" in talk.reply and b"0\r\n\r\n" not in talk.reply


def test_an_iterators_close_is_called_when_the_client_goes() -> None:
    closed: list[bool] = []

    def body() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000
        finally:
            closed.append(True)

    talk = Conversation(lambda request: Response(body()))
    talk.stream.room = 2_000
    talk.say(GET)
    talk.stream.failure = ConnectionResetError(104, "reset")
    talk.run()
    assert closed == [True] and talk.stream.closed
