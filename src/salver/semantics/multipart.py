"""multipart/form-data as it is written (RFC 7578): what stands around the bodies of its parts.

Names and file names are escaped as browsers do it (HTML §4.10.22.8): no quote and no line feed of theirs can end a
header. This file has no bodies, and so knows no length, nor what the boundary must not be in: whoever writes a form
takes 128 random bits for one.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable
from mimetypes import guess_type

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def content_type(boundary: str) -> str:
    """The media type of the whole."""
    return f"multipart/form-data; boundary={boundary}"


def part_head(name: str, filename: str | None, fields: Iterable[tuple[str, str]] = ()) -> str:
    """The header of one part: its name, its file's name if it is a file, and more `fields`, which stand as they are."""
    lines = [f'Content-Disposition: form-data; name="{_escaped(name)}"']
    if filename is not None:
        lines[0] += f'; filename="{_escaped(filename)}"'
    return "\r\n".join([*lines, *(f"{each}: {value}" for each, value in fields)])


def opening(boundary: str, head: str) -> bytes:
    """What stands before the body of a part with this header; behind the body is a CRLF."""
    return f"--{boundary}\r\n{head}\r\n\r\n".encode()


def closing(boundary: str) -> bytes:
    """What stands behind the last part's CRLF."""
    return f"--{boundary}--\r\n".encode()


def file_type(filename: str) -> str:
    """The media type of a file by its name."""
    return guess_type(filename)[0] or "application/octet-stream"


def own_name(file: object) -> str:
    """What an open file is called; "" for what has no name of its own: a pipe's number, "<stdin>"."""
    name = getattr(file, "name", None) if hasattr(file, "read") else None
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    return "" if not isinstance(name, str) or name.startswith("<") else os.path.basename(name)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
