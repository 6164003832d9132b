"""Rows T1 to T7 of the mission: the tower of TCP servers."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Any

import pytest

from salver.socketserver import (
    BaseRequestHandler,
    StreamRequestHandler,
    TCPServer,
    ThreadingMixIn,
    ThreadingTCPServer,
)
from tests.classes.running import connect, exchange, receive, running, until_closed

ANY = ("127.0.0.1", 0)


class Echo(StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.readline())


class TestT1:
    def test_t1_a_server_has_its_address_its_class_and_its_socket(self) -> None:
        server = TCPServer(ANY, Echo)
        assert server.HandlerClass is server.RequestHandlerClass is Echo
        assert server.server_address == server.socket.getsockname()
        assert server.is_shutdown
        with running(server):
            assert exchange(server, b"a\n") == b"a\n"
            assert not server.is_shutdown
        assert server.is_shutdown

    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
    def test_t1_ipv6(self) -> None:
        with running(TCPServer(("::1", 0), Echo)) as server:
            assert server.socket.family == socket.AF_INET6
            assert exchange(server, b"six\n") == b"six\n"

    def test_t1_the_port_can_be_used_again_at_once(self) -> None:
        with running(TCPServer(ANY, Echo)) as server:
            address = server.server_address
            exchange(server, b"a\n")  # the server closes first: its side lies in TIME_WAIT
        TCPServer(address, Echo).server_close()

    def test_t1_the_backlog_holds_more_than_a_few(self) -> None:
        server = TCPServer(ANY, Echo)
        clients = [socket.create_connection(server.socket.getsockname(), timeout=2) for _ in range(64)]
        for client in clients:
            client.close()
        server.server_close()


class TestT2:
    def test_t2_every_seam_is_called(self) -> None:
        called: list[str] = []

        class Watched(TCPServer):
            def __getattribute__(self, name: str) -> Any:
                if name in SEAMS and name not in called:
                    called.append(name)
                return super().__getattribute__(name)

        with running(Watched(ANY, Echo)) as server:
            exchange(server, b"a\n")
            time.sleep(0.1)
        assert set(called) == set(SEAMS)

    def test_t2_a_handler_that_raises_leaks_no_socket_and_ends_nothing(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class Raises(StreamRequestHandler):
            def handle(self) -> None:
                raise RuntimeError("on purpose")

        with running(TCPServer(ANY, Raises)) as server:
            assert exchange(server, b"") == b""
            assert exchange(server, b"") == b""
        assert capsys.readouterr().err.count("on purpose") == 4  # the line and the message, twice

    def test_t2_an_error_of_accept_does_not_end_the_loop(self) -> None:
        class Stumbles(TCPServer):
            stumbled = False

            def get_request(self) -> Any:
                if not self.stumbled:
                    self.stumbled = True
                    raise OSError(24, "Too many open files")
                return super().get_request()

        with running(Stumbles(ANY, Echo)) as server:
            assert exchange(server, b"a\n") == b"a\n"
            assert server.stumbled

    def test_t2_a_request_that_is_not_verified_is_closed(self) -> None:
        class Picky(TCPServer):
            def verify_request(self, request: Any, client_address: Any) -> bool:
                return False

        with running(Picky(ANY, Echo)) as server:
            assert exchange(server, b"") == b""

    def test_t2_handle_request_and_its_time_out(self) -> None:
        class Waits(TCPServer):
            timeout = 0.05
            timed_out = False

            def handle_timeout(self) -> None:
                self.timed_out = True

        server = Waits(ANY, Echo)
        server.handle_request()
        assert server.timed_out
        with connect(server) as client:
            client.sendall(b"one\n")
            server.handle_request()
            assert until_closed(client) == b"one\n"
        server.server_close()

    def test_t2_a_client_that_resets_is_no_traceback(self, capsys: pytest.CaptureFixture[str]) -> None:
        class Talks(StreamRequestHandler):
            def handle(self) -> None:
                self.rfile.readline()
                for _ in range(200):
                    self.wfile.write(b"x" * 100_000)

        with running(TCPServer(ANY, Talks)) as server:
            with connect(server) as client:
                client.sendall(b"go\n")
                client.recv(1)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep(0.1)
        assert capsys.readouterr().err == ""


SEAMS = (
    "get_request",
    "process_request",
    "close_request",
    "verify_request",
    "finish_request",
    "service_actions",
    "shutdown_request",
)


class TestT3:
    def test_t3_process_request_multithread_serves_many_at_once(self) -> None:
        class Many(TCPServer):
            process_request = TCPServer.process_request_multithread

        check_five_at_once(Many(ANY, Slow))

    def test_t3_the_threads_are_bounded(self) -> None:
        most = Counting()

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with most:
                    time.sleep(0.05)

        class Few(ThreadingTCPServer):
            max_threads = 3
            daemon_threads = True

        with running(Few(ANY, Handler)) as server:
            clients = [connect(server) for _ in range(12)]
            for client in clients:
                assert until_closed(client) == b""
                client.close()
        assert most.highest == 3

    def test_t3_a_server_that_waits_for_a_thread_can_be_stopped(self) -> None:
        gate = threading.Event()

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                gate.wait(10)

        class One(ThreadingTCPServer):
            max_threads = 1
            daemon_threads = True

        with running(One(ANY, Handler)) as server:
            clients = [connect(server), connect(server)]
            time.sleep(0.2)
        gate.set()
        for client in clients:
            client.close()


class Counting:
    """How many are inside at once, at most."""

    def __init__(self) -> None:
        self.inside = self.highest = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.highest = max(self.highest, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1


class TestT4:
    @pytest.mark.parametrize("server_class", [TCPServer, ThreadingTCPServer])
    def test_t4_shutdown_is_heard_at_once(self, server_class: type[TCPServer]) -> None:
        server = server_class(ANY, Echo)
        thread = threading.Thread(target=server.serve_forever, args=(60.0,))
        thread.start()
        exchange(server, b"a\n")
        started = time.monotonic()
        server.shutdown()
        thread.join(5)
        assert time.monotonic() - started < 1
        server.server_close()
        with pytest.raises(ConnectionRefusedError):
            connect(server)

    def test_t4_shutdown_before_serving_and_twice(self) -> None:
        server = TCPServer(ANY, Echo)
        server.shutdown()
        server.serve_forever()  # returns: it has been asked already
        with running(server):
            assert exchange(server, b"again\n") == b"again\n"
        server.shutdown()

    def test_t4_what_is_in_flight_is_finished(self) -> None:
        begun = threading.Event()

        class Takes(StreamRequestHandler):
            def handle(self) -> None:
                begun.set()
                time.sleep(0.2)
                self.wfile.write(b"finished")

        server = ThreadingTCPServer(ANY, Takes)
        with running(server):
            client = connect(server)
            begun.wait(5)
        with client:
            assert until_closed(client) == b"finished"

    def test_t4_a_handler_may_stop_its_server(self) -> None:
        class Stops(StreamRequestHandler):
            def handle(self) -> None:
                self.server.shutdown()

        server = TCPServer(ANY, Stops)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert exchange(server, b"") == b""
        thread.join(5)
        assert not thread.is_alive()
        server.server_close()


class TestT5:
    def test_t5_setup_handle_finish_in_this_order(self) -> None:
        order: list[str] = []

        class Handler(BaseRequestHandler):
            def setup(self) -> None:
                order.append("setup")

            def handle(self) -> None:
                order.append("handle")
                raise ConnectionResetError

            def finish(self) -> None:
                order.append("finish")

        with running(TCPServer(ANY, Handler)) as server:
            exchange(server, b"")
        assert order == ["setup", "handle", "finish"]

    def test_t5_the_documents_order_handed_up_in_its_places(self) -> None:
        class Handler(StreamRequestHandler):
            def __init__(self, server: Any, request: Any, client_address: Any) -> None:
                super().__init__(server, request, client_address)

            def handle(self) -> None:
                assert isinstance(self.server, TCPServer)
                self.wfile.write(self.client_address[0].encode())

        with running(TCPServer(ANY, Handler)) as server:
            assert exchange(server, b"") == b"127.0.0.1"

    def test_t5_the_documents_order_handed_up_by_name(self) -> None:
        class Handler(StreamRequestHandler):
            def __init__(self, server: Any, request: Any, client_address: Any) -> None:
                super().__init__(client_address=client_address, request=request, server=server)

            def handle(self) -> None:
                assert isinstance(self.server, TCPServer)
                self.wfile.write(self.client_address[0].encode())

        with running(TCPServer(ANY, Handler)) as server:
            assert exchange(server, b"") == b"127.0.0.1"


class TestT6:
    def test_t6_text_in_and_out(self) -> None:
        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                line = self.readline()
                self.write_content("line ")
                self.write_content(line)
                self.write_content(b"and ")
                self.write_content(self.read(4))
                self.send()
                self.close()

        with running(TCPServer(ANY, Handler)) as server:
            assert exchange(server, "grüß\nabcd".encode()) == "line grüß\nand abcd".encode()

    def test_t6_encode_decode(self) -> None:
        assert StreamRequestHandler.encode("ü") == b"\xc3\xbc"
        assert StreamRequestHandler.encode(b"\xff") == b"\xff"
        assert StreamRequestHandler.decode(b"\xc3\xbc\xff") == "ü�"

    def test_t6_rfile_stays_bytes(self) -> None:
        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(self.rfile.read(3)[::-1])

        with running(TCPServer(ANY, Handler)) as server:
            assert exchange(server, b"\xff\x00\xfe") == b"\xfe\x00\xff"

    def test_t6_a_silent_client_does_not_hold_the_server(self, capsys: pytest.CaptureFixture[str]) -> None:
        class Impatient(Echo):
            timeout = 0.1

        assert StreamRequestHandler.timeout
        with running(TCPServer(ANY, Impatient)) as server:
            assert exchange(server, b"") == b""
        assert capsys.readouterr().err == ""


class Slow(StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline()
        time.sleep(1)
        self.wfile.write(line)


def check_five_at_once(server: TCPServer) -> None:
    with running(server):
        started = time.monotonic()
        clients = [connect(server) for _ in range(5)]
        for number, client in enumerate(clients):
            client.sendall(b"number %d\n" % number)
        for number, client in enumerate(clients):
            assert receive(client, b"\n") == b"number %d\n" % number
            client.close()
        assert time.monotonic() - started < 2


@pytest.mark.slow
def test_t7_five_echoes_in_little_more_than_a_second() -> None:
    class Server(ThreadingMixIn, TCPServer):
        daemon_threads = True

    check_five_at_once(Server(ANY, Slow))
