"""Content codings taken off: whole or in any pieces, to their end and not past it, and no bomb is ever in memory."""

from __future__ import annotations

import contextlib
import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.client import decoding
from salver.client.decoding import Codings, accepted, decoders
from salver.client.errors import BrokenCoding
from salver.semantics.codings import maybe_compressor, maybe_packer, maybe_zstd

TEXT = b"".join(b"line %d of a text that has some length\n" % number for number in range(3_000))
SHORT = b"hello, hello, hello, tray " * 4


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    compress = maybe_compressor("zstd")
    assert compress is not None
    return compress(data)


CODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "stored deflate": ("deflate", lambda data: zlib.compress(data, 0)),
    "bare stored": ("deflate", lambda data: bare(data, 0)),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd),
}


def bare(data: bytes, level: int) -> bytes:
    packer = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def taken_off(value: str, packed: bytes, size: int = 0) -> bytes:
    codings = Codings(value)
    found = b"".join(part for piece in pieces(packed, size) for part in codings.feed(piece))
    codings.end()
    return found


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    if not size:
        yield data
        return
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("size", [0, 1, 7, 1_000])
@pytest.mark.parametrize("name", CODERS)
def test_in_pieces_of_any_size(name: str, size: int) -> None:
    coding, pack = CODERS[name]
    assert taken_off(coding, pack(TEXT), size) == TEXT
    assert taken_off(coding, pack(b""), size) == b""


@pytest.mark.parametrize("name", CODERS)
def test_at_every_split(name: str) -> None:
    coding, pack = CODERS[name]
    packed = pack(SHORT)
    for at in range(len(packed) + 1):
        codings = Codings(coding)
        assert b"".join((*codings.feed(packed[:at]), *codings.feed(packed[at:]))) == SHORT
        codings.end()


@pytest.mark.parametrize("name", CODERS)
def test_cut_off_anywhere(name: str) -> None:
    coding, pack = CODERS[name]
    packed = pack(SHORT)
    for at in range(1, len(packed)):
        with pytest.raises(BrokenCoding):
            taken_off(coding, packed[:at])


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_no_body_at_all_is_no_fault(coding: str) -> None:
    """Of a HEAD, of a 304, and of servers that name a coding for nothing."""
    assert taken_off(coding, b"") == b""


@given(st.sampled_from(sorted(CODERS)), st.binary(max_size=400), st.integers(1, 60))
def test_whatever_is_packed(name: str, data: bytes, size: int) -> None:
    coding, pack = CODERS[name]
    assert taken_off(coding, pack(data), size) == data


@given(st.sampled_from(sorted(CODERS)), st.binary(min_size=1, max_size=200), st.integers(0, 60))
def test_whatever_comes(name: str, data: bytes, size: int) -> None:
    with contextlib.suppress(BrokenCoding):
        taken_off(CODERS[name][0], data, size)


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate"])
def test_one_bit_changed(name: str) -> None:
    coding, pack = CODERS[name]
    packed = bytearray(pack(SHORT))
    for at in range(len(packed)):
        changed = bytes(packed[:at]) + bytes([packed[at] ^ 0x10]) + bytes(packed[at + 1 :])
        with contextlib.suppress(BrokenCoding):
            taken_off(coding, changed)


# Several members, and what is behind them


