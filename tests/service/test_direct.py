"""Handlers that write HTTP themselves: what leaves early, what they answer with, and what becomes of a half of it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.request import Request
from salver.response import FileSegment, Response, Written
from salver.service.connection import HTTPConnection
from salver.service.direct import DirectConnection
from salver.service.server import Server
from salver.service.settings import Settings
from tests.service.harness import Conversation
from tests.service.messages import GET, post

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


def direct(request: Request) -> DirectConnection:
    assert isinstance(request.exchange, HTTPConnection)
    return request.exchange.direct()


def sizes(talk: Conversation) -> list[tuple[int, int]]:
    """Status and size of each line in the log."""
    return [line[4:6] for line in talk.log.lines]


def segment(folder: Path, data: bytes, closed: list[int]) -> FileSegment:
    (folder / "data").write_bytes(data)
    fd = os.open(folder / "data", os.O_RDONLY)

    def release() -> None:
        os.close(fd)
        closed.append(fd)

    return FileSegment(fd, 0, len(data), release)


# What is left to send


@pytest.mark.parametrize("room", [None, 0, 1, len(HEAD), len(HEAD) + 3])
@pytest.mark.parametrize("keep_alive", [True, False])
def test_what_is_written_leaves_as_it_is(room: int | None, keep_alive: bool) -> None:
    talk = Conversation(lambda request: Written([HEAD + b"0123456789"], 200, 10, keep_alive=keep_alive))
    talk.stream.room = room
    talk.say(GET)
    talk.stream.room = None
    talk.run()
    assert talk.reply == HEAD + b"0123456789" and talk.closed is not keep_alive
    assert sizes(talk) == [(200, 10)]


def test_files_among_the_pieces_are_sent_and_closed_once(tmp_path: Path) -> None:
    closed: list[int] = []
    talk = Conversation(
        lambda request: Written([HEAD, segment(tmp_path, b"0123456789", closed)], 200, 10, keep_alive=True)
    )
    talk.say(GET)
    assert talk.reply == HEAD + b"0123456789" and len(closed) == 1
    assert sizes(talk) == [(200, 10)] and not talk.closed


def test_an_unread_body_is_no_request() -> None:
    talk = Conversation(lambda request: Written([HEAD + b"0123456789"], 200, 10, keep_alive=True))
    talk.say(post(b"GET /smuggled HTTP/1.1\r\n\r\n"), GET)
    assert talk.statuses == [200, 200] and len(talk.log.lines) == 2


# What leaves before the handler returns


def begins(request: Request) -> None:
    direct(request).push(deque([HEAD + b"01234"]))


def test_what_has_left_counts_in_the_log() -> None:
    def handler(request: Request) -> Response:
        begins(request)
        return Written([b"56789"], 200, 10, keep_alive=True)

    talk = Conversation(handler).say(GET, GET)
    assert talk.reply == (HEAD + b"0123456789") * 2 and sizes(talk) == [(200, 10)] * 2


@pytest.mark.parametrize("fault", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_nothing_follows_a_half_of_a_response(fault: type[BaseException]) -> None:
    def handler(request: Request) -> Response:
        begins(request)
        raise fault

    talk = Conversation(handler).say(GET)
    assert talk.reply == HEAD + b"01234" and talk.stream.was_reset and len(talk.log.lines) == 1


def test_a_handler_that_broke_off_is_reset_and_its_files_closed(tmp_path: Path) -> None:
    closed: list[int] = []

    def handler(request: Request) -> Response:
        begins(request)
        return Written([segment(tmp_path, b"56789", closed)], 200, 10, aborted=True)

    talk = Conversation(handler).say(GET)
    assert talk.reply == HEAD + b"01234" and talk.stream.was_reset and len(closed) == 1
    assert sizes(talk) == [(200, 5)]


def test_a_client_that_is_gone_in_the_middle_has_a_line_with_what_it_got() -> None:
    def handler(request: Request) -> Response:
        begins(request)
        talk.stream.failure = ConnectionResetError()
        return Written([b"56789"], 200, 10, keep_alive=True)

    talk = Conversation(handler)
    talk.say(GET)
    assert talk.closed and sizes(talk) == [(200, 5)]


# What is kept on a connection


class Kept:
    def __init__(self) -> None:
        self.rescues = 0

    def on_rescue(self) -> None:
        self.rescues += 1


def test_what_is_kept_hears_of_the_rescue_of_a_handler_and_of_nothing_else() -> None:
    kept = Kept()

    def handler(request: Request) -> str:
        assert isinstance(request.exchange, HTTPConnection)
        request.exchange.attachment = kept
        request.exchange.on_rescue(False)
        return ""

    talk = Conversation(handler).say(GET)
    talk.connection.on_rescue(True)
    assert kept.rescues == 1 and talk.connection.attachment is kept
    talk.connection.close()
    assert talk.connection.attachment is None


# In the caller's thread


def raising(fault: type[BaseException]) -> Iterator[bytes]:
    raise fault
    yield b""


def raising_late(fault: type[BaseException]) -> Iterator[bytes]:
    yield b"piece"
    raise fault


def fails(fault: type[BaseException]) -> Any:
    raise fault


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize(
    "handler", [fails, lambda fault: Response(raising(fault)), lambda fault: Response(raising_late(fault))]
)
def test_what_ends_the_server_passes_wherever_a_handler_is(handler: Any, fault: type[BaseException]) -> None:
    talk = Conversation(lambda request: handler(fault))
    talk.context.interruptible = True
    with pytest.raises(fault):
        talk.say(GET)
    talk.connection.close()  # as the crew does
    assert len(talk.log.lines) == 1 and 500 not in talk.statuses


def test_an_exception_is_a_500_there_too() -> None:
    talk = Conversation(lambda request: fails(RuntimeError))
    talk.context.interruptible = True
    assert talk.say(GET).statuses == [500] and not talk.closed


def test_a_server_runs_here_with_one_thread_and_once() -> None:
    many = Server(lambda request: "", "127.0.0.1:0", settings=Settings.of(limit_threads=2))
    with pytest.raises(ValueError, match="limit_threads"):
        many.run_here()
    many.stop(0)
    server = Server(lambda request: "", "127.0.0.1:0", settings=Settings.of(limit_threads=1))
    server.stop(0)
    with pytest.raises(RuntimeError, match="once"):
        server.run_here()
