"""What a handler writes, and when it leaves: on the fast way, and the same on the blocking way."""

from __future__ import annotations

import io
import shutil
import socket
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from salver.classes.writing import HIGH_WATER
from salver.server import HTTPServer, ThreadingHTTPServer
from tests.classes.running import connect, exchange, get, receive, running, until_closed
from tests.classes.tower import ANY, Quiet, head_of
from tests.gateway.support import eventually


class Streams(Quiet):
    """Writes a line, waits until it may go on, and writes the next."""

    gate: threading.Event

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: 1\n\n")
        self.gate.wait(5)
        self.wfile.write(b"data: 2\n\n")


class TestWhenItLeaves:
    def test_an_event_is_seen_while_its_handler_waits_for_the_next(self, serve: Any) -> None:
        class Handler(Streams):
            gate = threading.Event()

        with running(serve(Handler)) as server, connect(server) as client:
            client.sendall(get())
            receive(client, b"data: 1\n\n")
            Handler.gate.set()
            assert until_closed(client).endswith(b"data: 2\n\n")

    def test_so_it_is_when_the_handler_is_known_to_wait(self, serve: Any) -> None:
        class Handler(Streams):
            gate = threading.Event()

        with running(serve(Handler)) as server:
            for _ in range(3):  # from the second on it was handed over beforehand
                Handler.gate = threading.Event()
                with connect(server) as client:
                    client.sendall(get())
                    receive(client, b"data: 1\n\n")
                    Handler.gate.set()
                    until_closed(client)

    def test_a_head_is_seen_while_its_handler_waits(self, serve: Any) -> None:
        gate = threading.Event()

        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                gate.wait(5)
                self.wfile.write(b"end")

        with running(serve(Handler)) as server, connect(server) as client:
            client.sendall(get())
            receive(client, b"\r\n\r\n")
            gate.set()
            assert until_closed(client) == b"end"

    def test_flush(self, serve: Any) -> None:
        gate = threading.Event()

        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"flushed")
                self.wfile.flush()
                gate.wait(5)

        with running(serve(Handler)) as server, connect(server) as client:
            client.sendall(get())
            receive(client, b"flushed")
            gate.set()

    def test_more_than_is_kept(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(100 * 100_000))
                self.end_headers()
                for number in range(100):
                    self.wfile.write(bytes([number]) * 100_000)

        with running(serve(Handler)) as server, connect(server) as client:
            client.sendall(get(close=False) + get())
            time.sleep(0.2)  # a reader that takes its time
            reply = until_closed(client)
        assert reply.count(b"HTTP/1.1 200") == 2
        body = b"".join(bytes([number]) * 100_000 for number in range(100))
        assert reply.endswith(body)
        assert reply.count(body) == 2

    def test_a_reader_that_stops_holds_nobody_else_up(self) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                if self.path == "/small":
                    self.answer(b"small")
                else:
                    self.answer(b"x" * (40 * HIGH_WATER))

        with running(ThreadingHTTPServer(ANY, Handler)) as server, connect(server) as stopped:
            stopped.sendall(get("/large"))
            time.sleep(0.1)
            assert exchange(server, get("/small")).endswith(b"small")
            server.grace = 0.1

    def test_a_client_that_goes_away_is_no_traceback(self, serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
        ended = threading.Event()

        class Handler(Quiet):
            def do_GET(self) -> None:
                try:
                    self.send_response(200)
                    self.end_headers()
                    for _ in range(100):
                        self.wfile.write(b"x" * 100_000)
                        time.sleep(0.001)
                finally:
                    ended.set()

        with running(serve(Handler)) as server:
            client = connect(server)
            client.sendall(get())
            client.recv(1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            assert ended.wait(5)
            time.sleep(0.05)
        assert capsys.readouterr().err == ""


class TestFraming:
    def test_a_body_longer_than_it_said_is_cut_and_ends_the_connection(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"abcHTTP/1.1 200 OK\r\n\r\n")

        with running(serve(Handler)) as server:
            reply = exchange(server, get(close=False) * 2)
        assert reply.endswith(b"\r\n\r\nabc")
        assert reply.count(b"HTTP/1.1") == 1

    def test_a_body_shorter_than_it_said_ends_the_connection(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "10")
                self.end_headers()
                self.wfile.write(b"abc")

        with running(serve(Handler)) as server:
            reply = exchange(server, get(close=False) * 2)
        assert reply.endswith(b"\r\n\r\nabc")
        assert reply.count(b"HTTP/1.1") == 1

    @pytest.mark.parametrize("status", [204, 304])
    def test_no_body_where_there_is_none(self, serve: Any, status: int) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"nobody should see this")

        with running(serve(Handler)) as server:
            reply = exchange(server, get(close=False) + get())
        assert reply.count(b"HTTP/1.1 %d" % status) == 2
        assert b"nobody" not in reply

    def test_head_is_get_without_its_body(self, serve: Any) -> None:
        with running(serve(Quiet)) as server:
            reply = exchange(server, get(method="HEAD", close=False) + get(method="HEAD"))
        assert reply.count(b"HTTP/1.1 200") == 2
        assert b"HEAD /" not in reply

    def test_a_body_without_length_on_the_fast_way_gets_one(self) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ab")
                self.wfile.write(bytearray(b"cd"))
                self.wfile.write(memoryview(b"ef"))

        with running(ThreadingHTTPServer(ANY, Handler)) as server:
            reply = exchange(server, get(close=False) + get())
        assert reply.count(b"Content-Length: 6\r\n") == 2
        assert reply.count(b"\r\n\r\nabcdef") == 2

    def test_chunks_that_a_handler_makes(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for piece in (b"one", b"three", b""):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
            assert reply.endswith(b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n")
            if isinstance(server, ThreadingHTTPServer) and server._takes_fast_way():
                assert exchange(server, get(close=False) + get()).count(b"5\r\nthree\r\n0\r\n\r\n") == 2

    def test_chunks_that_do_not_end_are_no_end(self) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"3\r\none\r\n")

        with running(ThreadingHTTPServer(ANY, Handler)) as server:
            assert exchange(server, get(close=False) * 2).count(b"HTTP/1.1") == 1

    def test_http_by_hand_goes_out_as_it_is_and_ends_the_connection(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.wfile.write(b"HTTP/1.0 200 Mine\r\n\r\nby hand")

        with running(serve(Handler)) as server:
            assert exchange(server, get(close=False) * 2) == b"HTTP/1.0 200 Mine\r\n\r\nby hand"

    def test_two_lengths_that_differ_are_refused(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.send_header("Content-Length", "2")
                with pytest.raises(ValueError, match="Content-Length was 2"):
                    self.send_header("Content-Length", "3")
                with pytest.raises(ValueError, match="is a number"):
                    self.send_header("Content-Length", "+2")
                self.end_headers()
                self.wfile.write(b"ok")

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert reply.endswith(b"\r\n\r\nok")
        assert reply.count(b"Content-Length") == 1

    def test_early_hints_come_before_the_response(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response_only(103)
                self.send_header("Link", "</a.css>; rel=preload")
                self.end_headers()
                self.answer(b"then")

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert reply.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n")
        assert reply.endswith(b"then")

    def test_an_error_in_the_middle_of_a_response_is_no_end(
        self, serve: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"half")
                self.wfile.flush()
                raise RuntimeError("on purpose")

        with running(serve(Handler)) as server:
            with pytest.raises(ConnectionResetError):
                exchange(server, get())
            said: list[str] = []
            assert eventually(lambda: said.append(capsys.readouterr().err) or "on purpose" in "".join(said))

    def test_a_handler_that_says_nothing_is_500(self) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)

        with running(ThreadingHTTPServer(ANY, Handler)) as server:
            assert exchange(server, get()).startswith(b"HTTP/1.1 500 ")


class TestWfileAsAFile:
    def test_it_can_be_wrapped(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                text = io.TextIOWrapper(self.wfile, encoding="utf-8", write_through=True)
                print("grün", file=text)
                text.detach()
                shutil.copyfileobj(io.BytesIO(b"copied"), self.wfile)
                assert isinstance(self.wfile.fileno(), int)

        with running(serve(Handler)) as server:
            if server._takes_fast_way():
                assert exchange(server, get()).endswith("grün\ncopied".encode())

    def test_closing_it_closes_nothing(self) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.answer(b"closed")
                self.wfile.close()

        with running(ThreadingHTTPServer(ANY, Handler)) as server:
            assert exchange(server, get(close=False) + get()).count(b"closed") == 2

    def test_text_is_refused(self) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                with pytest.raises(TypeError):
                    self.wfile.write("text")
                self.answer(b"refused")

        with running(ThreadingHTTPServer(ANY, Handler)) as server:
            assert exchange(server, get()).endswith(b"refused")


class TestLeavingHTTP:
    def test_behind_101_the_handler_speaks_what_it_likes(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_response_only(101)
                self.send_header("Upgrade", "upper")
                self.send_header("Connection", "Upgrade")
                self.end_headers()
                while line := self.rfile.readline():
                    self.wfile.write(line.upper())

        with running(serve(Handler)) as server, connect(server) as client:
            client.sendall(get("/", "Connection: Upgrade", "Upgrade: upper", close=False) + b"early\n")
            assert receive(client, b"EARLY\n").startswith(b"HTTP/1.1 101 ")
            client.sendall(b"later\n")
            receive(client, b"LATER\n")
            client.shutdown(socket.SHUT_WR)
            assert until_closed(client) == b""


class TestFiles:
    def test_a_large_file_is_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from salver.server import SimpleHTTPRequestHandler

        content = bytes(range(256)) * 8_192
        (tmp_path / "large.bin").write_bytes(content)
        read: list[int] = []

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=tmp_path)

            def log_message(self, *args: Any) -> None:
                pass

        monkeypatch.setattr(shutil, "copyfileobj", lambda *_: read.append(1))
        with running(HTTPServer(ANY, Handler)) as server:
            reply = exchange(server, get("/large.bin"))
        _, _, body = reply.partition(b"\r\n\r\n")
        assert zlib.crc32(body) == zlib.crc32(content)
        assert head_of(reply)["Content-Length"] == str(len(content))
        assert not read
