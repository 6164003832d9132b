"""`application/x-www-form-urlencoded`, the form of queries and of plain forms, read as browsers write it.

The rules are those of the WHATWG's URL Standard (§5.1), which no input can break: what is not a pair is one with an
empty value, a "%" that begins no byte stands for itself, and bytes that are not UTF-8 become U+FFFD. So that what a
client sends costs no more than it should, the number of pairs is bounded and counted before anything is split.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from salver.protocol.errors import RemoteProtocolError

# More names than any form has; what hash tables and lists of a longer one would weigh is a client's to choose.
MAX_PAIRS = 1_000


def parse_urlencoded(data: bytes, most: int = MAX_PAIRS) -> list[tuple[str, str]]:
    """The (name, value) pairs of a query or a form, in order.

    Raises `RemoteProtocolError` with the hint 413 for more than `most` pairs (empty ones between two "&" count too).
    Linear in the length.
    """
    if data.count(b"&") >= most:
        raise RemoteProtocolError(f"there may be {most} pairs in a query or a form", 413)
    pairs = []
    for piece in data.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((_decoded(name), _decoded(value)))
    return pairs


def _decoded(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode("utf-8", "replace")
