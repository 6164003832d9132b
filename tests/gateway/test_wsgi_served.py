"""WSGI on a real server: what blocks holds nobody up, a slow reader keeps an iterable in its thread, files leave."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from salver.gateway.wsgi import WSGI
from salver.service.server import Server
from salver.service.settings import Settings
from tests.gateway.wsgi_support import PLAIN, App, Environ

Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(app)` gives the port of a server of it."""
    servers: list[Server] = []

    def start(app: App, **settings: Any) -> int:
        server = Server(WSGI(app), "127.0.0.1:0", settings=Settings.of(**settings))
        servers.append(server)
        server.start()
        return server.port

    yield start
    for server in servers:
        server.stop(5)


def get(port: int, path: str = "/") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def connected(port: int, path: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(b"GET %b HTTP/1.0\r\nHost: a\r\n\r\n" % path.encode())
    return client


def test_an_iterable_is_pulled_in_one_thread_however_slowly_it_is_read(serve: Serve) -> None:
    threads: dict[str, set[int]] = {"called": set(), "pulled": set(), "closed": set()}
    finished = threading.Event()

    class Body:
        def __init__(self) -> None:
            self.left = 400

        def __iter__(self) -> Body:
            return self

        def __next__(self) -> bytes:
            threads["pulled"].add(threading.get_ident())
            if not self.left:
                raise StopIteration
            self.left -= 1
            return b"x" * 50_000

        def close(self) -> None:
            threads["closed"].add(threading.get_ident())
            finished.set()

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/":
            return [b"at once"]
        threads["called"].add(threading.get_ident())
        return Body()

    port = serve(app)
    with connected(port, "/large") as client:
        for _ in range(20):  # it is stuck, and others are served
            assert get(port) == b"at once"
            time.sleep(0.01)
        got = b"".join(iter(lambda: client.recv(1 << 20), b""))
    assert len(got.partition(b"\r\n\r\n")[2]) == 20_000_000
    assert finished.wait(10)
    assert len(threads["called"]) == 1
    assert threads["pulled"] == threads["closed"] == threads["called"]


def test_write_waits_for_a_slow_reader_and_holds_nobody_up(serve: Serve) -> None:
    def app(environ: Environ, start_response: Any) -> Any:
        write = start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/":
            return [b"at once"]
        for _ in range(400):
            write(b"x" * 50_000)
        return [b"the end"]

    port = serve(app)
    with connected(port, "/large") as client:
        assert get(port) == b"at once"
        got = b"".join(iter(lambda: client.recv(1 << 20), b""))
    assert len(got.partition(b"\r\n\r\n")[2]) == 20_000_007 and got.endswith(b"the end")


def test_a_reader_that_stops_is_given_up(serve: Serve) -> None:
    closed = threading.Event()

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)

        def pieces() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x" * 50_000
            finally:
                closed.set()

        return pieces()

    port = serve(app, timeout_stalled=0.5)
    with connected(port, "/"):
        assert closed.wait(15)


def test_what_sleeps_holds_nobody_up(serve: Serve) -> None:
    asleep, wake = threading.Event(), threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/sleep":
            asleep.set()
            assert wake.wait(20)
        start_response("200 OK", PLAIN)
        return [environ["PATH_INFO"].encode()]

    port = serve(validator(app))
    with connected(port, "/sleep") as client:
        assert asleep.wait(10)
        assert get(port, "/other") == b"/other"
        wake.set()
        assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"/sleep")


def test_each_piece_comes_before_the_next_is_made(serve: Serve) -> None:
    go_on = threading.Semaphore(0)

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        for number in range(3):
            yield b"piece %d\n" % number
            assert go_on.acquire(timeout=20)

    port = serve(validator(app))
    with connected(port, "/") as client, client.makefile("rb") as lines:
        while lines.readline() != b"\r\n":
            pass
        for number in range(3):
            assert lines.readline() == b"piece %d\n" % number
            go_on.release()
        assert lines.read() == b""


def test_a_large_file_leaves_and_is_closed(serve: Serve, tmp_path: Path) -> None:
    data = bytes(range(256)) * 40_000
    (tmp_path / "large").write_bytes(data)
    opened: list[Any] = []

    def app(environ: Environ, start_response: Any) -> Any:
        opened.append((tmp_path / "large").open("rb"))
        start_response("200 OK", PLAIN)
        return environ["wsgi.file_wrapper"](opened[-1])

    port = serve(app)
    assert get(port) == data
    deadline = time.monotonic() + 10
    while not opened[0].closed:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_work_behind_the_last_byte_does_not_keep_the_client(serve: Serve) -> None:
    done = threading.Event()

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"all of it"

        def close(self) -> None:
            assert done.wait(20)

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [*PLAIN, ("Content-Length", "9")])
        return Body()

    port = serve(app)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"all of it"
    done.set()
    connection.close()
