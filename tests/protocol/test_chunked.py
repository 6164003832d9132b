"""The chunked coding of RFC 9112 §7.1: read in any pieces, bounded, and written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.chunked import LAST_CHUNK, ChunkedReader, encode_chunk, encode_last_chunk
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.wire.driver import in_bytes

Trailers = list[tuple[str, str]]


def read(pieces: list[bytes], overhead: int = 4_096) -> tuple[bytes, bytes, bool, Trailers]:
    """(body, left over, done, trailers) of a body in pieces; what comes behind its end is left over."""
    reader, body, left_over = ChunkedReader(overhead), b"", b""
    for piece in pieces:
        if reader.done:
            left_over += piece
            continue
        data, rest = reader.feed(piece)
        body, left_over = body + data, left_over + rest
    return body, left_over, reader.done, reader.trailers


@pytest.mark.parametrize(
    ("data", "body", "left_over", "trailers"),
    [
        (b"0\r\n\r\n", b"", b"", []),
        (b"5\r\nhello\r\n0\r\n\r\nGET", b"hello", b"GET", []),
        (b"5\r\nhello\r\n1\r\n!\r\n00\r\n\r\n", b"hello!", b"", []),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", b"", []),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", b"", []),
        (b'5;a;b=c ; d = "e\\"\xff"\r\nhello\r\n0;z\r\n\r\n', b"hello", b"", []),
        (b"0\r\nA: b \r\nC:\r\n\r\nx", b"", b"x", [("A", "b"), ("C", "")]),
        (b"0\r\nA:\t\x85 \r\n\r\n", b"", b"", [("A", "\x85")]),
    ],
)
def test_read(data: bytes, body: bytes, left_over: bytes, trailers: Trailers) -> None:
    expected = (body, left_over, True, trailers)
    assert read([data]) == expected
    assert read(in_bytes(data)) == expected
    for offset in range(1, len(data)):
        assert read([data[:offset], data[offset:]]) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"5\nhello\r\n",
        b"\r\n",
        b"g\r\n",
        b"0x5\r\n",
        b"5 \r\n",
        b"5;\r\n",
        b"5\r\nhelloX",
        b"5\r\nhello\rX",
        b"5\r\nhello\n",
        b"5;a\x00",
        b"5\rX",
        b"10000000000000000\r\n",
        b"8000000000000000\r\n",
        b"0\r\nX\r\n",
        b"0\r\n X: y\r\n",
        b"0\r\nX: \x7f",
        b"0\r\nX: y\nZ",
        b"0\r\n\n",
        b"0\r\nContent-Length: 5\r\n",
        b"0\r\ntransfer-encoding: chunked\r\n",
        b"0\r\nSet-Cookie: a=b\r\n",
    ],
)
def test_refused_as_soon_as_it_is_seen(data: bytes) -> None:
    for pieces in ([data], in_bytes(data)):
        with pytest.raises(RemoteProtocolError) as caught:
            read(pieces)
        assert caught.value.status == 400


@pytest.mark.parametrize("overhead", [0, 1, 2, 5, 100])
def test_the_bound_is_inclusive(overhead: int) -> None:
    """Extensions and trailers, their CRLFs included, together: at the bound passes, one more does not."""

    def bodies(size: int) -> list[bytes]:
        made = [b"1;" + b"a" * (size - 1) + b"\r\nx\r\n0\r\n\r\n"] if size > 1 else []
        if size > 4:
            made.append(b"0\r\nX:" + b"y" * (size - 4) + b"\r\n\r\n")
        if size > 5:
            made.append(b"0;a\r\nX:" + b"y" * (size - 6) + b"\r\n\r\n")
        return made or [b"0\r\n\r\n"] * (size == 0)

    for data in bodies(overhead):
        for offset in range(1, len(data)):
            assert read([data[:offset], data[offset:]], overhead)[2]
        assert read(in_bytes(data), overhead)[2]
    for data in bodies(overhead + 1):
        for pieces in ([data], in_bytes(data)):
            with pytest.raises(RemoteProtocolError):
                read(pieces, overhead)


def test_an_endless_line_is_refused_before_it_ends() -> None:
    for line in (b"5;" + b"a" * 200, b"0\r\nX: " + b"y" * 200, b"1" * 200):
        reader, fed = ChunkedReader(100), 0
        with pytest.raises(RemoteProtocolError):
            for piece in in_bytes(line):
                fed += 1
                reader.feed(piece)
        assert fed <= 125


def test_what_is_announced() -> None:
    reader = ChunkedReader(100)
    assert reader.announced == 0
    reader.feed(b"a\r\n0123")
    assert reader.announced == 6
    reader.feed(b"456789\r")
    assert reader.announced == 0
    reader.feed(b"\n7FFFFFFFFFFFFFFF\r\n")
    assert reader.announced == 2**63 - 1


def test_nothing_is_kept_but_an_incomplete_line() -> None:
    reader = ChunkedReader(100)
    assert reader.feed(b"100000\r\n" + b"x" * 65_536) == (b"x" * 65_536, b"")
    assert reader.feed(b"y" * 10) == (b"y" * 10, b"")


def test_encode_chunk() -> None:
    assert encode_chunk(b"hello") == b"5\r\nhello\r\n"
    assert encode_chunk(b"x" * 31)[:4] == b"1f\r\n"
    assert encode_chunk(b"") == b""


def test_encode_last_chunk() -> None:
    assert encode_last_chunk() == LAST_CHUNK
    assert encode_last_chunk(iter([("A", "b"), ("C", "")])) == b"0\r\nA: b\r\nC: \r\n\r\n"


@pytest.mark.parametrize(
    "trailer", [("Content-Length", "5"), ("HOST", "a"), ("A", "b\r\nC: d"), ("A b", "c"), (1, "a")]
)
def test_a_trailer_that_must_not_be_is_not_written(trailer: tuple[str, str]) -> None:
    with pytest.raises(LocalProtocolError):
        encode_last_chunk([trailer])


@given(
    chunks=st.lists(st.binary(max_size=40)),
    trailers=st.lists(st.tuples(st.sampled_from(["A", "x-y"]), st.sampled_from(["", "b c", "\xff"])), max_size=3),
    cuts=st.lists(st.integers(0, 400)),
    behind=st.binary(max_size=5),
)
def test_what_is_written_is_read(chunks: list[bytes], trailers: Trailers, cuts: list[int], behind: bytes) -> None:
    data = b"".join(map(encode_chunk, chunks)) + encode_last_chunk(trailers) + behind
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert read(pieces) == (b"".join(chunks), behind, True, trailers)
