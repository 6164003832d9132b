"""Compressors: the same bytes each time, and None where a library is missing."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from salver.semantics import codings
from salver.semantics.codings import (
    CODINGS,
    has_zstd,
    lasting_packer,
    maybe_compressor,
    maybe_packer,
    maybe_zstd,
)

DATA = b"the same again and again, " * 100


@pytest.fixture(autouse=True)
def _forget() -> None:
    maybe_compressor.cache_clear()
    maybe_packer.cache_clear()


def test_gzip_is_always_there_and_has_no_time_in_it() -> None:
    compress = maybe_compressor("gzip")
    assert compress is not None
    assert gzip.decompress(compress(DATA)) == DATA
    assert compress(DATA) == compress(DATA)
    assert compress(DATA)[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize(("coding", "home"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_with_its_library(coding: str, home: str) -> None:
    library = pytest.importorskip(home)
    compress = maybe_compressor(coding)
    assert compress is not None
    assert library.decompress(compress(DATA)) == DATA
    assert compress(DATA) == compress(DATA)


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_without_its_library(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(codings, "import_module", missing)
    assert maybe_compressor(coding) is None
    assert maybe_packer(coding) is None
    maybe_compressor.cache_clear()
    maybe_packer.cache_clear()


@pytest.mark.parametrize(
    ("there", "has"),
    [(["_zstd"], True), (["backports.zstd"], True), (["backports", "compression"], False), ([], False)],
)
def test_whether_there_is_zstd_is_known_without_it(
    there: list[str], has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(name: str) -> object:
        if "." in name and not there:
            raise ModuleNotFoundError(name)  # what it would be in
        return name if name in there else None

    monkeypatch.setattr(codings, "find_spec", found)
    assert has_zstd() is has


def test_zstd_is_there_where_it_is_said_to_be() -> None:
    assert has_zstd() is (maybe_zstd() is not None)


@pytest.mark.parametrize("home", ["compression.zstd", "backports.zstd"])
def test_zstd_has_two_homes(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> object:
        if name != home:
            raise ImportError(name)
        return SimpleNamespace(compress=lambda data, level: b"packed")

    monkeypatch.setattr(codings, "import_module", found)
    compress = maybe_compressor("zstd")
    assert compress is not None
    assert compress(DATA) == b"packed"
    maybe_compressor.cache_clear()


def test_others_are_not_known() -> None:
    assert maybe_compressor("deflate") is None
    assert maybe_packer("deflate") is None
    assert set(CODINGS) == {"br", "zstd", "gzip"}


def _unpacker(coding: str) -> Callable[[bytes], bytes]:
    if coding == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress
    if coding == "br":
        return pytest.importorskip("brotli").Decompressor().process  # type: ignore[no-any-return]
    return pytest.importorskip("backports.zstd").ZstdDecompressor().decompress  # type: ignore[no-any-return]


@pytest.mark.parametrize("coding", CODINGS)
def test_each_piece_can_be_read_when_it_has_come(coding: str) -> None:
    unpack, make = _unpacker(coding), maybe_packer(coding)
    assert make is not None
    packer = make()
    for piece in (b"data: 1\n\n", DATA, b"x", b"data: 2\n\n"):
        assert unpack(packer.pack(piece)) == piece
    assert unpack(packer.finish()) == b""


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_without_a_piece_is_a_body_all_the_same(coding: str) -> None:
    unpack, make = _unpacker(coding), maybe_packer(coding)
    assert make is not None
    assert unpack(make().finish()) == b""


def test_one_that_lasts_costs_little_and_is_gzip_all_the_same() -> None:
    packer, unpack = lasting_packer(), _unpacker("gzip")
    for piece in (b"data: 1\n\n", DATA * 50, b"data: 2\n\n"):
        assert unpack(packer.pack(piece)) == piece
    assert unpack(packer.finish()) == b""
