"""An `HTTPError` that leaves a handler class is an answer on both ways, and nothing that the server is told of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from salver.classes import as_handler
from salver.problem import HTTPError
from salver.server import HTTPServer, ThreadingHTTPServer
from tests.classes.running import connect, exchange, get, receive, running
from tests.classes.tower import Quiet
from tests.service.harness import Conversation


class Refuses(Quiet):
    def do_GET(self) -> None:
        self.send_header("X-Dropped", "1")
        raise HTTPError(418, "<short> and stout", [("Retry-After", "7")])

    def do_POST(self) -> None:
        self.answer(b"x")
        self.wfile.flush()
        raise HTTPError(418)


class Own(Refuses):
    """The blocking way."""

    def handle_one_request(self) -> None:
        super().handle_one_request()


@pytest.fixture(params=[Refuses, Own])
def server(request: pytest.FixtureRequest) -> Any:
    kind: Callable[..., Any] = ThreadingHTTPServer if request.param is Own else HTTPServer
    with running(kind(("127.0.0.1", 0), request.param)) as server:
        yield server


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_is_its_page(server: Any, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    server.RequestHandlerClass.do_HEAD = server.RequestHandlerClass.do_GET
    head, _, body = exchange(server, get(method=method)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 418 ") and b"\r\nRetry-After: 7" in head and b"X-Dropped" not in head
    assert (b"&lt;short&gt; and stout" in body) == (method == "GET")
    assert "Traceback" not in capsys.readouterr().err


def test_behind_a_response_it_is_a_fault(server: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with connect(server) as sock:
        sock.sendall(get(method="POST", close=False, body=b"y"))
        assert receive(sock, b"x").count(b"HTTP/1.1") == 1
        try:
            assert not sock.recv(100)
        except ConnectionResetError:
            pass
    told, deadline = "", time.monotonic() + 10
    while "418" not in told and time.monotonic() < deadline:  # the thread tells it behind the end of the connection
        told += capsys.readouterr().err
        time.sleep(0.01)
    assert "418" in told


def test_the_fast_way_keeps_the_connection_and_speaks_json() -> None:
    get_json = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n"
    talk = Conversation(as_handler(Refuses)).say(get_json, get_json)
    assert talk.statuses == [418, 418] and not talk.closed
    assert b'"detail": "<short> and stout"' in talk.reply
