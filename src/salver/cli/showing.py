"""A response on a terminal: nothing in it moves the cursor, changes a colour, or turns text around.

What a server sends is shown, not obeyed: control characters are written as escapes. JSON is arranged and coloured,
token by token, so that what is shown is what came: no number is rounded, no name dropped. Binary content is refused.
This file writes nothing.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator

from salver.cli.errors import printable
from salver.client import Response
from salver.semantics.content_types import is_json_type, parse_content_type

# C0 but tab and line feed, DEL, C1, halves of surrogate pairs, and what turns the direction of text.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BINARY = frozenset(("image", "audio", "video", "font"))
_WIDE = ("utf-16", "utf-32")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)

JSON_MOST = 4_194_304  # bytes of JSON that are arranged; more is shown as it comes
_INDENT = "  "


def shown(text: str) -> str:
    """`text` with its lines, and everything in it that a terminal would obey as an escape."""
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def head_lines(response: Response) -> list[str]:
    """The status line and the fields, each printable and on one line."""
    return [printable(_read(line)) for line in raw_head(response).split(b"\r\n") if line]


def _read(line: bytes) -> str:
    """UTF-8 where it is that; else each byte is a character (RFC 9110 §5.5: obs-text)."""
    try:
        return line.decode()
    except UnicodeError:
        return line.decode("latin-1")


def raw_head(response: Response) -> bytes:
    """The head as it came, for what is no terminal."""
    first = f"{response.http_version} {response.status} {response.head.reason}".rstrip()
    return first.encode("latin-1") + b"\r\n" + response.head.section.raw


def is_json(response: Response) -> bool:
    """Does it say that it is one JSON text?"""
    return is_json_type(parse_content_type(response.headers.get("content-type", ""))[0])


def looks_binary(response: Response, start: bytes) -> bool:
    """Is content that begins with `start` nothing to be read on a terminal?"""
    media_type = parse_content_type(response.headers.get("content-type", ""))[0]
    if media_type.partition("/")[0] in _BINARY and media_type != "image/svg+xml":
        return True
    return b"\0" in start and not response.charset.startswith(_WIDE)


def as_text(parts: Iterator[bytes], charset: str) -> Iterator[str]:
    """The text of `parts`, harmless; every kind of line end is a line feed. The last line gets one, too."""
    bytes_decoder = codecs.getincrementaldecoder(charset)("replace")
    decoder = io.IncrementalNewlineDecoder(bytes_decoder, translate=True)
    last = "\n"
    for part in parts:
        text = decoder.decode(part)
        if text:
            last = text[-1]
            yield shown(text)
    text = decoder.decode(b"", final=True)
    if text:
        yield shown(text)
    if (text or last)[-1] != "\n":
        yield "\n"


def maybe_arranged(content: bytes) -> str | None:
    """JSON with a line for each member and element, None for what is none."""
    try:
        text = content.decode("utf-8-sig")
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return "".join(_arranged(_TOKEN.findall(text))) + "\n"


def _arranged(tokens: list[str]) -> Iterator[str]:
    depth = 0
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in ("{", "["):
            depth += 1
            yield token if following in ("}", "]") else f"{token}\n{_INDENT * depth}"
        elif token in ("}", "]"):
            depth -= 1
            before = tokens[place - 1]
            yield token if before in ("{", "[") else f"\n{_INDENT * depth}{token}"
        elif token == ",":
            yield f",\n{_INDENT * depth}"
        elif token == ":":
            yield ": "
        else:
            yield _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", token)
