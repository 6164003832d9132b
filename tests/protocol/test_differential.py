"""Against h11 and httptools: what we accept and they refuse is listed here, with the reason, and nothing else is.

What we refuse and they accept is only counted: being stricter is the point. What both accept must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.peers import Message, Reading, by_h11, by_httptools, by_us
from tests.protocol.strategies import bent, request_bytes
from tests.wire.cases import load

Peer = Callable[[bytes], Reading]
PEERS: list[Peer] = [by_h11, by_httptools]


class Difference(NamedTuple):
    """A kind of message that we accept and a peer refuses."""

    peer: Peer
    reason: str
    example: bytes
    pattern: re.Pattern[bytes]  # what a stream has in it where this may be the reason


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

ACCEPTED_BY_US_ONLY = [
    Difference(
        by_h11,
        "RFC 9112 §2.2: a server should ignore an empty line before the request line; h11 takes none",
        b"\r\n" + GET,
        re.compile(rb"\A\r\n|\r\n\r\n\r\n|(?<!\r\n)\r\n[^ \r\n]+ [^ \r\n]+ HTTP/1"),
    ),
    Difference(
        by_h11,
        "RFC 9112 §7.1.1: blanks around ; and = of a chunk extension are bad, and must be parsed",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1 ;a = b\r\nx\r\n0\r\n\r\n",
        re.compile(rb"[0-9A-Fa-f][ \t]+;"),
    ),
    Difference(
        by_h11,
        "RFC 9112 §9.3: HTTP/1.0 stays open when it asks to; h11 closes",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET,
        re.compile(rb"HTTP/1\.0\r\n"),
    ),
    Difference(
        by_httptools,
        "RFC 9112 §7.1.1, as above",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a = b\r\nx\r\n0\r\n\r\n",
        re.compile(rb"[0-9A-Fa-f][ \t]*;[^\r\n]*[ \t]|[0-9A-Fa-f][ \t]+;"),
    ),
    Difference(
        by_httptools,
        "RFC 9112 §5: blanks behind a field's value are no part of it, Transfer-Encoding's neither",
        HEAD + b"Transfer-Encoding: chunked \t\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        re.compile(rb"(?i)transfer-encoding:[ \t]*chunked[ \t]+\r\n"),
    ),
    Difference(
        by_httptools,
        "RFC 9110 §9.1: a method is any token; httptools has a list",
        b"x-Y / HTTP/1.1\r\nHost: a\r\n\r\n",
        re.compile(
            rb"(?<![!#$%&'*+\-.^_`|~0-9A-Za-z])(?!(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH) )"
            rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [^ \r\n]+ HTTP/1"
        ),
    ),
]


def accepted_by_us_only(data: bytes, peer: Peer) -> bool:
    """Did we deliver a request that the peer did not?"""
    return len(by_us(data).requests) > len(peer(data).requests)


def comparable(message: Message) -> Message:
    """h11 lowers the value of Transfer-Encoding."""
    fields = tuple((name, value.lower() if name == "transfer-encoding" else value) for name, value in message[3])
    return (*message[:3], fields, message[4])


def check(data: bytes) -> None:
    ours = by_us(data)
    for peer in PEERS:
        theirs = peer(data)
        for one, other in zip(ours.requests, theirs.requests, strict=False):
            assert comparable(one) == comparable(other), peer.__name__
        if len(ours.requests) > len(theirs.requests):
            reasons = [row.reason for row in ACCEPTED_BY_US_ONLY if row.peer is peer and row.pattern.search(data)]
            assert reasons, f"we accept what {peer.__name__} refuses: {data!r}"


@pytest.mark.parametrize("row", ACCEPTED_BY_US_ONLY, ids=lambda row: f"{row.peer.__name__}-{row.reason[:24]}")
def test_what_is_listed_is_so(row: Difference) -> None:
    assert accepted_by_us_only(row.example, row.peer)
    assert row.pattern.search(row.example)


CASES = load("bad-requests.jsonl") + load("more-requests.jsonl")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_listed_requests(case: object) -> None:
    check(case.data)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("peer", "at_least"), [(by_h11, 100), (by_httptools, 100)])
def test_what_only_they_accept_is_counted(peer: Peer, at_least: int) -> None:
    theirs = sum(len(peer(case.data).requests) > len(by_us(case.data).requests) for case in CASES)
    print(f"{peer.__name__} delivers more than we do in {theirs} of {len(CASES)} rows")
    assert theirs >= at_least


streams = st.lists(request_bytes(), min_size=1, max_size=2).map(b"".join)


@given(streams)
def test_valid_requests(data: bytes) -> None:
    check(data)


@given(streams.flatmap(bent))
def test_bent_requests(data: bytes) -> None:
    check(data)
