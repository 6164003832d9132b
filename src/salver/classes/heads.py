"""A handler class's response head: lines checked and encoded one by one, and what they say about the body.

A line with CR, LF or another control in it is a ValueError before a byte is made. Lines recur, so they are
remembered, bounded, less those that may be secrets. This file does not know who sends them.
"""

from __future__ import annotations

from functools import lru_cache

from salver.protocol.errors import LocalProtocolError
from salver.protocol.grammar import CONTENT_LENGTH, REASON
from salver.protocol.writer import NOT_REMEMBERED, encode_field

_REMEMBERED_MAX = 256  # characters
_FRAMING = frozenset(("connection", "content-length", "transfer-encoding"))


class NotRemembered(Exception):
    """A field that `field_line` has to encode anew. An exception, because that is what an lru_cache does not keep."""


@lru_cache(1024, typed=True)
def remembered_line(keyword: str, value: object) -> tuple[bytes, str]:
    """`field_line`, for fields that recur. Raises `NotRemembered` for those that are long, or may be secret."""
    if not isinstance(value, (str, int)) or len(str(value)) > _REMEMBERED_MAX or keyword.lower() in NOT_REMEMBERED:
        raise NotRemembered
    return field_line(keyword, value)


def field_line(keyword: str, value: object) -> tuple[bytes, str]:
    """A field's line with its CRLF, and its name in small letters where it concerns framing, else "".

    Blanks around the value are dropped. Raises ValueError for what a field must not have in it.
    """
    name = keyword.lower()
    text = str(value).strip(" \t")
    try:
        line = encode_field(keyword, text)
    except LocalProtocolError as error:
        raise ValueError(str(error)) from None
    if name == "content-length" and not CONTENT_LENGTH.fullmatch(line, 16, len(line) - 2):
        raise ValueError(f"Content-Length is a number, not {text!r}")
    return line, name if name in _FRAMING else ""


@lru_cache(256)
def status_line(version: str, code: int, message: str) -> bytes:
    """The status line with its CRLF. Raises ValueError for a control character in the message."""
    raw = message.encode("latin-1")
    if not REASON.fullmatch(raw):
        raise ValueError(f"a reason has no line break in it: {message!r}")
    return b"%b %d %b\r\n" % (version.encode("ascii"), code, raw)


class Framing:
    """What a head under way has said of its body and of the connection. One for each response."""

    __slots__ = ("chunked", "length", "persistence", "said", "status")

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.length: int | None = None  # bytes
        self.chunked = False
        self.persistence = ""  # "close", "keep-alive" or what else Connection said
        self.said = False  # there is a length, or a coding

    def note(self, name: str, value: object) -> bool:
        """A field that concerns framing. False where its line must not be sent: a length that was said before.

        Raises ValueError for a length that contradicts the first, and for a coding that is not chunked: nobody could
        tell where such a body ends.
        """
        text = str(value).strip(" \t")
        if name == "connection":
            self.persistence = text.lower()
        elif name == "content-length":
            if self.length is not None:
                if int(text) != self.length:
                    raise ValueError(f"Content-Length was {self.length} already, and is not {text}")
                return False
            self.length, self.said = int(text), True
        else:
            if text.lower() != "chunked":
                raise ValueError(f"the only transfer coding known is chunked, not {text!r}")
            self.chunked = self.said = True
        return True
