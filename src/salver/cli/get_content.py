"""What `salver get` sends: -d, --json, -F and -T read as curl reads them, as options of the client's request."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Any, BinaryIO

from salver.cli.errors import printable, reason_of
from salver.cli.get_arguments import Sent
from salver.cli.get_errors import FetchFailed

_CANNOT_READ = 26  # curl's
_FILE_SAYS = re.compile(r";[ \t]*(type|filename)=(\"[^\"]*\"|(?:(?!;[ \t]*(?:type|filename)=).)*)", re.DOTALL)


def content_options(sent: Sent, closing: contextlib.ExitStack) -> dict[str, Any]:
    """Options of `Client.request`; files that they name are open until `closing`. Raises `FetchFailed`."""
    if not sent.kind or sent.in_query:
        return {}
    if sent.kind == "data":
        return {"content": joined(sent)}
    if sent.kind == "json":
        return {"content": b"".join(_data(how, text) for how, text in sent.texts)}
    if sent.kind == "file":
        return {"content": closing.enter_context(_opened(sent.texts[0][1]))}
    return {"files": [_part(text, closing) for _, text in sent.texts]}


def joined(sent: Sent) -> bytes:
    """What several -d give, with "&" between them."""
    return b"&".join(_data(how, text) for how, text in sent.texts)


def _data(how: str, text: str) -> bytes:
    if how == "plain" or not text.startswith("@"):
        return _encoded(text)
    with _opened(text[1:]) as file:
        data = _read(file, text[1:])
    return data if how == "binary" else data.translate(None, b"\r\n\0")


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # bytes of an argument that are no text, as they were


def _opened(name: str) -> Any:
    """A binary file; the standard input, that is nobody's to close, for "-"."""
    if name == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return open(name, "rb")
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None


def _read(file: BinaryIO, name: str) -> bytes:
    try:
        return file.read()
    except OSError as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: Exception) -> FetchFailed:
    reason = reason_of(error) if isinstance(error, OSError) else str(error)
    return FetchFailed(_CANNOT_READ, f"cannot read {printable(name)}: {reason}")


def _part(text: str, closing: contextlib.ExitStack) -> tuple[str, Any]:
    """A part of a form: "name=value", "name=@file", "name=<file" (a file's text as the value)."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise FetchFailed(2, f"the part {printable(text)} has no name; write it as name=value, or name=@FILE")
    if value[:1] not in ("@", "<"):
        return name, (None, _encoded(value))
    path = _FILE_SAYS.sub("", value[1:])
    said = {key: said.strip('"') for key, said in _FILE_SAYS.findall(value[1:])}
    file = closing.enter_context(_opened(path))
    if value[0] == "<":
        return name, (None, _read(file, path))
    filename = said.get("filename", path.rpartition("/")[2])
    return name, (filename, file, said["type"]) if "type" in said else (filename, file)
