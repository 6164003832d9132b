"""Rows H1, H2 and H8 of the mission: the tower of HTTP servers. Each holds on the fast way and on the blocking way."""

from __future__ import annotations

import http.client
import http.server as original
import socket
import time
from typing import Any

import pytest

from salver.server import (
    BaseHTTPRequestHandler,
    BaseHTTPServer,
    HTTPServer,
    SimpleHTTPServer,
    ThreadingHTTPServer,
)
from tests.classes.running import connect, exchange, get, receive, running, until_closed
from tests.classes.tower import ANY, Quiet, head_of


class TestH1:
    def test_h1_the_servers_are_of_one_family(self) -> None:
        assert issubclass(ThreadingHTTPServer, HTTPServer)
        assert issubclass(BaseHTTPServer, ThreadingHTTPServer)
        assert issubclass(SimpleHTTPServer, BaseHTTPServer)
        assert issubclass(BaseHTTPRequestHandler, original.BaseHTTPRequestHandler)

    def test_h1_name_and_port_are_known_without_asking_anybody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def asked(*_: object) -> None:
            raise AssertionError("a name server was asked")

        monkeypatch.setattr(socket, "getfqdn", asked)
        monkeypatch.setattr(socket, "gethostbyaddr", asked)
        with HTTPServer(ANY, Quiet) as server:
            assert server.server_name == "127.0.0.1"
            assert server.server_port == server.server_address[1]

    def test_h1_a_subclass_sets_name_and_version(self) -> None:
        class Mine(BaseHTTPServer):
            server_name = "mine"
            version = "7"

        with Mine(ANY) as server:
            assert (server.server_name, server.version) == ("mine", "7")

    def test_h1_one_request_at_a_time_in_the_thread_that_serves(self) -> None:
        import threading

        seen: list[int] = []

        class Handler(Quiet):
            def do_GET(self) -> None:
                seen.append(threading.get_ident())
                self.answer(b"")

        with running(HTTPServer(ANY, Handler)) as server:
            held = connect(server)  # a client that keeps its connection does not keep the others out
            held.sendall(get(close=False))
            receive(held, b"\r\n\r\n")
            exchange(server, get())
            serving = server._serving
            held.close()
        assert seen == [serving, serving]

    def test_h1_blocking_handlers_run_beside_each_other(self) -> None:
        class Sleeps(Quiet):
            def do_GET(self) -> None:
                time.sleep(0.2)
                self.answer(b"woke")

        with running(ThreadingHTTPServer(ANY, Sleeps)) as server:
            started = time.monotonic()
            clients = [connect(server) for _ in range(8)]
            for client in clients:
                client.sendall(get())
            for client in clients:
                assert until_closed(client).endswith(b"woke")
                client.close()
            assert time.monotonic() - started < 1


class TestH2:
    def test_h2_the_attributes_in_both_vocabularies(self, serve: Any) -> None:
        seen: dict[str, Any] = {}

        class Handler(Quiet):
            def do_PATCH(self) -> None:
                for name in ("command", "method", "path", "request_version", "version", "requestline", "request_line"):
                    seen[name] = getattr(self, name)
                seen["raw"] = self.raw_requestline
                seen["field"] = self.headers["X-UPPER"]
                seen["all"] = self.headers.get_all("a")
                seen["body"] = self.body
                self.answer(b"")

        with running(serve(Handler)) as server:
            exchange(server, get("/p?q=1", "x-upper: 1", "A: 1", "a: 2", method="PATCH", body="tölt".encode()))
        assert seen["command"] == seen["method"] == "PATCH"
        assert seen["path"] == "/p?q=1"
        assert seen["request_version"] == seen["version"] == "HTTP/1.1"
        assert seen["requestline"] == seen["request_line"] == "PATCH /p?q=1 HTTP/1.1"
        assert seen["raw"] == b"PATCH /p?q=1 HTTP/1.1\r\n"
        assert (seen["field"], seen["all"], seen["body"]) == ("1", ["1", "2"], "tölt")

    def test_h2_an_instance_may_assign_to_any_of_them(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_POST(self) -> None:
                self.body = self.rfile.read(2)
                self.method = "mine"
                self.answer(self.body + self.method.encode())

        with running(serve(Handler)) as server:
            assert exchange(server, get(method="POST", body=b"ab")).endswith(b"abmine")

    @pytest.mark.parametrize(("method", "status"), [("PUT", 405), ("FOO", 501), ("get", 501)])
    def test_h2_a_method_that_is_not_there(self, serve: Any, method: str, status: int) -> None:
        with running(serve(Quiet)) as server:
            reply = exchange(server, get(method=method))
        assert reply.startswith(b"HTTP/1.1 %d " % status)
        assert head_of(reply).get("Allow") == ("GET, HEAD, POST, OPTIONS" if status == 405 else None)

    def test_h2_options_are_told(self, serve: Any) -> None:
        with running(serve(Quiet)) as server:
            reply = exchange(server, get(method="OPTIONS"))
        assert reply.startswith(b"HTTP/1.1 204 ")
        assert head_of(reply)["Allow"] == "GET, HEAD, POST, OPTIONS"

    def test_h2_many_requests_on_a_connection(self, serve: Any) -> None:
        with running(serve(Quiet)) as server, connect(server) as client:
            for number in range(5):
                client.sendall(get(f"/{number}", close=False))
                assert receive(client, b"GET /%d" % number).startswith(b"HTTP/1.1 200 ")

    def test_h2_a_handler_that_raises_is_500_and_a_traceback(
        self, serve: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class Raises(Quiet):
            def do_GET(self) -> None:
                raise RuntimeError("on purpose")

        with running(serve(Raises)) as server:
            reply = exchange(server, get())
            blocking = not server._takes_fast_way()
            assert exchange(server, get(method="POST", body=b"x")).endswith(b"x")
        assert "on purpose" in capsys.readouterr().err
        assert reply == b"" if blocking else reply.startswith(b"HTTP/1.1 500 ")

    def test_h2_what_an_instance_keeps_it_finds_again(self, serve: Any) -> None:
        class Counts(Quiet):
            count = 0

            def do_GET(self) -> None:
                self.count += 1
                self.answer(b"[%d]" % self.count)

        with running(serve(Counts)) as server, connect(server) as client:
            for number in (1, 2):
                client.sendall(get(close=False))
                receive(client, b"[%d]" % number)


class TestH8:
    def test_h8_hello_world(self) -> None:
        class Mute(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

        with running(BaseHTTPServer(ANY, Mute)) as server:
            assert exchange(server, get()).endswith(b"\r\n\r\n<h1>Hello World</h1>")
            head = exchange(server, get(method="HEAD"))
        assert head.endswith(b"\r\n\r\n")

    def test_h8_a_class_of_its_own_goes_before(self) -> None:
        with running(BaseHTTPServer(ANY, Quiet)) as server:
            client = http.client.HTTPConnection(*server.server_address)
            client.request("GET", "/x")
            assert client.getresponse().read() == b"GET /x"
            client.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_h1_what_ends_a_handlers_thread_ends_a_server_that_serves_in_it(error: type[BaseException]) -> None:
    import threading

    raised: list[BaseException] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            raise error

    server = HTTPServer(ANY, Handler)

    def serve_forever() -> None:
        try:
            server.serve_forever()
        except BaseException as it:
            raised.append(it)

    thread = threading.Thread(target=serve_forever)
    thread.start()
    with connect(server) as client:
        client.sendall(get())
        assert until_closed(client) == b""
    thread.join(5)
    assert [type(it) for it in raised] == [error]
    server.server_close()
