"""Heads as bytes, and nothing else as bytes: what is not a legal head never leaves.

A name, value, reason, method or target with CR, LF, NUL or another control in it raises `LocalProtocolError` before
a byte is made. Fields recur, so an encoded field is remembered, bounded, by its name and value; Set-Cookie and
Authorization are not, since they are secrets and rarely repeat. This file does not decide framing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from salver.protocol.errors import LocalProtocolError
from salver.protocol.grammar import FIELD_VALUE, REASON, REQUEST_LINE, TOKEN
from salver.protocol.reasons import REASONS

_SECRET = frozenset(("set-cookie", "authorization", "proxy-authorization", "cookie"))


def encode_field(name: str, value: str) -> bytes:
    """One field line with its CRLF. Raises `LocalProtocolError` for what RFC 9110 §5 does not allow."""
    if not isinstance(name, str) or not isinstance(value, str):
        raise LocalProtocolError(f"a field's name and value are str, not {name!r}: {value!r}")
    try:
        raw_name, raw_value = name.encode("ascii"), value.encode("latin-1")
    except UnicodeEncodeError:
        raise LocalProtocolError(f"field {name!r} has a character outside latin-1; percent-encode it") from None
    if not TOKEN.fullmatch(raw_name):
        raise LocalProtocolError(f"{name!r} is not a field name")
    if not FIELD_VALUE.fullmatch(raw_value):
        raise LocalProtocolError(f"field {name!r} has a control character, or a blank at an end, in its value")
    return b"%b: %b\r\n" % (raw_name, raw_value)


# The remembering twin: for names that are not secret and lines short enough to keep (1,024 of them).
_encode_remembered = lru_cache(1024)(encode_field)
_PLAIN_MAX = 512


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """The field lines in order, each with its CRLF. Raises `LocalProtocolError`."""
    return b"".join([_encode_one(name, value) for name, value in fields])


def _encode_one(name: str, value: str) -> bytes:
    if name.__class__ is not str or value.__class__ is not str or len(value) > _PLAIN_MAX or name.lower() in _SECRET:
        return encode_field(name, value)
    return _encode_remembered(name, value)


def encode_status_line(status: int, reason: str | None = None) -> bytes:
    """ "HTTP/1.1 STATUS REASON" with its CRLF; `reason` None is the registered phrase. RFC 9112 §4."""
    if status.__class__ is not int or not 100 <= status <= 599:
        raise LocalProtocolError(f"a status is an int from 100 to 599, not {status!r}")
    phrase = REASONS.get(status, "Unknown") if reason is None else reason
    try:
        raw = phrase.encode("latin-1")
    except UnicodeEncodeError:
        raise LocalProtocolError(f"the reason {phrase!r} has a character outside latin-1") from None
    if not REASON.fullmatch(raw):
        raise LocalProtocolError(f"the reason {phrase!r} has a control character")
    return b"HTTP/1.1 %d %b\r\n" % (status, raw)


def encode_request_line(method: str, target: str) -> bytes:
    """ "METHOD TARGET HTTP/1.1" with its CRLF. RFC 9112 §3. Raises `LocalProtocolError`."""
    try:
        line = f"{method} {target} HTTP/1.1".encode("ascii")
    except UnicodeEncodeError:
        raise LocalProtocolError("the method or target is not ASCII; percent-encode it") from None
    if not REQUEST_LINE.fullmatch(line):
        raise LocalProtocolError(f"not a method and a target: {method!r} {target!r}")
    return line + b"\r\n"


STATUS_LINES = {status: encode_status_line(status) for status in REASONS}
