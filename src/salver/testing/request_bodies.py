"""What a test gives as the body of a request, as the bytes that a client sends: a form, JSON, files, or bytes as they
are. This file does not send; a body is its content type and its pieces."""

from __future__ import annotations

import json as json_text
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, NamedTuple, Union
from urllib.parse import urlencode

from salver.semantics import multipart

__all__ = ["NO_BODY", "Content", "FormData", "Pairs", "RequestBody", "Upload", "Uploads", "make_body", "pairs_of"]

Value = Union[str, int, float, None]
Pairs = Union[Mapping[str, Union[Value, Sequence[Value]]], Iterable[tuple[str, Value]]]
FormData = Union[Pairs, bytes, str]
Content = Union[bytes, str, Iterable[bytes]]
# The file, or (its name, the file), or (its name, the file, its media type).
File = Union[bytes, str, IO[bytes]]
Upload = Union[File, tuple[Union[str, None], File], tuple[Union[str, None], File, str]]
Uploads = Union[Mapping[str, Union[Upload, list[Upload]]], Iterable[tuple[str, Upload]]]


class RequestBody(NamedTuple):
    """`pieces` one after the other; `length` in bytes, None where they are to be sent in chunks."""

    content_type: str | None
    pieces: Iterable[bytes]
    length: int | None


NO_BODY = RequestBody(None, (), 0)


def make_body(content: Content | None, data: FormData | None, json: Any, files: Uploads | None) -> RequestBody:
    """The body that these say; at most one of `content`, `json`, and `data` (with `files`, if any) may be given.

    Raises TypeError where several are.
    """
    given = [
        name
        for name, value in (("content", content), ("json", json), ("data or files", data or files))
        if value is not None
    ]
    if len(given) > 1:
        raise TypeError(f"a request has one body: give {' or '.join(given)}")
    if files is not None:
        if isinstance(data, (bytes, str)):
            raise TypeError("beside files, data is a mapping of fields")
        return _multipart(data or (), files)
    if json is not None:
        return _whole("application/json", json_text.dumps(json, allow_nan=False).encode())
    if data is not None and not isinstance(data, (bytes, str)):
        return _whole("application/x-www-form-urlencoded", urlencode(pairs_of(data)).encode())
    return _as_it_is(content if data is None else data)


def pairs_of(given: Pairs) -> list[tuple[str, str]]:
    """Names and values in order; a sequence as a value stands for the name as often, None for an empty value."""
    items = given.items() if isinstance(given, Mapping) else given
    found: list[tuple[str, str]] = []
    for name, value in items:
        values = value if isinstance(value, (list, tuple)) else [value]
        found += [(str(name), "" if each is None else str(each)) for each in values]
    return found


def _whole(content_type: str | None, body: bytes) -> RequestBody:
    return RequestBody(content_type, (body,), len(body))


def _as_it_is(content: Content | None) -> RequestBody:
    if content is None:
        return NO_BODY
    if isinstance(content, str):
        return _whole("text/plain; charset=utf-8", content.encode())
    if isinstance(content, (bytes, bytearray, memoryview)):
        return _whole(None, bytes(content))
    return RequestBody(None, content, None)


def _multipart(data: Pairs, files: Uploads) -> RequestBody:
    boundary = secrets.token_hex(16)
    parts = [(multipart.part_head(name, None), value.encode()) for name, value in pairs_of(data)]
    parts += [_file_part(name, upload) for name, upload in _uploads(files)]
    pieces = [piece for head, body in parts for piece in (multipart.opening(boundary, head), body, b"\r\n")]
    return _whole(multipart.content_type(boundary), b"".join([*pieces, multipart.closing(boundary)]))


def _uploads(files: Uploads) -> list[tuple[str, Upload]]:
    items = files.items() if isinstance(files, Mapping) else files
    found: list[tuple[str, Upload]] = []
    for name, given in items:
        found += [(name, each) for each in given] if isinstance(given, list) else [(name, given)]
    return found


def _file_part(name: str, upload: Upload) -> tuple[str, bytes]:
    if isinstance(upload, tuple):
        filename, file, content_type = (*upload, None)[:3]
    else:
        filename, file, content_type = multipart.own_name(upload) or name, upload, None
    if content_type is None:
        content_type = multipart.file_type(filename or "")
    if isinstance(file, str):
        file = file.encode()
    head = multipart.part_head(name, filename, [("Content-Type", content_type)])
    return head, file if isinstance(file, bytes) else file.read()
