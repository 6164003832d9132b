"""Methods that use their connection as a socket, as scripts do: the client sees the same on both ways."""

from __future__ import annotations

import contextlib
import queue
import socket
import time
from typing import Any

import pytest

from salver.server import ThreadingHTTPServer
from tests.classes.running import connect, exchange, get, receive, running, until_closed
from tests.classes.tower import ANY, Blocking, Quiet

WAYS = [pytest.param((), id="fast"), pytest.param((Blocking,), id="blocking")]


class ByHand(Quiet):
    def do_GET(self) -> None:
        getattr(self, self.path[1:])()

    def answer_by_the_socket(self) -> None:
        self.request.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        assert self.connection.send(b"by hand") == 7

    def answer_by_both(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"abc")
        self.connection.sendall(b"def")

    def close(self) -> None:
        self.answer(b"x")
        self.connection.close()

    def shut_down(self) -> None:
        self.answer(b"x")
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def set_options(self) -> None:
        self.connection.settimeout(7)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert self.connection.gettimeout() == 7
        self.request.setblocking(True)
        assert self.request.gettimeout() is None
        self.answer(repr(self.connection.getpeername() == self.client_address).encode())

    def write_a_file(self) -> None:
        with self.connection.makefile("wb") as file:
            file.write(b"HTTP/1.0 200 OK\r\n\r\n")
        self.close_connection = True

    def upgrade(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "echo")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.close_connection = True
        buffer = bytearray(100)
        assert self.request.recv(0) == b""
        while size := self.request.recv_into(buffer):
            self.request.send(buffer[:size].upper())


@contextlib.contextmanager
def serving(bases: tuple[type, ...]) -> Any:
    with running(ThreadingHTTPServer(ANY, type("Handler", (*bases, ByHand), {}))) as server:
        yield server


def body_of(reply: bytes) -> bytes:
    assert reply.count(b"HTTP/1.") == 1, reply
    return reply.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("bases", WAYS)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/answer_by_the_socket", b"by hand"),
        ("/answer_by_both", b"abcdef"),
        ("/close", b"x"),
        ("/shut_down", b"x"),
        ("/set_options", b"True"),
        ("/write_a_file", b""),
    ],
)
def test_what_is_said_by_the_socket_is_the_answer(bases: tuple[type, ...], path: str, body: bytes) -> None:
    with serving(bases) as server:
        assert body_of(exchange(server, get(path))) == body


@pytest.mark.parametrize("bases", WAYS)
def test_a_method_may_look_whether_its_client_is_there(bases: tuple[type, ...]) -> None:
    seen: queue.Queue[bytes] = queue.Queue()

    class Looks(*bases, Quiet):  # type: ignore[misc]
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            while True:
                try:
                    seen.put(self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
                    return
                except BlockingIOError:
                    time.sleep(0.01)

    with running(ThreadingHTTPServer(ANY, Looks)) as server:
        with connect(server) as client:
            client.sendall(get(close=False))
            assert receive(client, b"\r\n\r\n")
            with pytest.raises(queue.Empty):
                seen.get(timeout=0.1)
        assert seen.get(timeout=10) == b""


def test_other_flags_are_refused_and_not_overlooked() -> None:
    class Reads(Quiet):
        def do_GET(self) -> None:
            with pytest.raises(ValueError, match="MSG_PEEK"):
                self.request.recv(1, socket.MSG_WAITALL)
            self.answer(b"refused")

    with running(ThreadingHTTPServer(ANY, Reads)) as server:
        assert body_of(exchange(server, get())) == b"refused"


@pytest.mark.parametrize("path", ["/answer_by_the_socket", "/close", "/shut_down"])
def test_the_connection_ends_with_such_an_answer(path: str) -> None:
    with serving(()) as server, connect(server) as client:
        client.sendall(get(path, close=False) + get("/answer_by_both", close=False))
        assert until_closed(client).count(b"HTTP/1.") == 1


@pytest.mark.parametrize("bases", WAYS)
def test_a_protocol_by_hand_behind_101(bases: tuple[type, ...]) -> None:
    with serving(bases) as server, connect(server) as client:
        client.sendall(get("/upgrade", close=False))
        assert receive(client, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        for word in (b"one", b"two"):
            client.sendall(word)
            assert receive(client, word.upper()) == word.upper()
        client.shutdown(socket.SHUT_WR)
        assert until_closed(client) == b""


def test_a_body_is_received_and_then_what_follows_it() -> None:
    class Reads(Quiet):
        def do_POST(self) -> None:
            first = self.request.recv(100)
            self.connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + first + b"+" + self.request.recv(100))

    with running(ThreadingHTTPServer(ANY, Reads)) as server, connect(server) as client:
        client.sendall(get(method="POST", body=b"body") + b"more")
        assert body_of(until_closed(client)) == b"body+more"