@pytest.mark.parametrize("size", [0, 1, 5])
def test_several_members(size: int) -> None:
    assert taken_off(
        "gzip", gzip.compress(b"a", mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(b"b" * 9_000), size
    ) == (b"a" + b"b" * 9_000)
    assert taken_off("zstd", zstd(b"a") + zstd(b"b"), size) == b"ab"
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00meta"  # RFC 8878 §3.1.2
    assert taken_off("zstd", zstd(b"a") + skippable + zstd(b"b"), size) == b"ab"


@pytest.mark.parametrize("size", [0, 1, 100])
def test_zeros_fill_up_the_last_block_of_gzip(size: int) -> None:
    assert taken_off("gzip", gzip.compress(b"a", mtime=0) + bytes(512), size) == b"a"


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"a", mtime=0) + b"garbage"),
        ("gzip", gzip.compress(b"a", mtime=0) + b"\0garbage"),
        ("gzip", gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0)[:9]),
        ("deflate", zlib.compress(b"a") + b"garbage"),
        ("deflate", zlib.compress(b"a") + zlib.compress(b"b")),
        ("deflate", bare_deflate(b"a") + b"garbage"),
        ("br", brotli.compress(b"a") + b"garbage"),
        ("zstd", zstd(b"a") + b"garbage"),
    ],
)
def test_garbage_behind_the_end(coding: str, packed: bytes, size: int) -> None:
    with pytest.raises(BrokenCoding):
        taken_off(coding, packed, size)


# One over another


def test_one_over_another() -> None:
    assert taken_off("gzip, br", brotli.compress(gzip.compress(TEXT))) == TEXT
    assert taken_off(" GZIP ,, identity , deflate", zlib.compress(gzip.compress(TEXT)), 7) == TEXT
    assert taken_off("identity", b"plain") == b"plain"
    assert taken_off("", b"plain") == b"plain"


def test_what_is_unknown_stays() -> None:
    codings = Codings("gzip, mystery")
    assert not codings.known
    assert b"".join(codings.feed(b"as it came")) == b"as it came"
    codings.end()


def test_too_many() -> None:
    with pytest.raises(BrokenCoding, match="5 content codings"):
        Codings("gzip, " * 5)


# Bombs


def bomb(coding: str) -> bytes:
    """64 MB of nothing."""
    make = maybe_packer(coding)
    if coding == "deflate":
        packer = zlib.compressobj(9)
        return b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(64)), packer.flush()])
    assert make is not None
    packing = make()
    return b"".join([*(packing.pack(bytes(1_000_000)) for _ in range(64)), packing.finish()])


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_never_in_memory(coding: str) -> None:
    packed = bomb(coding)
    assert len(packed) < 200_000
    tracemalloc.start()
    try:
        size = 0
        codings = Codings(coding)
        for part in codings.feed(packed):
            size += len(part)
            assert len(part) <= 1_000_000  # brotli's limit is a hint
        codings.end()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 64_000_000
    assert peak < 4_000_000


def test_a_bomb_in_a_bomb_is_never_in_memory() -> None:
    packed = gzip.compress(brotli.compress(gzip.compress(bytes(50_000_000))))
    tracemalloc.start()
    try:
        codings = Codings("gzip, br, gzip")
        assert sum(len(part) for part in codings.feed(packed)) == 50_000_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_a_window_that_is_too_wide_is_refused() -> None:
    """RFC 9659: 8 MB; a frame may ask for gigabytes."""
    module = maybe_zstd()
    wide = module.CompressionParameter
    packer = module.ZstdCompressor(options={wide.window_log: 26, wide.content_size_flag: 0})
    packed = packer.compress(b"x" * 100_000) + packer.flush()
    with pytest.raises(BrokenCoding):
        taken_off("zstd", packed)


# What is asked for


def test_what_is_accepted() -> None:
    assert accepted() == "gzip, deflate, br, zstd"


def test_without_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "has_zstd", lambda: False)
    monkeypatch.setitem(sys.modules, "brotli", None)
    decoders.cache_clear()
    accepted.cache_clear()
    try:
        assert accepted() == "gzip, deflate"
        assert not Codings("br").known
    finally:
        monkeypatch.undo()
        decoders.cache_clear()
        accepted.cache_clear()


def test_a_brotli_that_knows_no_limit_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        class Decompressor:
            pass

    monkeypatch.setitem(sys.modules, "brotli", Old)
    decoders.cache_clear()
    try:
        assert "br" not in decoders()
    finally:
        monkeypatch.undo()
        decoders.cache_clear()
