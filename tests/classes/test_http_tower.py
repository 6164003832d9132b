"""Rows H1 to H8 of the mission: the tower of HTTP servers. Each holds on the fast way and on the blocking way."""

from __future__ import annotations

import http.client
import http.server as original
import re
import socket
import time
from http import HTTPStatus
from typing import Any

import pytest

from salver.protocol.reasons import REASONS
from salver.server import (
    BaseHTTPRequestHandler,
    BaseHTTPServer,
    HTTPServer,
    SimpleHTTPServer,
    ThreadingHTTPServer,
)
from tests.classes.running import connect, exchange, get, receive, running, until_closed

ANY = ("127.0.0.1", 0)


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, body: bytes, status: int = 200, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(f"{self.command} {self.path}".encode())

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        self.answer(self.rfile.read())


class Blocking:
    """A class that takes the blocking way: it overrides a part of the plumbing."""

    def setup(self) -> None:
        super().setup()  # type: ignore[misc]


@pytest.fixture(params=["threads", "one", "blocking", "blocking-one"])
def serve(request: pytest.FixtureRequest) -> Any:
    """Makes a server of a handler class, one way or the other."""

    def make(handler_class: type) -> HTTPServer:
        if request.param.startswith("blocking"):
            handler_class = type("OnTheBlockingWay", (Blocking, handler_class), {})
        server_class = HTTPServer if request.param.endswith("one") else ThreadingHTTPServer
        server = server_class(ANY, handler_class)
        assert server._takes_fast_way() is not request.param.startswith("blocking")
        return server

    return make


def head_of(reply: bytes) -> dict[str, str]:
    lines = reply.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


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


