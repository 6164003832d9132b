"""What an application gives to `start_response`, checked and made ready to send: PEP 3333, "The start_response()
Callable".

An application says the same few heads again and again, so a checked one is remembered, with its field lines encoded;
never one that holds what may be a secret. What is wrong raises in the application's own call, where its author sees
which one. This file sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from salver.protocol.errors import LocalProtocolError
from salver.protocol.reasons import REASONS
from salver.protocol.writer import NOT_REMEMBERED, encode_fields

_STATUS = re.compile(r"([2-5][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
_LENGTH = re.compile(r"[0-9]{1,19}", re.ASCII)
# RFC 2616 §13.5.1, which the PEP goes by, and what RFC 9110 §7.6.1 adds: they belong to the connection.
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)
_SERVERS = frozenset(("date", "server"))
_REMEMBERED_MAX = 1_024  # characters

Fields = tuple[tuple[str, str], ...]


class Head(NamedTuple):
    """A checked head. `reason` is None where it is the registered one; `fields` are without Content-Length, which is
    `length`; `lines` are those fields encoded, None where one takes the place of the server's own."""

    status: int
    reason: str | None
    fields: Fields
    length: int | None
    lines: bytes | None

    def all_fields(self) -> list[tuple[str, str]]:
        """The fields with their Content-Length."""
        fields = list(self.fields)
        if self.length is not None:
            fields.append(("Content-Length", str(self.length)))
        return fields


class _NotRemembered(Exception):
    """A head that is not kept. An exception, since an lru_cache does not keep those."""


def read_head(status: str, headers: Iterable[tuple[str, str]]) -> Head:
    """The head that `start_response(status, headers)` means.

    Raises TypeError for what is not str, and ValueError for what cannot be sent or is not the application's to say.
    """
    fields = tuple(headers)
    try:
        return _remembered(status, fields)
    except (_NotRemembered, TypeError):  # TypeError: pairs that are no tuples cannot be keys
        return _read(status, fields)


@lru_cache(512)
def _remembered(status: str, fields: Fields) -> Head:
    head = _read(status, fields)
    size = sum(len(name) + len(value) for name, value in fields)
    if size > _REMEMBERED_MAX or any(name.lower() in NOT_REMEMBERED for name, _ in fields):
        raise _NotRemembered
    return head


def _read(status: str, given: Iterable[tuple[str, str]]) -> Head:
    code, reason = _read_status(status)
    fields, length, are_ours = [], None, True
    for pair in given:
        name, value = _read_pair(pair)
        lowered = name.lower()
        if lowered in HOP_BY_HOP:
            raise ValueError(f"{name} belongs to the connection, and is the server's to send; leave it out (PEP 3333)")
        if lowered == "content-length":
            length = _read_length(value, length)
            continue
        are_ours = are_ours and lowered not in _SERVERS
        fields.append((name, value))
    try:
        lines = encode_fields(fields)
    except LocalProtocolError as error:
        raise ValueError(str(error)) from None
    return Head(code, reason, tuple(fields), length, lines if are_ours else None)


def _read_status(status: object) -> tuple[int, str | None]:
    if not isinstance(status, str):
        raise TypeError(f"a status is a str like '200 OK', not {status!r}")
    matched = _STATUS.fullmatch(status)
    if matched is None:
        raise ValueError(f"a status is a number from 200 to 599, a space, and a reason, like '200 OK', not {status!r}")
    code, reason = int(matched[1]), matched[2]
    return code, None if reason is None or reason == REASONS.get(code) else reason


def _read_pair(pair: object) -> tuple[str, str]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"response headers are (name, value) tuples, not {pair!r}")
    name, value = pair
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"a header's name and value are str, not {name!r}: {value!r}")
    return name, value.strip(" \t")  # RFC 9110 §5.5: blanks at its ends are no part of it


def _read_length(value: str, before: int | None) -> int:
    if not _LENGTH.fullmatch(value):
        raise ValueError(f"Content-Length is a number of bytes, not {value!r}")
    length = int(value)
    if before is not None and before != length:
        raise ValueError(f"Content-Length is given twice: {before} and {length}")
    return length
