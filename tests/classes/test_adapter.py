"""The choice between the two ways, and a handler class as a Handler on any server."""

from __future__ import annotations

import functools
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from salver.classes import as_handler
from salver.classes.adapter import BLOCKING_NAMES, takes_fast_way
from salver.classes.http_server import SEAMS
from salver.net.certificates import TLSFiles
from salver.request import Request
from salver.response import Response
from salver.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler, ThreadingHTTPServer
from salver.service.server import Server
from salver.service.settings import Settings
from salver.socketserver import StreamRequestHandler
from tests.classes.running import exchange, get, receive, running
from tests.classes.tower import ANY, Quiet
from tests.service.harness import Conversation


class TestTheChoice:
    @pytest.mark.parametrize("handler", [BaseHTTPRequestHandler, SimpleHTTPRequestHandler, Quiet])
    def test_untouched_plumbing_is_fast(self, handler: type) -> None:
        assert takes_fast_way(handler)
        assert takes_fast_way(functools.partial(handler, directory="x"))

    @pytest.mark.parametrize("name", [*BLOCKING_NAMES, "do_CONNECT"])
    def test_plumbing_of_ones_own_is_not(self, name: str) -> None:
        assert not takes_fast_way(type("Mine", (Quiet,), {name: lambda self: None}))

    def test_nor_is_what_is_lenient_unbuffered_unknown_or_no_http(self) -> None:
        assert not takes_fast_way(type("Mine", (Quiet,), {"dangerous_leniency": True}))
        assert not takes_fast_way(type("Mine", (Quiet,), {"rbufsize": 0}))
        assert not takes_fast_way(lambda *given: Quiet(*given))
        assert not takes_fast_way(StreamRequestHandler)

    @pytest.mark.parametrize("name", SEAMS)
    @pytest.mark.parametrize("server_class", [HTTPServer, ThreadingHTTPServer])
    def test_a_server_with_a_seam_of_its_own_is_not(self, server_class: type[HTTPServer], name: str) -> None:
        with type("Mine", (server_class,), {name: lambda *_: None})(ANY, Quiet) as server:
            assert not server._takes_fast_way()
        with server_class(ANY, Quiet) as server:
            assert server._takes_fast_way()
            setattr(server, name, lambda *_: None)
            assert not server._takes_fast_way()


class TestMounted:
    def test_its_response_can_be_changed_on_its_way(self) -> None:
        mounted = as_handler(Quiet)

        def wrapped(request: Request) -> Response:
            response = mounted(request)
            response.headers["X-Wrapped"] = response.headers["X-Own"] + str(response.body_length)
            return response

        class Own(Quiet):
            def do_GET(self) -> None:
                self.answer(b"body", 201, ("X-Own", "1"))

        mounted = as_handler(Own)
        talk = Conversation(wrapped).say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert talk.reply.startswith(b"HTTP/1.1 201 Created\r\n")
        assert b"X-Wrapped: 14\r\n" in talk.reply
        assert talk.reply.count(b"Date: ") == talk.reply.count(b"Server: ") == 1
        assert talk.reply.endswith(b"\r\n\r\nbody")

    def test_head_keeps_the_length_of_get(self) -> None:
        talk = Conversation(as_handler(Quiet)).say(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"Content-Length: 6\r\n" in talk.reply
        assert talk.reply.endswith(b"\r\n\r\n")

    def test_a_class_of_http_1_0_speaks_as_the_server_does(self) -> None:
        class Old(Quiet):
            protocol_version = "HTTP/1.0"

        talk = Conversation(as_handler(Old)).say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        assert talk.statuses == [200, 200]

    def test_an_error_is_logged_and_500(self, caplog: pytest.LogCaptureFixture) -> None:
        class Raises(Quiet):
            def do_GET(self) -> None:
                raise RuntimeError("on purpose")

        talk = Conversation(as_handler(Raises)).say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert talk.statuses == [500]
        assert "on purpose" in caplog.text

    def test_what_server_an_instance_sees(self) -> None:
        class Tells(Quiet):
            def do_GET(self) -> None:
                self.answer(str(self.server).encode())

        talk = Conversation(as_handler(Tells, server="mine")).say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert talk.reply.endswith(b"mine")

    def test_a_class_of_the_blocking_way_needs_a_server_of_ours(self) -> None:
        with pytest.raises(TypeError, match="plumbing of its own"):
            as_handler(type("Mine", (Quiet,), {"handle": lambda self: None}))

    def test_an_init_that_does_not_call_up_is_said_to_be_one(self, caplog: pytest.LogCaptureFixture) -> None:
        class Forgets(Quiet):
            def __init__(self, *given: Any) -> None:
                pass

        talk = Conversation(as_handler(Forgets)).say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert talk.statuses == [500]
        assert "did not call BaseHTTPRequestHandler.__init__" in caplog.text


def test_a_connection_that_a_handler_lost_elsewhere_is_its_own_fault(capsys: pytest.CaptureFixture[str]) -> None:
    class Asks(Quiet):
        def do_GET(self) -> None:
            raise ConnectionRefusedError("the database is down")

    with running(ThreadingHTTPServer(ANY, Asks)) as server:
        assert exchange(server, get()).startswith(b"HTTP/1.1 500 ")
    assert "the database is down" in capsys.readouterr().err


def test_over_tls_an_instance_belongs_to_its_connection_too(tls_pair: tuple[Path, Path]) -> None:
    class Counting(Quiet):
        count = 0

        def do_GET(self) -> None:
            self.count += 1
            self.answer(b"%d" % self.count)

    server = Server(as_handler(Counting), "127.0.0.1:0", settings=Settings.of(tls=TLSFiles(*tls_pair)))
    trusting = ssl.create_default_context(cafile=str(tls_pair[0]))
    with server:
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        with trusting.wrap_socket(plain, server_hostname="localhost") as client:
            for number in (b"1", b"2", b"3"):
                client.sendall(get(close=False))
                assert receive(client, b"\r\n\r\n" + number)
