"""Rows H5 to H7 of the mission: what comes on one connection, what is refused, and bodies. Each holds on both ways."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from salver.service.settings import Settings
from tests.classes.running import connect, exchange, get, receive, running, until_closed
from tests.classes.tower import Quiet


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

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"GET /" + b"a" * 9_000, 414),
            (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 33_500, 431),
            (b"GET /" + b"a" * 8_000 + b" HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 33_500, 431),
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: %b\r\n" % (b"a" * 1_000) * 32 + b"Y: " + b"a" * 1_500, 431),
        ],
    )
    def test_h6_what_has_no_end_is_refused_at_the_limit(self, serve: Any, sent: bytes, status: int) -> None:
        with running(serve(Quiet)) as server:  # its time-outs are longer than the client's
            server.settings = _with_timeouts(head=60.0)
            assert exchange(server, sent).startswith(b"HTTP/1.1 %d " % status)

    @pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX"])
    @pytest.mark.parametrize("patience", [0.0, 60.0], ids=["stopped", "trickles"])
    def test_h6_a_head_that_does_not_end(
        self, serve: Any, sent: bytes, patience: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in ("salver.classes.blocking", "salver.service.connection"):
            monkeypatch.setattr(f"{module}._PATIENCE_AFTER_BYTE", patience)
        server = serve(Quiet)
        server.settings = _with_timeouts(head=0.3)
        with running(server):
            reply = exchange(server, sent)
        assert reply[:13] == (b"" if patience else b"HTTP/1.1 408 ")
        assert reply.count(b"HTTP/1.") <= 1

    def test_h6_a_body_that_stops(self, serve: Any) -> None:
        found: list[type] = []

        class Reads(Quiet):
            def do_POST(self) -> None:
                try:
                    super().do_POST()
                except TimeoutError as error:
                    found.append(type(error))
                    raise

        server = serve(Reads)
        server.settings = _with_timeouts(body=0.3)
        with running(server):
            reply = exchange(server, get(method="POST", body=b"whole")[:-1])
        assert reply.startswith(b"HTTP/1.1 408 ") and reply.count(b"HTTP/1.") == 1
        assert len(found) <= 1  # on the fast way it does not reach the method


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


def _with_timeouts(**seconds: float) -> Settings:
    settings = Settings(server_name="")
    return replace(settings, timeouts=replace(settings.timeouts, **seconds))
