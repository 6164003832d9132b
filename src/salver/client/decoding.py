"""Content codings of responses, taken off as the body arrives: gzip, deflate, br and zstd, one over another.

What comes out is counted: a response whose content grows past the cap is given up before it is in memory (a few
kilobytes may unpack to gigabytes). A decoder takes some bytes and gives some; at the end it says whether the coding
was whole. `br` and `zstd` are offered where their libraries are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Protocol

from salver.client.errors import BrokenCoding, ResponseTooLarge
from salver.semantics.codings import has_zstd, maybe_zstd
from salver.semantics.decoding import Inflater

_STEP = 262_144  # bytes that come out at once, at most: what bounds the memory of a bomb
_ZSTD_WINDOW_LOG = 23
_MOST_CODINGS = 4  # nobody stacks more but to do harm


class Decoder(Protocol):
    """One coding being taken off."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds, in parts of bounded size. Raises one of the coding library's errors."""

    def is_whole(self) -> bool:
        """Nothing is missing at the end."""


class _Zlib:
    """gzip, or deflate."""

    def __init__(self, coding: str) -> None:
        self._inner = Inflater(coding)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(data)
        return self._inner.feed(data)

    def is_whole(self) -> bool:
        return not self._begun or self._inner.complete


class _Brotli:
    def __init__(self) -> None:
        import brotli

        self._inner: Any = brotli.Decompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(data)
        inner = self._inner
        out = inner.process(data, output_buffer_limit=_STEP)
        # It may say that it could take more while there is still something to give: then it is asked until it is not.
        while out or not inner.can_accept_more_data():
            yield out
            if inner.is_finished():
                return
            out = inner.process(b"", output_buffer_limit=_STEP)

    def is_whole(self) -> bool:
        return not self._begun or bool(self._inner.is_finished())


class _Zstd:
    """One or more frames (RFC 8878 §3.1), with a window of 8 MB at most (RFC 9659 §3)."""

    def __init__(self) -> None:
        self._module = maybe_zstd()
        self._inner: Any = self._make()
        self._begun = False

    def _make(self) -> Any:
        module = self._module
        return module.ZstdDecompressor(options={module.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner.eof:
                self._inner = self._make()
            self._begun = True
            yield self._inner.decompress(data, _STEP)
            while not self._inner.needs_input and not self._inner.eof:
                yield self._inner.decompress(b"", _STEP)
            data = self._inner.unused_data if self._inner.eof else b""

    def is_whole(self) -> bool:
        return not self._begun or bool(self._inner.eof)


@cache
def decoders() -> dict[str, Callable[[], Decoder]]:
    """The codings that can be taken off here, by their names (RFC 9110 §8.4.1)."""
    gzip = partial(_Zlib, "gzip")
    found: dict[str, Callable[[], Decoder]] = {"gzip": gzip, "x-gzip": gzip, "deflate": partial(_Zlib, "deflate")}
    if _can_limit_brotli():
        found["br"] = _Brotli
    if has_zstd():
        found["zstd"] = _Zstd
    return found


def _can_limit_brotli() -> bool:
    """Before 1.2 the library gives all of a bomb at once: then better none."""
    try:
        import brotli
    except ImportError:
        return False
    return hasattr(brotli.Decompressor, "can_accept_more_data")


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
