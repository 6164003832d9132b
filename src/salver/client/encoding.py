"""What the caller gives (`content`, `data`, `files`, `json`) as a body and its media type.

multipart/form-data is written part by part, so that a file of gigabytes is never in memory and its length is known
beforehand. The boundary is 128 random bits.
"""

from __future__ import annotations

import json as _json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Union

from salver.client.content import Content, ContentLike, as_content, file_content
from salver.client.errors import InvalidRequest
from salver.client.url import encode_params, param_text
from salver.protocol.grammar import TOKEN
from salver.semantics import multipart

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

Encoded = tuple[Union[bytes, Content], Union[str, None]]


def encode(content: ContentLike, data: Any, files: Any, json: Any) -> Encoded:
    """(body, Content-Type or None). Raises `InvalidRequest` where more than one kind is given, or one cannot be
    sent."""
    given = [content is not None, data is not None or bool(files), json is not None]
    if sum(given) > 1:
        raise InvalidRequest("give one of content, data (with files) and json")
    if json is not None:
        return _json_bytes(json), JSON
    try:
        if files:
            return _multipart(data, files)
        return _form(data) if data is not None else (as_content(content), None)
    except TypeError as error:
        raise InvalidRequest(str(error)) from None
    except UnicodeEncodeError:
        raise InvalidRequest("what is to be sent has half a surrogate pair in it, which is no text") from None


def _json_bytes(value: Any) -> bytes:
    try:
        return _json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError
        raise InvalidRequest(f"this is no JSON: {error}") from None


def _form(data: Any) -> Encoded:
    if isinstance(data, (bytes, bytearray, memoryview)) or hasattr(data, "read"):
        return as_content(data), None
    if isinstance(data, str):
        return data.encode(), FORM
    if isinstance(data, Iterator):
        return as_content(data), None
    return encode_params(data).encode("ascii"), FORM


# multipart/form-data


def _multipart(data: Any, files: Any) -> tuple[Content, str]:
    boundary = os.urandom(16).hex()
    parts: list[tuple[str, bytes | Content]] = [_field_part(name, value) for name, value in _fields(data)]
    parts += [_file_part(name, value) for name, value in _pairs(files, "files")]
    heads = [multipart.opening(boundary, head) for head, _ in parts]
    bodies = [body for _, body in parts]
    end = multipart.closing(boundary)

    def whole() -> Iterator[bytes]:
        for head, body in zip(heads, bodies, strict=True):
            yield head
            if isinstance(body, bytes):
                yield body
            else:
                yield from body
            yield b"\r\n"
        yield end

    replayable = all(isinstance(body, bytes) or body.replayable for body in bodies)
    content = Content(_gathered(whole), _length(heads, bodies, end), replayable=replayable)
    return content, multipart.content_type(boundary)


def _gathered(parts: Callable[[], Iterator[bytes]], size: int = 65_536) -> Callable[[], Iterator[bytes]]:
    """Small parts together, so that a form of a hundred fields is not three hundred packets."""

    def gather() -> Iterator[bytes]:
        kept: list[bytes] = []
        length = 0
        for part in parts():
            kept.append(part)
            length += len(part)
            if length >= size:
                yield b"".join(kept) if len(kept) > 1 else part
                kept, length = [], 0
        if kept:
            yield b"".join(kept)

    return gather


def _length(heads: list[bytes], bodies: list[bytes | Content], end: bytes) -> int | None:
    total = len(end)
    for head, body in zip(heads, bodies, strict=True):
        size = len(body) if isinstance(body, bytes) else body.length
        if size is None:
            return None
        total += len(head) + size + 2
    return total


def _fields(data: Any) -> Iterator[tuple[str, Any]]:
    for name, value in _pairs(data, "data"):
        if isinstance(value, (list, tuple)):
            for each in value:
                yield name, each
        else:
            yield name, value


def _pairs(given: Any, what: str) -> Iterable[tuple[str, Any]]:
    if given is None:
        return []
    pairs = given.items() if isinstance(given, Mapping) else given
    try:
        return [(str(name), value) for name, value in pairs]
    except (TypeError, ValueError):
        raise InvalidRequest(f"{what} is a mapping, or pairs of a name and a value") from None


def _field_part(name: str, value: Any) -> tuple[str, bytes | Content]:
    body = value if isinstance(value, bytes) else param_text("" if value is None else value).encode()
    return multipart.part_head(name, None), body


def _file_part(name: str, value: Any) -> tuple[str, bytes | Content]:
    """`value`: a file, bytes or str; or (file name, one of those[, media type[, headers]])."""
    filename: str | None = None
    media_type: str | None = None
    headers: Mapping[str, str] = {}
    if isinstance(value, tuple):
        if not 2 <= len(value) <= 4:
            raise InvalidRequest(f"the file {name!r} is (file name, content[, media type[, headers]])")
        filename, value = value[0], value[1:]
        media_type = value[1] if len(value) > 1 else None
        headers = value[2] if len(value) > 2 else {}
        value = value[0]
    else:
        filename = multipart.own_name(value) or name
    try:
        body = file_content(value) if hasattr(value, "read") else as_content(value)
    except TypeError as error:
        raise InvalidRequest(f"the file {name!r}: {error}") from None
    if filename is not None:
        filename = str(filename)
        media_type = media_type or multipart.file_type(filename)
    if any(each.lower() == "content-type" for each in headers):
        media_type = None
    fields = [("Content-Type", _line(media_type))] if media_type else []
    fields += [(_token(each), _line(text)) for each, text in headers.items()]
    return multipart.part_head(name, filename, fields), body


def _token(text: str) -> str:
    if not text.isascii() or not TOKEN.fullmatch(text.encode()):
        raise InvalidRequest(f"{text!r} is no name of a field in the header of a part")
    return text


def _line(text: str) -> str:
    if any(character < " " or character == "\x7f" for character in text):
        raise InvalidRequest(f"{text!r} cannot stand in the header of a part")
    return text
