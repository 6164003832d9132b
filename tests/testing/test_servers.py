"""Everything that can be asked: handler classes on both their ways, ours and the standard library's."""

from __future__ import annotations

import functools
import http.server
import threading
from typing import Any

import pytest

import salver.server
from salver.testing import TestClient


def handler_class(base: Any, **attributes: Any) -> Any:
    class Handler(base):  # type: ignore[misc]  # either
        def do_GET(self):
            if self.path == "/fail":
                raise LookupError("of the method")
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(f"{threading.current_thread().name} {self.client_address}".encode())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    for name, value in attributes.items():
        setattr(Handler, name, value)
    return Handler


OURS, THEIRS = salver.server.BaseHTTPRequestHandler, http.server.BaseHTTPRequestHandler
BASES = pytest.mark.parametrize("base", [OURS, THEIRS], ids=["ours", "theirs"])


@BASES
def test_a_handler_class_answers(base):
    with TestClient(handler_class(base), client=("192.0.2.3", 7)) as client:
        assert client.get("/").text.endswith("('192.0.2.3', 7)")
        assert client.post("/", content=b"body").content == b"body"


def test_the_fast_way_has_no_thread():
    with TestClient(handler_class(OURS)) as client:
        assert client.get("/").text.startswith(threading.current_thread().name)


def test_plumbing_of_its_own_has_one():
    def handle(self):
        self.handle_one_request()

    with TestClient(handler_class(OURS, handle=handle)) as client:
        assert not client.get("/").text.startswith(threading.current_thread().name)


def test_a_partial_of_a_class_is_a_class():
    class WithFolder(handler_class(OURS)):  # type: ignore[misc]  # made above
        def __init__(self, *args, folder):
            self.folder = folder
            super().__init__(*args)

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.folder.encode())

    with TestClient(functools.partial(WithFolder, folder="here")) as client:
        assert client.get("/").text == "here"


@BASES
def test_connections_are_kept_where_the_class_keeps_them(base):
    with TestClient(handler_class(base, protocol_version="HTTP/1.1")) as client:
        assert client.post("/", content=b"1").content == b"1"
        assert client.post("/", content=b"2").content == b"2"


@BASES
def test_a_connection_that_the_server_has_left_without_a_word_is_replaced(base):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    with TestClient(handler_class(base, protocol_version="HTTP/1.1", do_GET=do_GET)) as client:
        assert [client.get("/").status for _ in range(3)] == [200, 200, 200]


@BASES
def test_what_a_method_raises_is_raised_in_the_test(base):
    with TestClient(handler_class(base)) as client:
        with pytest.raises(LookupError, match="of the method"):
            client.get("/fail")
        assert client.get("/").status == 200


def test_a_method_that_answers_nothing_is_a_failure_too():
    with pytest.raises(Exception, match="without a response"):
        TestClient(handler_class(OURS, do_GET=lambda self: None)).get("/")


def test_or_is_what_its_clients_see():
    with TestClient(handler_class(OURS), raise_server_exceptions=False) as client:
        assert client.get("/fail").status == 500
    with pytest.raises(ConnectionResetError):
        TestClient(handler_class(THEIRS), raise_server_exceptions=False).get("/fail")


@BASES
def test_an_endless_answer_is_read_while_it_is_written(base):
    ended = threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            for number in range(1_000_000_000):
                self.wfile.write(b"%d\n" % number)
        finally:
            ended.set()

    with TestClient(handler_class(base, do_GET=do_GET)) as client:
        with client.stream("GET", "/") as response:
            lines = response.iter_lines()
            assert [next(lines) for _ in range(20_000)] == [str(number) for number in range(20_000)]
        assert ended.is_set()


def test_a_stream_has_a_connection_of_its_own_although_another_is_idle():
    read = threading.Event()
    waited: list[bool] = []

    def do_GET(self):
        self.send_response(200)
        if self.path == "/":
            self.send_header("Content-Length", "0")
        self.end_headers()
        if self.path == "/lines":
            self.wfile.write(b"first\n")
            self.wfile.flush()
            waited.append(read.wait(30))
            self.close_connection = True

    with TestClient(handler_class(OURS, protocol_version="HTTP/1.1", do_GET=do_GET)) as client:
        assert client.get("/").status == 200
        with client.stream("GET", "/lines") as response:
            lines = response.iter_lines()
            assert next(lines) == "first"
            read.set()
            assert list(lines) == []
    assert waited == [True]


def test_a_class_that_fails_without_a_word_is_heard():
    def handle(self):
        self.rfile.readline()
        raise LookupError("of the plumbing")

    for base in (OURS, THEIRS):
        with pytest.raises(LookupError, match="of the plumbing"):
            TestClient(handler_class(base, handle=handle)).get("/")


def test_a_class_that_speaks_no_http_is_asked_in_its_own_words():
    import socketserver

    class Echo(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(self.rfile.readline().upper())

    link = TestClient(Echo).connect()
    link.send(b"hello\n")
    assert link.recv(100) == b"HELLO\n"
    assert link.recv(100) == b""
    link.settle()
    link.close()
