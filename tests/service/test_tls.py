"""HTTPS on real sockets: bodies that arrive whole, and clean ends."""

from __future__ import annotations

import hashlib
import os
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from salver.request import Request
from salver.response import FileSegment, Response
from salver.service.server import Server
from tests.service.tls_serving import (
    BLOB,
    GET,
    Keys,
    answer,
    connect,
    context,
    get,
    read_all,
    read_response,
    serving,
    streamed,
    tcp,
)

# Requests


def test_a_request_is_answered_and_says_https(tls_server: Server, tls_pair: Keys) -> None:
    assert tls_server.urls == [f"https://127.0.0.1:{tls_server.port}/"]
    assert get(tls_server, tls_pair, "/x") == (200, b"https /x")


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_versions_are_spoken_on_a_kept_connection(tls_server: Server, tls_pair: Keys, version: str) -> None:
    made = context(tls_pair)
    made.minimum_version = made.maximum_version = ssl.TLSVersion[version]
    with connect(tls_server, tls_pair, made) as client:
        for number in range(5):
            client.sendall(GET % b"/%d" % number)
            assert read_response(client) == (200, b"https /%d" % number)


def test_older_versions_are_not(tls_server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        made.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        made.maximum_version = ssl.TLSVersion.TLSv1_1
    made.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)protocol"):
        connect(tls_server, tls_pair, made)


def test_many_requests_at_once_are_answered_in_order(tls_server: Server, tls_pair: Keys) -> None:
    with connect(tls_server, tls_pair) as client:
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
def test_large_bodies_arrive_whole(tls_server: Server, tls_pair: Keys, path: str) -> None:
    with connect(tls_server, tls_pair) as client:
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


def test_continue_is_said(tls_server: Server, tls_pair: Keys) -> None:
    with connect(tls_server, tls_pair) as client:
        client.sendall(b"POST /hash HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"x")
        assert read_response(client)[0] == 200


# Ends


def test_a_body_that_ends_with_the_connection_ends_with_close_notify(tls_server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    made.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    with connect(tls_server, tls_pair, made) as client:
        client.sendall(b"GET /pieces HTTP/1.0\r\n\r\n")
        read_all(client)  # raises SSLEOFError where it was cut


def test_a_body_that_breaks_off_is_no_clean_end(tls_server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)
    made.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    with connect(tls_server, tls_pair, made) as client, pytest.raises(OSError):
        client.sendall(b"GET /broken HTTP/1.0\r\n\r\n")
        read_all(client)


def test_a_request_with_the_end_behind_it_is_answered(tls_server: Server, tls_pair: Keys) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(tls_pair).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with closing(tcp(tls_server)) as plain:
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
