"""Content codings undone, never past a limit."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.errors import RemoteProtocolError
from salver.semantics.decoding import content_coding, decoded

TEXT = b"Hello, World! " * 20_000
NOISE = random.Random(1).randbytes(200_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": [("gzip", gzip.compress(data, mtime=0), data) for data in (TEXT, NOISE, b"x", b"")]
    + [("gzip", gzip.compress(b"one ", mtime=0) + gzip.compress(b"two", mtime=0), b"one two")],
    "deflate": [
        ("deflate", pack(data), data) for pack in (zlib.compress, raw_deflate) for data in (TEXT, NOISE, b"x", b"")
    ],
}
CASES = PACKED["gzip"] + PACKED["deflate"]


@pytest.mark.parametrize(("coding", "packed", "data"), CASES)
@pytest.mark.parametrize("size", [1, 7, 1 << 30])
def test_undone_however_it_comes(coding: str, packed: bytes, data: bytes, size: int) -> None:
    if size == 1 and len(packed) > 10_000:
        size = 1_000
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    out = list(decoded(pieces, coding, len(data)))
    assert b"".join(out) == data and all(len(piece) <= 65_536 for piece in out)


@pytest.mark.parametrize("size", [1, 1 << 30])
def test_zeros_behind_the_last_member_are_nothing_and_garbage_behind_them_is_refused(size: int) -> None:
    """As tapes are filled up with them."""
    padded = gzip.compress(b"one ", mtime=0) + bytes(20)
    pieces = [padded[start : start + size] for start in range(0, len(padded), size)]
    assert b"".join(decoded(pieces, "gzip", 4)) == b"one "
    with pytest.raises(RemoteProtocolError) as caught:
        list(decoded([*pieces, b"garbage"], "gzip", 4))
    assert caught.value.status == 400


@pytest.mark.parametrize(("coding", "packed", "data"), [case for case in CASES if case[2]])
def test_one_byte_more_than_the_limit(coding: str, packed: bytes, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        list(decoded([packed], coding, len(data) - 1))
    assert caught.value.status == 413


@pytest.mark.parametrize(("coding", "packed", "data"), CASES)
def test_not_whole(coding: str, packed: bytes, data: bytes) -> None:
    for cut in {0, 1, len(packed) // 2, len(packed) - 1}:
        if (coding, cut, data) == ("gzip", 1, b"one two"):
            continue
        with pytest.raises(RemoteProtocolError) as caught:
            list(decoded([packed[:cut]], coding, 1 << 30))
        assert caught.value.status == 400


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", b"hello"),
        ("gzip", zlib.compress(b"x")),
        ("gzip", gzip.compress(b"x", mtime=0) + b"garbage"),
        ("deflate", gzip.compress(b"x", mtime=0)),
        ("deflate", zlib.compress(b"x") + b"garbage"),
        ("deflate", raw_deflate(b"x") + b"garbage"),
    ],
)
def test_not_in_the_coding(coding: str, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        list(decoded([data], coding, 1 << 20))
    assert caught.value.status == 400


def test_a_bomb_costs_no_memory() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError) as caught:
        for _ in decoded([bomb], "gzip", 16 << 20):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.status == 413 and peak < 2 << 20


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        (" GZip\t", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate", "deflate"),
    ],
)
def test_codings(field: str | None, coding: str | None) -> None:
    assert content_coding(field) == coding


@pytest.mark.parametrize("field", ["br", "zstd", "compress", "gzip, gzip", "gzip;q=1", "x"])
def test_unknown_codings(field: str) -> None:
    with pytest.raises(RemoteProtocolError, match="gzip and deflate") as caught:
        content_coding(field)
    assert caught.value.status == 415


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_no_other_exception(data: bytes, coding: str) -> None:
    try:
        list(decoded([data], coding, 1_000))
    except RemoteProtocolError:
        pass
