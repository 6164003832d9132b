"""A server that stops while something is under way: who comes back afterwards finds its connection, and ends it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from salver.handler import options
from salver.request import Request, RequestBodyError
from salver.response import Response
from salver.service.server import Server
from salver.service.settings import Settings
from tests.service.harness import Conversation
from tests.service.messages import GET, hello, post


class Body:
    """More than a socket takes; says whether it was let go of, and how often."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.closes = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 100_000

    def close(self) -> None:
        self.closes += 1
        self.closed.set()


class Stuck:
    """A handler that hangs until it is released, and what it gives then."""

    def __init__(self, result: Any) -> None:
        self.entered, self.released, self.result = threading.Event(), threading.Event(), result

    def __call__(self, request: Request) -> Any:
        self.entered.set()
        self.released.wait(20)
        return self.result


def drained(client: socket.socket) -> bytes:
    data = b""
    try:
        while more := client.recv(65_536):
            data += more
    except ConnectionResetError:
        pass
    return data


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("kind", ["whole", "iterable", "long"])
def test_a_handler_that_outlives_the_stop_ends_its_connection(threads: int, kind: str) -> None:
    body = Body()
    stuck = Stuck({"whole": "done", "iterable": Response(body), "long": "x" * 20_000_000}[kind])
    server = Server(stuck, "127.0.0.1:0", settings=Settings.of(limit_threads=threads))
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(GET)
        assert stuck.entered.wait(5)
        server.stop(grace=0.1)
        members = server._crew.members  # type: ignore[union-attr]
        stuck.released.set()
        eventually(lambda: not members)
        assert kind != "iterable" or (body.closed.wait(5) and body.closes == 1)
        assert len(drained(client)) < 20_000_000 or kind == "whole"


@pytest.mark.parametrize("threads", [1, 8])
def test_an_iterator_that_hangs_is_left_to_its_thread(threads: int, caplog: pytest.LogCaptureFixture) -> None:
    entered, released, ended = threading.Event(), threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        try:
            yield b"begun"
            entered.set()
            released.wait(20)
            yield b"never seen" * 1_000_000
        finally:
            ended.set()

    server = Server(lambda request: Response(body()), "127.0.0.1:0", settings=Settings.of(limit_threads=threads))
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(GET)
        assert entered.wait(5)
        server.stop(grace=0.1)
        assert not ended.is_set()
        released.set()
        eventually(lambda: not server._crew.members)  # type: ignore[union-attr]
        assert ended.wait(5)
    assert "closing the body" not in caplog.text


@pytest.mark.parametrize("patience", [0.0, 5.0])
def test_a_long_response_is_cut_when_the_grace_is_over(patience: float) -> None:
    body = Body()
    server = Server(lambda request: Response(body), "127.0.0.1:0")
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(GET)
        client.recv(1_000)
        server.stop(grace=0.2, patience=patience)
        assert body.closed.is_set() and body.closes == 1
        assert not server._crew.members  # type: ignore[union-attr]
        assert not drained(client).endswith(b"0\r\n\r\n")


def test_an_upload_that_nobody_sends_does_not_hold_the_stop() -> None:
    seen: list[object] = []

    @options(stream_body=True)
    def handler(request: Request) -> str:
        try:
            request.stream().read()
        except RequestBodyError as error:
            seen.append(error)
        return "x"

    server = Server(handler, "127.0.0.1:0")
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(post(b"body")[:-2])
        time.sleep(0.1)
        began = time.monotonic()
        server.stop(grace=0.2)
        assert time.monotonic() - began < 5
    eventually(lambda: bool(seen))
    eventually(lambda: not server._crew.members)  # type: ignore[union-attr]


def test_a_server_starts_once() -> None:
    server = Server(hello, "127.0.0.1:0")
    with server, pytest.raises(RuntimeError, match="once"):
        server.start()
    with pytest.raises(RuntimeError, match="once"):
        server.start()
    other = Server(hello, "127.0.0.1:0")
    other.stop()
    with pytest.raises(RuntimeError, match="once"):
        other.start()


def test_what_is_drained_or_sent_when_the_stop_comes() -> None:
    @options(stream_body=True)
    def ignoring(request: Request) -> str:
        return "not read"

    talk = Conversation(ignoring).say(post(b"x" * 100)[:-50])
    assert talk.statuses == [200] and not talk.closed
    talk.context.closing = True
    talk.connection.let_end(0)
    assert talk.stream.write_shut, "its response is out, and nobody waits for the rest of the body"
    talk = Conversation(hello)
    talk.stream.room = 10
    talk.say(GET)
    talk.context.closing = True
    talk.connection.let_end(0)
    assert not talk.closed
    talk.stream.room = None
    talk.run()
    assert talk.statuses == [200] and talk.closed


def test_behind_the_cut_nothing_waits() -> None:
    for message, room in ((GET, 50), (b"bad\r\n\r\n", None), (b"bad\r\n\r\n", 50)):
        talk = Conversation(hello)
        talk.context.cut = talk.context.closing = True
        talk.stream.room = room
        talk.say(message)
        assert talk.stream.closed and talk.stream.was_reset is (room is not None)
        assert len(talk.log.lines) == 1
    closed: list[int] = []

    def handler(request: Request) -> Response:
        talk.connection.close()
        body = Body()
        body.close = lambda: closed.append(1)  # type: ignore[method-assign]
        return Response(body)

    talk = Conversation(handler)
    talk.say(GET)
    assert closed == [1] and len(talk.log.lines) == 1 and not talk.crew.members
