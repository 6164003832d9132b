"""`sys.exit()` in a method, as scripts do that wait for one request: what was answered before stands."""

from __future__ import annotations

import sys
import threading

import pytest

from salver.server import HTTPServer, ThreadingHTTPServer
from tests.classes.running import exchange, get, running
from tests.classes.tower import ANY, Quiet


class Exits(Quiet):
    size = 3

    def do_GET(self) -> None:
        self.answer(b"x" * self.size)
        sys.exit(3)


class ExitsAfterMuch(Exits):
    size = 2_000_000


@pytest.mark.parametrize("handler_class", [Exits, ExitsAfterMuch])
def test_where_there_are_threads_one_ends(handler_class: type[Exits]) -> None:
    with running(ThreadingHTTPServer(ANY, handler_class)) as server:
        for _ in range(2):
            reply = exchange(server, get())
            assert reply.count(b"HTTP/1.") == 1 and reply.endswith(b"\r\n\r\n" + b"x" * handler_class.size)


@pytest.mark.parametrize("handler_class", [Exits, ExitsAfterMuch])
def test_a_server_with_one_thread_ends_behind_the_answer(handler_class: type[Exits]) -> None:
    raised: list[object] = []

    def serve() -> None:
        try:
            server.serve_forever()
        except SystemExit as error:
            raised.append(error.code)

    with HTTPServer(ANY, handler_class) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        reply = exchange(server, get())  # a reset would raise
        thread.join(30)
    assert reply.endswith(b"\r\n\r\n" + b"x" * handler_class.size)
    assert raised == [3]
