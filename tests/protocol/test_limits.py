"""Every limit is inclusive: one below passes, at it passes, one above is refused, however the bytes are split."""

from __future__ import annotations

import pytest

from salver.protocol.client_connection import ClientConnection
from salver.protocol.errors import RemoteProtocolError
from salver.protocol.limits import Limits
from tests.wire.driver import in_bytes, run

LIMITS = Limits(request_line=40, header_section=60, fields=4, chunk_overhead=10)


def line_of(size: int) -> bytes:
    return b"GET /" + b"a" * (size - 14) + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def section_of(size: int) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * (size - 14) + b"\r\n\r\n"


def fields_of(count: int) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (count - 1) + b"\r\n"


def _chunked(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def extension_of(size: int) -> bytes:
    return _chunked(b"1;" + b"a" * (size - 1) + b"\r\nx\r\n0\r\n\r\n")


def trailer_of(size: int) -> bytes:
    return _chunked(b"0\r\nX:" + b"y" * (size - 4) + b"\r\n\r\n")


def both_of(size: int) -> bytes:
    return _chunked(b"1;ab\r\nx\r\n0\r\nX:" + b"y" * (size - 7) + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("message", "limit", "status"),
    [
        (line_of, LIMITS.request_line, 414),
        (section_of, LIMITS.header_section, 431),
        (fields_of, LIMITS.fields, 431),
        (extension_of, LIMITS.chunk_overhead, 400),
        (trailer_of, LIMITS.chunk_overhead, 400),
        (both_of, LIMITS.chunk_overhead, 400),
    ],
)
@pytest.mark.parametrize("past", [-1, 0, 1, 2, 3, 4, 50])
def test_a_limit(message: object, limit: int, status: int, past: int) -> None:
    data = message(limit + past)  # type: ignore[operator]
    expected = (200,) if past <= 0 else (status,)
    assert run([data], limits=LIMITS).statuses == expected
    assert run(in_bytes(data), limits=LIMITS).statuses == expected
    for offset in range(1, len(data)):
        assert run([data[:offset], data[offset:]], limits=LIMITS).statuses == expected, offset


@pytest.mark.parametrize("past", [0, 1])
def test_a_remembered_section_does_not_carry_a_line_past_its_limit(past: int) -> None:
    data = line_of(LIMITS.request_line + past)
    outcome = run([line_of(20), data], limits=LIMITS)
    assert outcome.statuses == ((200, 414) if past else (200, 200))


def test_a_long_line_that_was_never_a_request_line() -> None:
    for start in (b"A" * 60, b"A" * 39 + b" /", b"A" * 40 + b" /", b"GET  /", b"GET/a", b"GET \x80"):
        data = start + b"a" * 100 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        assert run([data], limits=LIMITS).statuses == (400,)
        assert run(in_bytes(data), limits=LIMITS).statuses == (400,)


def test_a_head_that_never_ends_is_refused_when_the_limit_is_passed() -> None:
    for start, most in ((b"GET /", 42), (b"GET / HTTP/1.1\r\nX: ", 16 + 62)):
        data = start + b"a" * 500
        for size in (most - 1, most):
            outcome = run([data[:size]], limits=LIMITS)
            assert bool(outcome.statuses) == (size == most)


def response(data: bytes) -> ClientConnection:
    connection = ClientConnection(LIMITS)
    connection.send_head("GET", "/", [("Host", "a")])
    connection.receive(data)
    assert connection.next_response() is not None
    return connection


@pytest.mark.parametrize("past", [-1, 0, 1])
def test_the_same_limits_for_responses(past: int) -> None:
    line = b"HTTP/1.1 200 " + b"a" * (LIMITS.request_line + past - 13) + b"\r\n\r\n"
    section = b"HTTP/1.1 200 OK\r\nX: " + b"y" * (LIMITS.header_section + past - 5) + b"\r\n\r\n"
    fields = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (LIMITS.fields + past) + b"\r\n"
    for data in (line, section, fields):
        if past > 0:
            with pytest.raises(RemoteProtocolError):
                response(data)
        else:
            response(data)


def test_the_defaults_are_the_designs() -> None:
    limits = Limits()
    assert (limits.request_line, limits.header_section) == (8_192, 32_768)
    assert (limits.fields, limits.chunk_overhead) == (100, 4_096)
