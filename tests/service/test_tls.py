"""HTTPS on real sockets: handshakes that others need not wait for, bodies that arrive whole, and clean ends."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from salver.handler import options
from salver.net.certificates import TLSError, TLSFiles
from salver.request import Request
from salver.response import FileSegment, Response
from salver.service.server import Server
from salver.service.settings import Settings

Keys = tuple[Path, Path]
GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
BLOB = os.urandom(5_000_000)


@options(stream_body=True)
def streamed(request: Request) -> str:
    return hashlib.sha256(request.stream().read()).hexdigest()


def answer(request: Request) -> Any:
    path = request.path
    if path == "/blob":
        return Response(BLOB)
    if path == "/pieces":
        return Response(BLOB[at : at + 7_001] for at in range(0, len(BLOB), 7_001))
    if path == "/slow":
        time.sleep(0.3)
    if path == "/broken":
        return Response(broken())
    if path == "/hash":
        return hashlib.sha256(request.body).hexdigest()
    return f"{request.scheme} {path}"


def broken() -> Iterator[bytes]:
    yield b"x" * 1_000
    raise RuntimeError("in the middle")


@contextmanager
def serving(keys: Keys, handler: Callable[[Request], Any] = answer, **settings: Any) -> Iterator[Server]:
    server = Server(handler, "127.0.0.1:0", settings=Settings.of(tls=TLSFiles(*keys), **settings))
    server.start()
    try:
        yield server
    finally:
        server.stop(2)


@pytest.fixture
def server(tls_pair: Keys) -> Iterator[Server]:
    with serving(tls_pair) as served:
        yield served


def context(keys: Keys) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(keys[0]))


def tcp(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def connect(server: Server, keys: Keys, made: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    return (made or context(keys)).wrap_socket(tcp(server), server_hostname="localhost", suppress_ragged_eofs=False)


def read_response(client: socket.socket) -> tuple[int, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65_536)
        if not part:
            raise ConnectionError("closed by the server")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    rest = bytearray(body)
    while len(rest) < length:
        part = client.recv(65_536)
        if not part:
            raise ConnectionError("closed by the server")
        rest += part
    return int(head.split()[1]), bytes(rest)


def get(server: Server, keys: Keys, path: str = "/") -> tuple[int, bytes]:
    with connect(server, keys) as client:
        client.sendall(GET % path.encode())
        return read_response(client)


def read_all(client: socket.socket) -> bytes:
    data = b""
    while part := client.recv(65_536):
        data += part
    return data


def client_hello(keys: Keys) -> bytes:
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    beginning = context(keys).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        beginning.do_handshake()
    return outgoing.read()


# Requests


def test_a_request_is_answered_and_says_https(server: Server, tls_pair: Keys) -> None:
    assert server.urls == [f"https://127.0.0.1:{server.port}/"]
    assert get(server, tls_pair, "/x") == (200, b"https /x")


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_versions_are_spoken_on_a_kept_connection(server: Server, tls_pair: Keys, version: str) -> None:
    made = context(tls_pair)
    made.minimum_version = made.maximum_version = ssl.TLSVersion[version]
    with connect(server, tls_pair, made) as client:
        for number in range(5):
            client.sendall(GET % b"/%d" % number)
            assert read_response(client) == (200, b"https /%d" % number)


def test_older_versions_are_not(server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        made.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        made.maximum_version = ssl.TLSVersion.TLSv1_1
    made.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)protocol"):
        connect(server, tls_pair, made)


def test_many_requests_at_once_are_answered_in_order(server: Server, tls_pair: Keys) -> None:
    with connect(server, tls_pair) as client:
        client.sendall(b"".join(GET % b"/%d" % number for number in range(100)))
        data = b""
        while data.count(b"https /") < 100:
            data += client.recv(65_536)
    assert [part.split(b"HTTP")[0] for part in data.split(b"https /")[1:]] == [b"%d" % each for each in range(100)]


@pytest.mark.parametrize("read_ahead", [100, 5_000])
def test_what_tls_holds_back_is_served_although_the_descriptor_is_silent(tls_pair: Keys, read_ahead: int) -> None:
    with serving(tls_pair, limit_read_ahead=read_ahead) as server, connect(server, tls_pair) as client:
        client.sendall(b"".join(GET % b"/%d" % number for number in range(200)))  # one record
        data = b""
        while data.count(b"https /") < 200:
            data += client.recv(65_536)


def test_what_tls_holds_back_waits_for_a_handler_that_blocks(tls_pair: Keys) -> None:
    with serving(tls_pair, limit_read_ahead=60) as server, connect(server, tls_pair) as client:
        client.sendall((GET % b"/slow" + GET % b"/x") * 3)
        data = b""
        while data.count(b"https /") < 6:
            data += client.recv(65_536)


# Bodies


@pytest.mark.parametrize("path", ["/blob", "/pieces"])
def test_large_bodies_arrive_whole(server: Server, tls_pair: Keys, path: str) -> None:
    with connect(server, tls_pair) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        data = read_all(client)
    assert data.partition(b"\r\n\r\n")[2] == BLOB


def test_a_file_arrives_whole_and_so_does_a_part_of_it(tls_pair: Keys, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(BLOB)
    fd = os.open(file, os.O_RDONLY)
    with serving(tls_pair, lambda _: Response(FileSegment(fd, 1_001, len(BLOB) - 2_002))) as server:
        assert get(server, tls_pair) == (200, BLOB[1_001:-1_001])
    os.close(fd)


def test_a_slow_reader_gets_everything(tls_pair: Keys) -> None:
    with serving(tls_pair, timeout_stalled=2) as server, closing(tcp(server)) as plain:
        client = context(tls_pair).wrap_socket(plain, server_hostname="localhost")
        client.sendall(GET % b"/blob")
        data = b""
        for _ in range(10):
            time.sleep(0.05)
            data += client.recv(1_000)
        with client:
            while len(data) < len(BLOB) and (part := client.recv(65_536)):
                data += part
    assert data.endswith(BLOB[-1_000:])


@pytest.mark.parametrize("chosen", [answer, streamed])
def test_uploads_arrive_whole(tls_pair: Keys, chosen: Callable[[Request], Any]) -> None:
    digest = hashlib.sha256(BLOB).hexdigest().encode()
    with serving(tls_pair, chosen) as server, connect(server, tls_pair) as client:
        head = b"POST /hash HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(BLOB)
        for _ in range(2):
            client.sendall(head + BLOB)
            assert read_response(client) == (200, digest)
        client.sendall(b"POST /hash HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(BLOB), 100_000):
            client.sendall(b"%x\r\n%b\r\n" % (100_000, BLOB[at : at + 100_000]))
        client.sendall(b"0\r\n\r\n")
        assert read_response(client) == (200, digest)


def test_continue_is_said(server: Server, tls_pair: Keys) -> None:
    with connect(server, tls_pair) as client:
        client.sendall(b"POST /hash HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"x")
        assert read_response(client)[0] == 200


# Ends


def test_a_body_that_ends_with_the_connection_ends_with_close_notify(server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    made.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    with connect(server, tls_pair, made) as client:
        client.sendall(b"GET /pieces HTTP/1.0\r\n\r\n")
        read_all(client)  # raises SSLEOFError where it was cut


def test_a_body_that_breaks_off_is_no_clean_end(server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    made.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    with connect(server, tls_pair, made) as client, pytest.raises(OSError):
        client.sendall(b"GET /broken HTTP/1.0\r\n\r\n")
        read_all(client)


def test_a_request_with_the_end_behind_it_is_answered(server: Server, tls_pair: Keys) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(tls_pair).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with closing(tcp(server)) as plain:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65_536))
        client.write(GET % b"/last")
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        plain.sendall(outgoing.read())  # Finished, request and close_notify in one piece, and no FIN
        while part := plain.recv(65_536):
            incoming.write(part)
    assert b"https /last" in client.read(65_536)


def test_a_refused_upload_is_told_why(tls_pair: Keys) -> None:
    with serving(tls_pair, limit_body=1_000) as server, connect(server, tls_pair) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
        assert read_response(client)[0] == 413
        assert client.recv(10) == b""


def test_a_stop_lets_what_runs_finish(tls_pair: Keys) -> None:
    with serving(tls_pair) as server, connect(server, tls_pair) as client, connect(server, tls_pair) as idle:
        client.sendall(GET % b"/slow")
        time.sleep(0.1)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert read_response(client) == (200, b"https /slow")
        assert idle.recv(10) == b""
        stopping.join()


# What is not TLS


@pytest.mark.parametrize("step", [1, 1_000])
def test_http_is_told_that_https_is_spoken(server: Server, step: int) -> None:
    request = GET % b"/"
    with closing(tcp(server)) as client:
        for at in range(0, len(request), step):
            try:
                client.sendall(request[at : at + step])
            except ConnectionError:
                break  # the first byte is enough to know
        reply = read_all(client)
    assert reply.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nContent-Type: text/plain" in reply
    assert b"This port speaks HTTPS" in reply
    assert b"\r\nConnection: close" in reply


def test_tls_is_told_that_http_is_spoken(tls_pair: Keys) -> None:
    with Server(answer, "127.0.0.1:0") as server, closing(tcp(server)) as client:
        client.sendall(client_hello(tls_pair))
        assert read_all(client).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01\x00\x05hello", b"\0" * 1_000, b"\x16\x03\x01\x40\x00" + b"\xff" * 70_000]
)
def test_garbage_ends_its_connection_alone(
    server: Server, tls_pair: Keys, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(tcp(server)) as client:
        try:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            read_all(client)
        except OSError:  # it was reset
            pass
    assert get(server, tls_pair)[0] == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


# Others need not wait


def test_the_first_request_does_not_wait_for_an_acknowledgement(server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    began = time.monotonic()
    for _ in range(20):
        with connect(server, tls_pair, made) as client:  # its sockets wait, with what is small, for what was sent
            client.sendall(GET % b"/")
            assert read_response(client)[0] == 200
    assert time.monotonic() - began < 0.6


def test_silent_and_half_handshakes_hold_up_nobody_and_end(tls_pair: Keys) -> None:
    hello = client_hello(tls_pair)
    with serving(tls_pair, timeout_handshake=1) as server, ExitStack() as stack:
        clients = [stack.enter_context(closing(tcp(server))) for _ in range(150)]
        for number, client in enumerate(clients):
            client.sendall(hello[: number * len(hello) // 150])
        began = time.monotonic()
        assert get(server, tls_pair)[0] == 200
        assert time.monotonic() - began < 1
        for client in clients:
            with_end = client.recv(10_000)  # nothing, or an end: never waits longer than the deadline
            assert with_end == b""
        assert time.monotonic() - began < 5
        assert get(server, tls_pair)[0] == 200


def test_one_who_answers_half_is_ended_too(tls_pair: Keys) -> None:
    with serving(tls_pair, timeout_handshake=1) as server, closing(tcp(server)) as client:
        client.sendall(client_hello(tls_pair))
        assert len(client.recv(10_000)) > 100
        assert read_all(client) is not None  # ends


def test_a_handshake_byte_by_byte_succeeds(server: Server, tls_pair: Keys) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(tls_pair).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with closing(tcp(server)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def trickle() -> None:
            for byte in outgoing.read():
                plain.sendall(bytes([byte]))

        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                trickle()
                incoming.write(plain.recv(1))
        client.write(GET % b"/slowly")
        trickle()
        data = b""
        while b"https /slowly" not in data:
            incoming.write(plain.recv(65_536))
            try:
                data += client.read(65_536)
            except ssl.SSLWantReadError:
                continue


@pytest.mark.slow
def test_a_flood_of_handshakes_leaves_others_served(server: Server, tls_pair: Keys) -> None:
    stop = threading.Event()
    hello = client_hello(tls_pair)

    def flood() -> None:
        while not stop.is_set():
            with closing(tcp(server)) as client:
                client.sendall(hello)  # the server computes its share, and the client leaves
                client.recv(1)

    flooding = [threading.Thread(target=flood) for _ in range(8)]
    with connect(server, tls_pair) as client:
        for thread in flooding:
            thread.start()
        slowest, until = 0.0, time.monotonic() + 2
        while time.monotonic() < until:
            began = time.monotonic()
            client.sendall(GET % b"/")
            assert read_response(client)[0] == 200
            slowest = max(slowest, time.monotonic() - began)
        stop.set()
        for thread in flooding:
            thread.join()
    assert slowest < 1


# The certificate


def test_a_renewed_certificate_is_taken_up_and_no_connection_dropped(tls_keys: Callable[[str], Keys]) -> None:
    keys, renewed = tls_keys("old"), tls_keys("new")
    old, new = context(keys), context(renewed)
    with serving(keys) as server, connect(server, keys, old) as kept:
        for there, here in zip(keys, renewed, strict=True):
            os.replace(here, there)
        time.sleep(1.1)
        with connect(server, keys, new) as client:
            client.sendall(GET % b"/")
            assert read_response(client)[0] == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(server, keys, old)
        kept.sendall(GET % b"/kept")
        assert read_response(kept) == (200, b"https /kept")


def test_a_certificate_that_cannot_be_used_is_an_error_when_the_server_is_made(tmp_path: Path) -> None:
    with pytest.raises(TLSError, match="cannot read .*none.pem: no such file or directory"):
        Server(answer, "127.0.0.1:0", tls=TLSFiles(tmp_path / "none.pem"))


# Nothing is left behind


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_thousand_connections_leave_nothing_behind(server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)

    def come_and_go(times: int) -> None:
        for number in range(times):
            if number % 10 == 9:
                with closing(tcp(server)) as client:
                    client.sendall(b"\x16\x03\x01")
                continue
            with connect(server, tls_pair, made) as client:
                client.sendall(GET % b"/")
                assert read_response(client)[0] == 200

    come_and_go(200)
    before, files = resident(), len(os.listdir("/proc/self/fd"))
    come_and_go(1_000)
    settled(server)
    assert len(os.listdir("/proc/self/fd")) <= files + 2
    assert resident() - before < 6_000_000  # 1,000 sessions of OpenSSL would be over 20 MB


def settled(server: Server) -> None:
    crew = server._crew
    assert crew is not None
    for _ in range(200):
        if len(crew.members) == 1:  # the acceptor
            return
        time.sleep(0.02)
    raise AssertionError(f"{len(crew.members) - 1} connections are left")


# Programs


def test_curl(server: Server, tls_pair: Keys, program: Callable[[str], str]) -> None:
    command = [program("curl"), "-sS", "--max-time", "10", "--cacert", str(tls_pair[0])]
    where = f"https://localhost:{server.port}"
    done = subprocess.run(
        [*command, "--resolve", f"localhost:{server.port}:127.0.0.1", f"{where}/a", f"{where}/b"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"https /ahttps /b"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client(server: Server, tls_pair: Keys, program: Callable[[str], str], version: str) -> None:
    command = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{server.port}", version, "-alpn", "h2,http/1.1"]
    command += ["-CAfile", str(tls_pair[0]), "-servername", "localhost", "-ign_eof"]
    request = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    done = subprocess.run(command, input=request, capture_output=True, check=False, timeout=20)
    assert b"https /x" in done.stdout
    assert b"ALPN protocol: http/1.1" in done.stdout
    assert b"Verify return code: 0" in done.stdout