class TestH3:
    def test_h3_the_documents_methods(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.write_response(200, "Fine")
                self.write_header("Content-Type", "text/plain")
                self.write_content("half ")
                self.write_content("and half")
                self.send()

            def do_POST(self) -> None:
                self.write_content("never seen")
                self.write_error(404, "nothing <here>")

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
            assert reply.startswith(b"HTTP/1.1 200 Fine\r\n")
            assert reply.endswith(b"\r\n\r\nhalf and half")
            assert head_of(reply)["Content-Length"] == "13"
            reply = exchange(server, get(method="POST", body=b"x"))
        assert reply.startswith(b"HTTP/1.1 404 nothing <here>\r\n")
        assert b"nothing &lt;here&gt;" in reply
        assert b"never seen" not in reply
        assert int(head_of(reply)["Content-Length"]) == len(reply.partition(b"\r\n\r\n")[2])

    @pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
    def test_h3_no_line_break_gets_into_a_field(self, serve: Any, value: str) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                with pytest.raises(ValueError, match="control character"):
                    self.send_header("Location", value)
                with pytest.raises(ValueError, match="field name"):
                    self.send_header("X: y\r\nZ", "1")
                with pytest.raises(ValueError, match="line break"):
                    self.send_response_only(200, "OK\r\nX-Evil: 1")
                self._headers_buffer = []
                self.answer(b"checked")

        with running(serve(Handler)) as server:
            assert exchange(server, get()).endswith(b"checked")

    def test_h3_an_error_page_is_escaped_and_has_its_length(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_error(400, "line\nbreak <b>", "<script>")

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert reply.startswith(b"HTTP/1.1 400 line break <b>\r\n")
        assert b"<script>" not in reply
        assert int(head_of(reply)["Content-Length"]) == len(reply.partition(b"\r\n\r\n")[2])

    def test_h3_server_and_date(self, serve: Any) -> None:
        class Handler(Quiet):
            server_version = "Mine/1"

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert head_of(reply)["Server"] == "Mine/1"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", head_of(reply)["Date"])
        assert reply.count(b"Date: ") == reply.count(b"Server: ") == 1

    def test_h3_a_line_is_logged_for_each_request(self, serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
        class Handler(Quiet):
            log_message = BaseHTTPRequestHandler.log_message

        with running(serve(Handler)) as server:
            exchange(server, get("/seen\\"))
        line = capsys.readouterr().err
        assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4} [\d:]{8}\] "GET /seen\\\\ HTTP/1\.1" 200 -\n', line)

    def test_h3_subclasses_override_any_of_them(self, serve: Any) -> None:
        class Handler(Quiet):
            def end_headers(self) -> None:
                self.send_header("Access-Control-Allow-Origin", "*")
                super().end_headers()

            def send_response(self, code: int, message: str | None = None) -> None:
                self.send_response_only(code, "Mine")

            def version_string(self) -> str:
                return "never"

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert reply.startswith(b"HTTP/1.1 200 Mine\r\n")
        assert head_of(reply)["Access-Control-Allow-Origin"] == "*"
        assert b"Server" not in reply


def test_h4_every_registered_status_has_its_reason() -> None:
    for status, reason in REASONS.items():
        assert BaseHTTPRequestHandler.RESPONSES[status] == reason.encode()
        assert BaseHTTPRequestHandler.responses[status][0]
    assert {int(status) for status in HTTPStatus} <= set(BaseHTTPRequestHandler.responses)


class TestH5:
    def test_h5_pipelined_requests_are_answered_in_order(self, serve: Any) -> None:
        with running(serve(Quiet)) as server:
            reply = exchange(server, get("/1", close=False) + get("/2", close=False) + get("/3"))
        assert re.findall(rb"GET /\d", reply) == [b"GET /1", b"GET /2", b"GET /3"]

    def test_h5_http_1_0_is_closed_unless_it_asks(self, serve: Any) -> None:
        with running(serve(Quiet)) as server:
            assert exchange(server, b"GET /a HTTP/1.0\r\n\r\n").endswith(b"GET /a")
            with connect(server) as client:
                client.sendall(b"GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                receive(client, b"GET /b")
                client.sendall(b"GET /c HTTP/1.0\r\n\r\n")
                assert until_closed(client).endswith(b"GET /c")

    def test_h5_a_class_of_http_1_0_closes_after_each(self, serve: Any) -> None:
        class Old(Quiet):
            protocol_version = "HTTP/1.0"

        with running(serve(Old)) as server:
            reply = exchange(server, get("/1", close=False) + get("/2", close=False))
        assert reply.startswith(b"HTTP/1.0 200 OK\r\n")
        assert reply.count(b"HTTP/1.0 200") == 1

    def test_h5_expect_100_continue(self, serve: Any) -> None:
        with running(serve(Quiet)) as server, connect(server) as client:
            client.sendall(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
            assert receive(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n")
            client.sendall(b"late")
            assert until_closed(client).endswith(b"late")

    def test_h5_a_handler_that_closes(self, serve: Any) -> None:
        class Closes(Quiet):
            def do_GET(self) -> None:
                self.answer(b"bye", 200, ("Connection", "close"))

        with running(serve(Closes)) as server:
            reply = exchange(server, get(close=False) * 2)
        assert reply.count(b"bye") == 1
        assert reply.count(b"Connection: close") == 1


class TestH6:
    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
            (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: 1\r\n" * 101 + b"\r\n", 431),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\nHost: x\n\n", 400),
            (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
            (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ],
    )
    def test_h6_what_is_refused(self, serve: Any, sent: bytes, status: int) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                raise AssertionError("it reached the handler")

        with running(serve(Handler)) as server:
            reply = exchange(server, sent)
        assert reply.startswith(b"HTTP/1.1 %d " % status)

    def test_h6_a_head_that_does_not_end(self, serve: Any) -> None:
        from dataclasses import replace

        from salver.service.settings import Settings

        server = serve(Quiet)
        settings = Settings(server_name="")
        server.settings = replace(settings, timeouts=replace(settings.timeouts, head=0.3))
        with running(server):
            reply = exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert reply == b"" or reply.startswith(b"HTTP/1.1 408 ")


class TestH7:
    def test_h7_a_body_by_its_length_ends_there(self, serve: Any) -> None:
        with running(serve(Quiet)) as server, connect(server) as client:
            client.sendall(get(method="POST", body=b"first", close=False) + get("/second"))
            reply = until_closed(client)
        assert reply.partition(b"first")[2].endswith(b"GET /second")

    def test_h7_a_chunked_body_is_decoded(self, serve: Any) -> None:
        sent = get("/", "Transfer-Encoding: chunked", method="POST", close=False)
        sent += b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n" + get("/second")
        with running(serve(Quiet)) as server:
            reply = exchange(server, sent)
        assert reply.partition(b"abcdefg")[2].endswith(b"GET /second")

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_h7_what_is_left_unread_is_never_a_request(self, serve: Any, framing: str) -> None:
        hidden = get("/smuggled")

        class Ignores(Quiet):
            def do_POST(self) -> None:
                self.answer(b"ignored")

        if framing == "length":
            sent = get(method="POST", body=hidden, close=False)
        else:
            sent = get("/", "Transfer-Encoding: chunked", method="POST", close=False)
            sent += b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)
        with running(serve(Ignores)) as server:
            reply = exchange(server, sent + get("/next"))
        assert b"/smuggled" not in reply
        assert b"ignored" in reply

    def test_h7_a_body_may_be_read_in_pieces(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_POST(self) -> None:
                first, line, rest = self.rfile.read(2), self.rfile.readline(), self.rfile.read()
                self.answer(b"|".join((first, line, rest, self.rfile.read())))

        with running(serve(Handler)) as server:
            assert exchange(server, get(method="POST", body=b"ab12\nrest")).endswith(b"ab|12\n|rest|")


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
