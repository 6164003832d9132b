"""HTTPS in the tower: `HTTPSServer`, and scripts that wrap the listening socket; on the fast way and on the
blocking way."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.server import HTTPServer, HTTPSServer, ThreadingHTTPServer, ThreadingHTTPSServer
from salver.socketserver import StreamRequestHandler, ThreadingTCPServer
from tests.classes.running import connect, get, receive, running, until_closed
from tests.classes.tower import ANY, Blocking, Quiet

Keys = tuple[Path, Path]


class Site(Quiet):
    def do_GET(self) -> None:
        if self.path == "/close":
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            self.wfile.write(b"until the end")
        elif self.path == "/break":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"not all of it")
            self.wfile.flush()
            raise ConnectionAbortedError("on purpose")
        else:
            self.answer(f"{self.connection.version()} {self.connection.getpeername()[0]}".encode())


class BlockingSite(Blocking, Site):
    pass


class MoreSite(Site):
    """Overrides what the fast way knows nothing of."""

    def handle_one_request(self) -> None:
        super().handle_one_request()


def https(keys: Keys, handler_class: type = Site, server_class: type = ThreadingHTTPSServer, **more: Any) -> Any:
    return server_class(ANY, handler_class, certfile=keys[0], keyfile=keys[1], **more)


def wrapped(keys: Keys, handler_class: type = Site, server_class: type = ThreadingHTTPServer) -> Any:
    """As scripts do it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*keys)
    server = server_class(ANY, handler_class)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


WAYS = {
    "fast": lambda keys: https(keys),
    "fast-one": lambda keys: https(keys, server_class=HTTPSServer),
    "blocking": lambda keys: https(keys, BlockingSite),
    "blocking-one": lambda keys: https(keys, MoreSite, HTTPSServer),
    "wrapped": lambda keys: wrapped(keys),
    "wrapped-one": lambda keys: wrapped(keys, server_class=HTTPServer),
    "wrapped-blocking": lambda keys: wrapped(keys, BlockingSite),
}
THREADED = [way for way in WAYS if not way.endswith("one")]


@pytest.fixture
def trusting(tls_pair: Keys) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tls_pair[0]))


@pytest.fixture
def server(request: pytest.FixtureRequest, tls_pair: Keys) -> Iterator[Any]:
    with running(WAYS[request.param](tls_pair)) as server:
        yield server


every_way = pytest.mark.parametrize("server", WAYS, indirect=True)
every_threaded_way = pytest.mark.parametrize("server", THREADED, indirect=True)


def secure(server: Any, trusting: ssl.SSLContext) -> ssl.SSLSocket:
    return trusting.wrap_socket(connect(server), server_hostname="localhost")


def whole(client: ssl.SSLSocket) -> None:
    """An end without close_notify raises."""
    client.suppress_ragged_eofs = False  # type: ignore[attr-defined]  # typeshed leaves it out


def test_h1_the_https_servers_are_of_one_family() -> None:
    assert issubclass(HTTPSServer, HTTPServer) and issubclass(ThreadingHTTPSServer, HTTPSServer)


@pytest.mark.parametrize("way", WAYS)
def test_which_way(way: str, tls_pair: Keys) -> None:
    with WAYS[way](tls_pair) as server:
        assert server._takes_fast_way() is ("blocking" not in way)


@every_way
def test_h1_requests_are_answered_over_tls(server: Any, trusting: ssl.SSLContext) -> None:
    with secure(server, trusting) as client:
        for _ in range(3):
            client.sendall(get(close=False))
            assert receive(client, b"127.0.0.1").endswith(b"\r\n\r\nTLSv1.3 127.0.0.1")


@every_way
def test_a_response_that_ends_with_its_connection_ends_in_a_word(server: Any, trusting: ssl.SSLContext) -> None:
    with secure(server, trusting) as client:
        whole(client)
        client.sendall(get("/close"))
        assert until_closed(client).endswith(b"\r\n\r\nuntil the end")


@every_way
def test_one_that_breaks_off_does_not(
    server: Any, trusting: ssl.SSLContext, capsys: pytest.CaptureFixture[str]
) -> None:
    with secure(server, trusting) as client:
        whole(client)
        client.sendall(get("/break"))
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            until_closed(client)


