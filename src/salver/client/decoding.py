"""Content codings of responses, taken off as the body arrives: gzip, deflate, br and zstd, one over another.

What comes out is counted: a response whose content grows past the cap is given up before it is in memory (a few
kilobytes may unpack to gigabytes). A decoder takes some bytes and gives some; at the end it says whether the coding
was whole. `br` and `zstd` are offered where their libraries are there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

from salver.client.errors import BrokenCoding, ResponseTooLarge

_STEP = 262_144  # bytes that come out at once, at most: what bounds the memory of a bomb
_MOST_CODINGS = 4  # nobody stacks more but to do harm


class Decoder(Protocol):
    """One coding being taken off."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds, in parts of bounded size. Raises one of the coding library's errors."""

    def is_whole(self) -> bool:
        """Nothing is missing at the end."""


class _Zlib:
    """gzip of one or more members (RFC 1952 §2.2), or deflate."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._inner: Any = zlib.decompressobj(bits)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner.eof:
                if self._bits < 16 or not data.strip(b"\0"):  # deflate has one stream; gzip may be padded with zeros
                    return
                self._inner = zlib.decompressobj(self._bits)
            self._begun = True
            yield self._inner.decompress(data, _STEP)
            while self._inner.unconsumed_tail:
                yield self._inner.decompress(self._inner.unconsumed_tail, _STEP)
            data = self._inner.unused_data

    def is_whole(self) -> bool:
        return not self._begun or self._inner.eof


class _Deflate(_Zlib):
    """ "deflate" is the zlib format (RFC 9110 §8.4.1.2); servers that send the bare stream are many."""

    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS)
        self._first = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._begun:
            self._first += data
            if len(self._first) < 2:
                return
            data, self._first = self._first, b""
            if (data[0] & 0x0F) != 8 or int.from_bytes(data[:2]) % 31:  # RFC 1950 §2.2: CMF and FLG
                self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        yield from super().feed(data)


class _Brotli:
    def __init__(self) -> None:
        import brotli

        self._inner: Any = brotli.Decompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(data)
        yield self._inner.process(data, output_buffer_limit=_STEP)
        while not self._inner.can_accept_more_data():
            yield self._inner.process(b"", output_buffer_limit=_STEP)

    def is_whole(self) -> bool:
        return not self._begun or bool(self._inner.is_finished())


class _Zstd:
    """One or more frames (RFC 8878 §3.1)."""

    def __init__(self) -> None:
        self._module = _zstd_module()
        self._inner: Any = self._module.ZstdDecompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner.eof:
                self._inner = self._module.ZstdDecompressor()
            self._begun = True
            yield self._inner.decompress(data, _STEP)
            while not self._inner.needs_input and not self._inner.eof:
                yield self._inner.decompress(b"", _STEP)
            data = self._inner.unused_data if self._inner.eof else b""

    def is_whole(self) -> bool:
        return not self._begun or bool(self._inner.eof)


def _zstd_module() -> Any:
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    return zstd


def _gzip() -> Decoder:
    return _Zlib(16 + zlib.MAX_WBITS)


@cache
def decoders() -> dict[str, Callable[[], Decoder]]:
    """The codings that can be taken off here, by their names (RFC 9110 §8.4.1)."""
    found: dict[str, Callable[[], Decoder]] = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _Deflate}
    if find_spec("brotli") is not None:
        found["br"] = _Brotli
    if find_spec("compression") is not None or (find_spec("backports") and find_spec("backports.zstd")):
        found["zstd"] = _Zstd
    return found


@cache
def accepted() -> str:
    """The value of Accept-Encoding."""
    return ", ".join(name for name in ("gzip", "deflate", "br", "zstd") if name in decoders())


class Codings:
    """All codings of one body. Used by one thread."""

    def __init__(self, value: str) -> None:
        """`value`: of Content-Encoding. A coding that is not known here leaves the content as it came, as a browser
        saves it; where one was asked for too many, raises `BrokenCoding`."""
        names = [name.strip(" \t").lower() for name in value.split(",")]
        names = [name for name in names if name not in ("", "identity")]
        if len(names) > _MOST_CODINGS:
            raise BrokenCoding(f"the response has {len(names)} content codings, one over another")
        known = decoders()
        self.known = all(name in known for name in names)
        self._chain = [known[name]() for name in reversed(names)] if self.known else []

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds to the content. Raises `BrokenCoding`."""
        try:
            yield from _through(self._chain, data)
        except (BrokenCoding, ResponseTooLarge):
            raise
        except Exception as error:  # each library has an error of its own
            raise BrokenCoding(f"the content coding of the response is damaged: {error}") from None

    def end(self) -> None:
        """The body has ended. Raises `BrokenCoding` where the coding has not."""
        if not all(each.is_whole() for each in self._chain):
            raise BrokenCoding("the content coding of the response ends too early")


def _through(chain: list[Decoder], data: bytes) -> Iterator[bytes]:
    if not chain:
        yield data
        return
    for part in chain[0].feed(data):
        if part:
            yield from _through(chain[1:], part)
