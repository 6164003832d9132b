"""Compressing while somebody waits, once per file and coding.

Packing takes the processor for a while, so what is large is packed only after handing over, by one thread at a time
per file; whoever comes meanwhile, or when no thread may be spared, is sent the file as it is. That is right in any
case: a client that takes a coding takes the plain bytes too.
"""

from __future__ import annotations

from salver.files.file_cache import Entry, FileCache
from salver.lookup import OpenFile
from salver.representation import Representation
from salver.request import Request
from salver.semantics.codings import INLINE, LARGEST, SMALLEST, maybe_compressor
from salver.semantics.etags import encoded_etag
from salver.semantics.media_types import is_compressible


class Packer:
    """Chooses and makes compressed representations. Safe to use from several threads."""

    __slots__ = ("_cache",)

    def __init__(self, cache: FileCache) -> None:
        self._cache = cache

    def is_worth(self, content_type: str, size: int) -> bool:
        """Is a file of this type and size, in bytes, compressed on the way?"""
        return SMALLEST <= size <= LARGEST and is_compressible(content_type)

    def choose(self, entry: Entry, codings: str, request: Request) -> Representation:
        """The representation in the best liked of `codings` (joined by ",") that we can make; plain if in none."""
        coding = next((each for each in codings.split(",") if maybe_compressor(each) is not None), None)
        if coding is None:
            chosen = entry.ready[codings] = entry.plain
            return chosen
        packed = entry.packed.get(coding) or self._maybe_pack(entry, coding, request)
        if packed is None:
            return entry.plain
        entry.ready[codings] = packed
        return packed

    def _maybe_pack(self, entry: Entry, coding: str, request: Request) -> Representation | None:
        """None for "not now"."""
        if not entry.compressing.acquire(blocking=False):
            return None
        try:
            packed = entry.packed.get(coding)
            if packed is not None or (entry.plain.size > INLINE and not request.hand_over()):
                return packed
            packed = _packed(entry.plain, coding)
            if packed is not None:
                self._cache.add_packed(entry, coding, packed)
            return packed
        finally:
            entry.compressing.release()


def _packed(plain: Representation, coding: str) -> Representation | None:
    """`plain` in a content coding; `plain` itself where that is not smaller, None where it cannot be read now."""
    compress, data = maybe_compressor(coding), _content(plain)
    if compress is None or data is None:
        return None
    body = compress(data)
    if len(body) >= len(data):
        return plain
    fields = (("Content-Encoding", coding), *plain.extra_fields)
    etag = encoded_etag(plain.etag, coding)
    return Representation(body, plain.content_type, etag, plain.modified_at, fields)


def _content(plain: Representation) -> bytes | None:
    if not isinstance(plain.content, OpenFile):
        return plain.content
    try:
        return plain.content.read()
    except OSError:
        return None
