"""A handler class's response head: lines checked and encoded one by one, and what they say about the body.

A line with CR, LF or another control in it is a ValueError before a byte is made. Lines recur, so they are
remembered, bounded, less those that may be secrets. This file does not know who sends them.
"""

from __future__ import annotations

from functools import lru_cache

from salver.protocol.errors import LocalProtocolError
from salver.protocol.grammar import CONTENT_LENGTH, REASON
from salver.protocol.writer import NOT_REMEMBERED, encode_field
from salver.semantics.dates import format_date

_REMEMBERED_MAX = 256  # characters
_FRAMING = frozenset(("connection", "content-length", "transfer-encoding"))


class NotRemembered(Exception):
    """A field that `field_line` has to encode anew. An exception, because that is what an lru_cache does not keep."""


@lru_cache(1024)
def remembered_line(keyword: str, value: str) -> tuple[bytes, str, int]:
    """`field_line`, for fields that recur. Raises `NotRemembered` for those that are long, or may be secret."""
    if len(value) > _REMEMBERED_MAX or keyword.lower() in NOT_REMEMBERED:
        raise NotRemembered
    return field_line(keyword, value)


def field_line(keyword: str, value: str) -> tuple[bytes, str, int]:
    """A field's line with its CRLF; its name in small letters where it concerns framing, else ""; and the length that
    it says, in bytes, where it is a Content-Length.

    Blanks around the value are dropped. Raises ValueError for what a field must not have in it.
    """
    name = keyword.lower()
    text = value.strip(" \t")
    try:
        line = encode_field(keyword, text)
    except LocalProtocolError as error:
        raise ValueError(str(error)) from None
    if name != "content-length":
        return line, name if name in _FRAMING else "", 0
    if not CONTENT_LENGTH.fullmatch(line, 16, len(line) - 2):
        raise ValueError(f"Content-Length is a number, not {text!r}")
    return line, name, int(text)


@lru_cache(256)
def status_line(version: str, code: int, message: str) -> bytes:
    """The status line with its CRLF. Raises ValueError for a control character in the message."""
    raw = message.encode("latin-1")
    if not REASON.fullmatch(raw):
        raise ValueError(f"a reason has no line break in it: {message!r}")
    return b"%b %d %b\r\n" % (version.encode("ascii"), code, raw)


@lru_cache(64)
def opening_lines(version: str, code: int, message: str, server: str, second: int) -> tuple[bytes, bytes, bytes]:
    """What `send_response` begins a head with: status line, Server and Date. Raises ValueError as the lines one by one
    do."""
    date = format_date(second)
    return status_line(version, code, message), field_line("Server", server)[0], field_line("Date", date)[0]


class Framing:
    """What a head under way has said of its body and of the connection. One for each response."""

    __slots__ = ("chunked", "length", "persistence", "said", "status")

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.length: int | None = None  # bytes
        self.chunked = False
        self.persistence = ""  # "close", "keep-alive" or what else Connection said
        self.said = False  # there is a length, or a coding

    def note_length(self, length: int) -> bool:
        """A Content-Length. False where its line must not be sent, since it was said before.

        Raises ValueError for one that contradicts the first.
        """
        if self.length is None:
            self.length = length
            self.said = True
            return True
        if length != self.length:
            raise ValueError(f"Content-Length was {self.length} already, and is not {length}")
        return False

    def note(self, name: str, value: str) -> None:
        """Another field that concerns framing: connection or transfer-encoding.

        Raises ValueError for a coding that is not chunked: nobody could tell where such a body ends.
        """
        text = value.strip(" \t").lower()
        if name == "connection":
            self.persistence = text
        elif text != "chunked":
            raise ValueError(f"the only transfer coding known is chunked, not {text!r}")
        else:
            self.chunked = self.said = True
