"""Content codings that are made here (RFC 9110 §8.4.1): which there are, and how to make them, at once or by pieces.

gzip is always there. br and zstd come from libraries (zstd from the standard library since 3.14), which are imported
when a client first wants them; where one is missing, its coding is not offered. Output depends on the input and the
library alone (gzip's own time stamp is left 0), so that several processes give one representation the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

# In the order of preference where the client has none; with the suffix of a file compressed beforehand.
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
CODINGS = tuple(SUFFIXES)

# What is worth it, in bytes: below the first a packet is a packet, up to the second it takes less than a millisecond,
# and the last takes about 100 ms of one processor.
SMALLEST = 1_024
INLINE = 16_384
LARGEST = 4 * 1024 * 1024

# Levels for compressing while somebody waits: near the knee where more time stops buying size.
_GZIP_LEVEL = 6
_GZIP_CONTAINER = 16 + zlib.MAX_WBITS
# For a body that may be open for hours beside thousands of others: 32 KB of memory instead of 256 (and of megabytes for
# the other codings), for a window of 4 KB.
_LASTING_CONTAINER, _LASTING_MEMORY = 16 + 12, 5
_BR_QUALITY = 5
_ZSTD_LEVEL = 3

_ZSTD_HOMES = ("compression.zstd", "backports.zstd")
_ZSTD_SIGNS = ("_zstd", "backports.zstd")  # a Python may have been built without the first home's library

Compress = Callable[[bytes], bytes]


class StreamPacker(Protocol):
    """One body compressed piece by piece. Used by one thread at a time."""

    def pack(self, data: bytes) -> bytes:
        """`data` compressed and flushed: whoever has what came so far can read all of it."""

    def finish(self) -> bytes:
        """The end of the coding; called once, and nothing after it."""


@lru_cache(8)
def maybe_compressor(coding: str) -> Compress | None:
    """The function that compresses to `coding`, None where what it needs is not installed. Imports on first use."""
    if coding == "gzip":
        return _gzip
    if coding == "br":
        return _br()
    if coding == "zstd":
        return _zstd()
    return None


@lru_cache(8)
def maybe_packer(coding: str) -> Callable[[], StreamPacker] | None:
    """What makes a `StreamPacker` for each body in `coding`, None as above. Imports on first use."""
    if coding == "gzip":
        return _GzipPacker
    if coding == "br":
        brotli = _maybe_module("brotli")
        return None if brotli is None else lambda: _BrPacker(brotli)
    if coding == "zstd":
        zstd = maybe_zstd()
        return None if zstd is None else lambda: _ZstdPacker(zstd)
    return None


def lasting_packer() -> StreamPacker:
    """A packer to "gzip" that costs little memory, for a body that is mostly waiting."""
    return _GzipPacker(_LASTING_CONTAINER, _LASTING_MEMORY)


def maybe_zstd() -> Any:
    """The module for zstd, None where it is not installed."""
    return _maybe_module(*_ZSTD_HOMES)


def has_zstd() -> bool:
    """Whether `maybe_zstd` would give one, without importing it, which takes 10 ms."""
    return any(map(_is_installed, _ZSTD_SIGNS))


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # what it would be in is not there
        return False


def _maybe_module(*homes: str) -> Any:
    for home in homes:
        try:
            return import_module(home)
        except ImportError:
            continue
    return None


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_CONTAINER)
    return packer.compress(data) + packer.flush()


def _br() -> Compress | None:
    brotli = _maybe_module("brotli")
    if brotli is None:
        return None
    return lambda data: bytes(brotli.compress(data, quality=_BR_QUALITY))


def _zstd() -> Compress | None:
    zstd = maybe_zstd()
    if zstd is None:
        return None
    return lambda data: bytes(zstd.compress(data, _ZSTD_LEVEL))


class _GzipPacker:
    __slots__ = ("_packer",)

    def __init__(self, container: int = _GZIP_CONTAINER, memory: int = zlib.DEF_MEM_LEVEL) -> None:
        self._packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, container, memory)

    def pack(self, data: bytes) -> bytes:
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._packer.flush()


class _BrPacker:
    __slots__ = ("_packer",)

    def __init__(self, brotli: Any) -> None:
        self._packer = brotli.Compressor(quality=_BR_QUALITY)

    def pack(self, data: bytes) -> bytes:
        return bytes(self._packer.process(data) + self._packer.flush())

    def finish(self) -> bytes:
        return bytes(self._packer.finish())


class _ZstdPacker:
    __slots__ = ("_packer",)

    def __init__(self, zstd: Any) -> None:
        self._packer = zstd.ZstdCompressor(_ZSTD_LEVEL)

    def pack(self, data: bytes) -> bytes:
        packer = self._packer
        return bytes(packer.compress(data) + packer.flush(packer.FLUSH_BLOCK))

    def finish(self) -> bytes:
        return bytes(self._packer.flush())
