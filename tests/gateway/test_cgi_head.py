"""What scripts say first: every form that is taken, and every one that is a failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.gateway.cgi_head import BadHead, KnownHeads, ScriptHead, find_end, parse_head
from salver.protocol.writer import encode_fields


@pytest.mark.parametrize(
    ("raw", "end"),
    [
        (b"A: b\n\nbody", 6),
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\r\n\nbody", 7),
        (b"A: b\n\r\nbody", 7),
        (b"\nbody", 1),
        (b"\r\nbody", 2),
        (b"", 0),
        (b"A: b\n", 0),
        (b"A: b\r\n\r", 0),
        (b"A: b\r\rbody", 0),
    ],
)
def test_a_head_ends_with_its_first_empty_line(raw: bytes, end: int) -> None:
    assert find_end(raw) == end


@pytest.mark.parametrize(
    ("raw", "head"),
    [
        (b"Content-Type: text/plain\n\n", ScriptHead(200, None, [("Content-Type", "text/plain")], None, None)),
        (b"content-type:text/plain\r\n\r\n", ScriptHead(200, None, [("content-type", "text/plain")], None, None)),
        (b"Status: 404\n\n", ScriptHead(404, None, [], None, None)),
        (b"Status: 404 Gone fishing\n\n", ScriptHead(404, "Gone fishing", [], None, None)),
        (b"Location: https://a/b\n\n", ScriptHead(302, None, [("Location", "https://a/b")], None, None)),
        (b"Location: //a/b\n\n", ScriptHead(302, None, [("Location", "//a/b")], None, None)),
        (b"Location: b\n\n", ScriptHead(302, None, [("Location", "b")], None, None)),
        (b"Location: /b?c\n\n", ScriptHead(302, None, [("Location", "/b?c")], None, "/b?c")),
        (b"Status: 303\nLocation: /b\n\n", ScriptHead(303, None, [("Location", "/b")], None, None)),
        (b"Status: 200\nContent-Length: 12\n\n", ScriptHead(200, None, [], 12, None)),
        (b"Status: 200\nContent-Length: 12\nContent-Length: 12\n\n", ScriptHead(200, None, [], 12, None)),
        (b"HTTP/1.1 201 Made\nX: y\nContent-Type: a/b\n\n",
         ScriptHead(201, "Made", [("X", "y"), ("Content-Type", "a/b")], None, None)),
        (b"Status: 200\nSet-Cookie: a=1\nSet-Cookie: b=2\n\n",
         ScriptHead(200, None, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], None, None)),
        (b"Status: 200\nX-Name: caf\xe9\n\n", ScriptHead(200, None, [("X-Name", "caf\xe9")], None, None)),
        (b"Status: 200\nConnection: close\nTransfer-Encoding: chunked\nDate: x\nServer: y\nUpgrade: z\n\n",
         ScriptHead(200, None, [], None, None)),
    ],
)  # fmt: skip
def test_heads_that_are_taken(raw: bytes, head: ScriptHead) -> None:
    assert parse_head(raw) == head


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"\r\n",
        b"hello\n\n",
        b"<html>: x\n\n",
        b"X-Only: x\n\n",
        b"Status: 999\n\n",
        b"Status: 100\n\n",
        b"Status: 199\n\n",
        b"Status: 20\n\n",
        b"Status: 2000\n\n",
        b"Status: +20\n\n",
        b"Status: 200OK\n\n",
        b"Status: OK\n\n",
        b"Status:\n\n",
        b"Status: \xb2\xb9\xb2\n\n",
        b"Status: 200\nStatus: 200\n\n",
        b"Location: /a\nLocation: /b\n\n",
        b"Content-Type: a/b\nContent-Type: c/d\n\n",
        b"Location: /a\rX-Injected: y\n\n",
        b"Location: https://a/\rb\n\n",
        b"Content-Type: a\0b\n\n",
        b"Content-Type: a/b\nX: \x1b[2J\n\n",
        b"Content-Type: a/b\n folded: x\n\n",
        b"Content-Type : a/b\n\n",
        b": a\n\n",
        b"Content-Type: a/b\nContent-Length: 1\nContent-Length: 2\n\n",
        b"Content-Type: a/b\nContent-Length: -1\n\n",
        b"Content-Type: a/b\nContent-Length: 1_0\n\n",
        b"Content-Type: a/b\nContent-Length: 99999999999999999999\n\n",
        b"Content-Type: a/b\n" + b"X: y\n" * 100 + b"\n",
        b"HTTP/1.1 100 Continue\n\n",
    ],
)
def test_heads_that_are_a_failure(raw: bytes) -> None:
    with pytest.raises(BadHead):
        parse_head(raw)


@given(st.binary(max_size=200))
def test_whatever_a_script_says_the_writer_can_write_what_is_taken_of_it(data: bytes) -> None:
    try:
        head = parse_head(b"Status: 200\n" + data + b"\n\n")
    except BadHead:
        return
    encode_fields(head.fields)
    assert 200 <= head.status <= 599


def test_a_head_that_is_known_is_not_read_again() -> None:
    heads = KnownHeads()
    first = heads.parse(b"Content-Type: a/b\n\n")
    assert heads.parse(b"Content-Type: a/b\n\n") is first == parse_head(b"Content-Type: a/b\n\n")
    with pytest.raises(BadHead):
        heads.parse(b"X: y\n\n")


def test_what_is_known_of_heads_is_bounded() -> None:
    heads = KnownHeads()
    heads.parse(b"Content-Type: a/b\nX: " + b"x" * 1_000 + b"\n\n")
    assert not heads._known
    for number in range(1_000):
        heads.parse(b"Content-Type: a/%d\n\n" % number)
    assert 0 < len(heads._known) <= 64
