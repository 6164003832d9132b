"""Handshakes on real sockets: others need not wait for them, and what is none is told so."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from salver.net.certificates import TLSError, TLSFiles
from salver.service.server import Server
from tests.service.tls_serving import (
    GET,
    Keys,
    answer,
    client_hello,
    connect,
    context,
    get,
    read_all,
    read_response,
    serving,
    tcp,
)


@pytest.mark.parametrize("step", [1, 1_000])
def test_http_is_told_that_https_is_spoken(tls_server: Server, step: int) -> None:
    request = GET % b"/"
    with closing(tcp(tls_server)) as client:
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
    tls_server: Server, tls_pair: Keys, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(tcp(tls_server)) as client:
        try:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            read_all(client)
        except OSError:  # it was reset
            pass
    assert get(tls_server, tls_pair)[0] == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_the_first_request_does_not_wait_for_an_acknowledgement(tls_server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    waits = []
    for _ in range(20):
        began = time.monotonic()
        with connect(tls_server, tls_pair, made) as client:  # its sockets wait, with what is small, for what was sent
            client.sendall(GET % b"/")
            assert read_response(client)[0] == 200
        waits.append(time.monotonic() - began)
    assert sorted(waits)[4] < 0.04, "what Linux puts an acknowledgement off for"


def test_silent_and_half_handshakes_hold_up_nobody_and_end(tls_pair: Keys) -> None:
    hello = client_hello(tls_pair)
    with serving(tls_pair, timeout_handshake=2) as server, ExitStack() as stack:
        clients = [stack.enter_context(closing(tcp(server))) for _ in range(150)]
        for number, client in enumerate(clients):
            client.sendall(hello[: number * len(hello) // 150])
        began = time.monotonic()
        assert get(server, tls_pair)[0] == 200
        assert time.monotonic() - began < 2
        for client in clients:
            with_end = client.recv(10_000)  # nothing, or an end: never waits longer than the deadline
            assert with_end == b""
        assert time.monotonic() - began < 9
        assert get(server, tls_pair)[0] == 200


def test_one_who_answers_half_is_ended_too(tls_pair: Keys) -> None:
    with serving(tls_pair, timeout_handshake=1) as server, closing(tcp(server)) as client:
        client.sendall(client_hello(tls_pair))
        assert len(client.recv(10_000)) > 100
        assert read_all(client) is not None  # ends


def test_a_handshake_byte_by_byte_succeeds(tls_server: Server, tls_pair: Keys) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(tls_pair).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with closing(tcp(tls_server)) as plain:
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
def test_a_flood_of_handshakes_leaves_others_served(tls_server: Server, tls_pair: Keys) -> None:
    stop = threading.Event()
    hello = client_hello(tls_pair)

    def flood() -> None:
        while not stop.is_set():
            with closing(tcp(tls_server)) as client:
                client.sendall(hello)  # the tls_server computes its share, and the client leaves
                client.recv(1)

    flooding = [threading.Thread(target=flood) for _ in range(8)]
    with connect(tls_server, tls_pair) as client:
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
