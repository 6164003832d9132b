"""Work grows with the bytes, not with their square: hostile shapes, each within CPU time that a square would break.

The bounds are some ten times what the shapes cost, and a tenth or less of what they cost when something is quadratic.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from salver.protocol.chunked import ChunkedReader
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.server_connection import ServerConnection
from salver.protocol.writer import encode_field
from tests.wire.driver import Outcome, in_bytes, run

MEGABYTE = 2**20
START = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def cost(work: Callable[[], object]) -> float:
    """CPU seconds."""
    before = time.process_time()
    work()
    return time.process_time() - before


def run_timed(pieces: list[bytes]) -> tuple[Outcome, float]:
    """What came of a connection, and its CPU seconds."""
    before = time.process_time()
    return run(pieces), time.process_time() - before


@pytest.mark.parametrize(
    "unit", [b"\x00", b"\r", b"\n", b"\r\n", b"A", b" ", b":", b"\xff", b"GET / ", b"A: b\r\n", b";", b"0"]
)
def test_megabytes_of_garbage(unit: bytes) -> None:
    garbage = unit * (4 * MEGABYTE // len(unit))
    for start in (b"", START, CHUNKED, CHUNKED + b"0\r\n"):
        outcome, seconds = run_timed([start + garbage])
        assert seconds < 0.5
        assert outcome.closed
        assert outcome.statuses[-1] in (400, 413, 414, 431)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 8_000 + b" HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 32_000 + b"\r\n\r\n",
        START + b"X: y\r\n" * 99 + b"\r\n",
        CHUNKED + b"5;" + b"a" * 4_000 + b"\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nx\r\n" * 2_000 + b"0\r\n\r\n",
        CHUNKED + b"0\r\n" + b"X: y\r\n" * 600 + b"\r\n",
        (START + b"\r\n") * 1_000,
    ],
    ids=["line-and-section", "fields", "extension", "chunks", "trailers", "pipeline"],
)
def test_one_byte_at_a_time(data: bytes) -> None:
    outcome, seconds = run_timed(in_bytes(data))
    assert seconds < 1.0
    assert set(outcome.statuses) == {200}


@pytest.mark.parametrize(
    "field",
    [
        b"X:" + b" " * 30_000 + b"y",
        b"X: y" + b"\t " * 15_000 + b"z",
        b"X: y" + b" " * 30_000,
        b"Connection: " + b"a," * 15_000,
        b"Connection: " + b" " * 30_000 + b"close" + b" " * 100,
        b"Expect: " + b"," * 30_000,
        b"Cookie: " + b"a=;" * 10_000,
        b"Transfer-Encoding: a" + b" " * 30_000 + b"b",
        b"Transfer-Encoding: a" + b" ;b=c" * 6_000 + b" ;",
        b"Transfer-Encoding: " + b"a ," * 10_000,
        b'Transfer-Encoding: a;b="' + b'\\"' * 15_000,
        b"Content-Length: " + b"0" * 30_000,
        b"A" * 30_000,
        b"A:" * 15_000,
    ],
    ids=lambda field: field[:24].decode(),
)
def test_long_fields(field: bytes) -> None:
    assert run_timed([START + field + b"\r\n\r\n"])[1] < 0.1
    host = START.replace(b"Host: a", b"Host: " + b"%41" * 9_000 + b"@")
    assert run_timed([host + b"\r\n"])[1] < 0.1


def test_a_hundred_thousand_tiny_chunks() -> None:
    body: list[tuple[bytes, bytes]] = []
    data = b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    assert cost(lambda: body.append(ChunkedReader(4_096).feed(data))) < 1.5
    assert body == [(b"x" * 100_000, b"")]


@pytest.mark.parametrize(
    "line",
    [
        b'5;a="' + b'\\"' * 100_000,
        b'5;a="' + b"\\" * 200_000,
        b"5" + b";a" * 100_000 + b" ",
        b"5" + b" " * 200_000 + b"x",
        b"5" + b';a="b"' * 30_000 + b'"',
        b"5" + b" ; a = b" * 30_000 + b"=",
        b"0" * 200_000,
    ],
    ids=lambda line: line[:8].decode(),
)
def test_chunk_extensions_do_not_backtrack(line: bytes) -> None:
    def read() -> None:
        with pytest.raises(RemoteProtocolError):
            ChunkedReader(MEGABYTE).feed(line + b"\r\nhello\r\n0\r\n\r\n")

    assert cost(read) < 0.3


def test_a_large_body_in_pieces() -> None:
    connection = ServerConnection()
    connection.receive(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (64 * MEGABYTE))
    assert connection.next_request() is not None
    piece, taken = b"x" * 65_536, 0

    def read() -> None:
        nonlocal taken
        while not connection.body_complete:
            connection.receive(piece)
            taken += len(connection.read_body())

    assert cost(read) < 0.5
    assert taken == 64 * MEGABYTE


@pytest.mark.parametrize("value", ["a" + " " * MEGABYTE, " " * MEGABYTE, "a b" * 300_000 + "\n"])
def test_long_values_to_write(value: str) -> None:
    def write() -> None:
        with pytest.raises(LocalProtocolError):
            encode_field("X", value)

    assert cost(write) < 0.5