@every_threaded_way
def test_silent_handshakes_hold_up_nobody(server: Any, trusting: ssl.SSLContext) -> None:
    silent = [connect(server) for _ in range(5)]
    try:
        began = time.monotonic()
        with secure(server, trusting) as client:
            client.sendall(get())
            assert b" 200 " in until_closed(client)
        assert time.monotonic() - began < 5
    finally:
        for each in silent:
            each.close()


@pytest.mark.parametrize("server_class", [ThreadingHTTPSServer, HTTPSServer])
def test_a_handshake_has_a_deadline_on_the_blocking_way(
    server_class: type, tls_pair: Keys, trusting: ssl.SSLContext, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(https(tls_pair, BlockingSite, server_class)) as server:
        server.timeout_handshake = 0.2
        with connect(server) as silent:
            silent.sendall(b"\x16\x03\x01")
            assert until_closed(silent) == b""
        with secure(server, trusting) as client:
            client.sendall(get())
            assert b" 200 " in until_closed(client)
    assert capsys.readouterr().err == ""


@every_way
def test_who_speaks_http_is_told(server: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with connect(server) as client:
        client.sendall(get())
        reply = until_closed(client)
    assert reply.startswith(b"HTTP/1.1 400 ") and b"https://" in reply
    assert capsys.readouterr().err == ""


@every_way
@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x00\x05hello", b"\x00" * 40, b"\x16", b""])
def test_garbage_is_no_traceback(
    server: Any, sent: bytes, trusting: ssl.SSLContext, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(server) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        try:
            until_closed(client)
        except ConnectionResetError:
            pass
    with secure(server, trusting) as client:
        client.sendall(get())
        assert b" 200 " in until_closed(client)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("server", ["blocking", "wrapped-blocking"], indirect=True)
def test_a_broken_record_is_no_traceback(
    server: Any, trusting: ssl.SSLContext, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(server) as plain, trusting.wrap_socket(plain.dup(), server_hostname="localhost") as client:
        client.sendall(get(close=False))
        receive(client, b"127.0.0.1")
        plain.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        try:
            while plain.recv(65_536):
                pass
        except ConnectionResetError:
            pass
    assert capsys.readouterr().err == ""


def test_a_large_response_to_a_slow_reader(tls_pair: Keys, trusting: ssl.SSLContext) -> None:
    class Large(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(60 * 100_000))
            self.end_headers()
            for number in range(60):
                self.wfile.write(bytes([number]) * 100_000)

    with running(https(tls_pair, Large)) as server, secure(server, trusting) as client:
        client.sendall(get(close=False) + get())
        time.sleep(0.3)
        reply = until_closed(client)
    body = b"".join(bytes([number]) * 100_000 for number in range(60))
    assert reply.count(b"HTTP/1.1 200") == 2 and reply.count(body) == 2 and reply.endswith(body)


def test_a_new_certificate_is_taken_up(
    tls_keys: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salver.net.certificates._LOOK_EVERY", 0.01)
    one, two = tls_keys("one"), tls_keys("two")
    here = tmp_path / "cert.pem", tmp_path / "key.pem"
    for source, target in zip(one, here, strict=True):
        shutil.copy(source, target)
    with running(https(here, BlockingSite)) as server:
        with secure(server, ssl.create_default_context(cafile=str(one[0]))) as client:
            client.sendall(get())
            until_closed(client)
        with caplog.at_level(logging.CRITICAL, logger="salver"):
            for source, target in zip(two, here, strict=True):
                shutil.copy(source, str(target) + ".new")
                os.replace(str(target) + ".new", target)
            time.sleep(0.05)
            with secure(server, ssl.create_default_context(cafile=str(two[0]))) as client:
                client.sendall(get())
                assert b" 200 " in until_closed(client)


class TestTheConstructor:
    def test_protocols(self, tls_pair: Keys, trusting: ssl.SSLContext) -> None:
        trusting.set_alpn_protocols(["acme/1", "http/1.1"])
        for handler_class in (Site, BlockingSite):
            for given, chosen in ((None, "http/1.1"), (["acme/1"], "acme/1")):
                with running(https(tls_pair, handler_class, alpn_protocols=given)) as server:
                    assert server.alpn_protocols == (given or ["http/1.1"])
                    with secure(server, trusting) as client:
                        assert client.selected_alpn_protocol() == chosen

    @pytest.mark.parametrize(
        "password", ["secret", b"secret", bytearray(b"secret"), lambda: "secret"], ids=["str", "bytes", "array", "call"]
    )
    def test_password(self, password: Any, tls_pair: Keys, tmp_path: Path, program: Any) -> None:
        import subprocess

        locked = tmp_path / "locked.pem"
        command = [program("openssl"), "pkcs8", "-topk8", "-in", str(tls_pair[1]), "-out", str(locked)]
        subprocess.run([*command, "-passout", "pass:secret"], check=True, capture_output=True, timeout=30)
        https((tls_pair[0], locked), password=password).server_close()
        with pytest.raises(ssl.SSLError, match="password is wrong"):
            https((tls_pair[0], locked), password="other")
        with pytest.raises(ssl.SSLError, match="give its password"):
            https((tls_pair[0], locked))

    def test_what_cannot_be(self, tls_pair: Keys, tmp_path: Path) -> None:
        (tmp_path / "bad.pem").write_text("no certificate")
        with pytest.raises(FileNotFoundError, match=r"nothing\.pem"):
            https((tmp_path / "nothing.pem", tls_pair[1]))
        with pytest.raises(ssl.SSLError, match=r"bad\.pem holds no certificate"):
            https((tmp_path / "bad.pem", tls_pair[1]))
        with pytest.raises(TypeError, match="certfile"):
            HTTPSServer(ANY, Site)  # type: ignore[call-arg]

    def test_certificate_and_key_in_one_file(self, tls_pair: Keys, tmp_path: Path, trusting: ssl.SSLContext) -> None:
        both = tmp_path / "both.pem"
        both.write_bytes(tls_pair[0].read_bytes() + tls_pair[1].read_bytes())
        with running(HTTPSServer(ANY, Site, certfile=str(both))) as server, secure(server, trusting) as client:
            client.sendall(get())
            assert b" 200 " in until_closed(client)

    def test_activated_later(self, tls_pair: Keys, trusting: ssl.SSLContext) -> None:
        server = https(tls_pair, bind_and_activate=False)
        with pytest.raises(RuntimeError, match="not been activated"):
            server._create_context()
        server.server_bind()
        server.server_activate()
        with running(server), secure(server, trusting) as client:
            client.sendall(get())
            assert b" 200 " in until_closed(client)


def test_a_server_with_seams_of_its_own_speaks_tls_all_the_same(tls_pair: Keys, trusting: ssl.SSLContext) -> None:
    class Own(ThreadingHTTPSServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            self.RequestHandlerClass(request, client_address, self)  # type: ignore[arg-type]  # typeshed says Self

    with running(https(tls_pair, server_class=Own)) as server:
        assert not server._takes_fast_way()
        with secure(server, trusting) as client:
            client.sendall(get())
            assert b" 200 " in until_closed(client)


def test_a_tcp_server_whose_socket_is_wrapped_stalls_nobody(tls_pair: Keys, trusting: ssl.SSLContext) -> None:
    class Echo(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.readline())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_pair)
    server = ThreadingTCPServer(ANY, Echo)
    server.daemon_threads = True
    server.timeout_handshake = 0.5
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server), connect(server), secure(server, trusting) as client:
        client.sendall(b"hello\n")
        assert until_closed(client) == b"hello\n"


def test_a_connection_on_the_fast_way_moves_bytes_and_knows_its_session(
    tls_pair: Keys, trusting: ssl.SSLContext
) -> None:
    class Echoes(Quiet):
        def do_POST(self) -> None:
            text = self.request.recv(100)
            self.connection.sendall(
                b"HTTP/1.0 200 OK\r\n\r\n" + text + str(self.connection.cipher() is not None).encode()
            )
            with pytest.raises(AttributeError, match="wfile"):
                self.connection.unwrap()

    with running(https(tls_pair, Echoes)) as server, secure(server, trusting) as client:
        client.sendall(get(method="POST", body=b"said "))
        assert until_closed(client) == b"HTTP/1.0 200 OK\r\n\r\nsaid True"
