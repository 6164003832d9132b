"""Content codings that files are sent in: which there are, and how to make them.

gzip is always there. br and zstd come from libraries (zstd from the standard library since 3.14), which are imported
when a client first wants them; where one is missing, its coding is not offered. Output depends on the input and the
library alone (gzip's own time stamp is left 0), so that several processes give one representation the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

# In the order of preference where the client has none; with the suffix of a file compressed beforehand.
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
CODINGS = tuple(SUFFIXES)

# Levels for compressing while somebody waits: near the knee where more time stops buying size.
_GZIP_LEVEL = 6
_GZIP_CONTAINER = 16 + zlib.MAX_WBITS
_BR_QUALITY = 5
_ZSTD_LEVEL = 3

_ZSTD_HOMES = ("compression.zstd", "backports.zstd")

Compress = Callable[[bytes], bytes]


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


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_CONTAINER)
    return packer.compress(data) + packer.flush()


def _br() -> Compress | None:
    try:
        compress = import_module("brotli").compress
    except ImportError:
        return None
    return lambda data: bytes(compress(data, quality=_BR_QUALITY))


def _zstd() -> Compress | None:
    for home in _ZSTD_HOMES:
        try:
            compress = import_module(home).compress
        except ImportError:
            continue
        return lambda data: bytes(compress(data, _ZSTD_LEVEL))
    return None
