"""Heads as bytes, and nothing else as bytes: what is not a legal head never leaves.

A name, value, reason, method or target with CR, LF, NUL or another control in it raises `LocalProtocolError` before
a byte is made. Fields recur, so an encoded field is remembered, bounded, by its name and value; what may be a secret
(Set-Cookie, Authorization) is not, nor what is long, nor what differs from one response to the next anyway. This file
does not decide framing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from salver.protocol.errors import LocalProtocolError
from salver.protocol.grammar import FIELD_VALUE, REASON, REQUEST_LINE, TOKEN
from salver.protocol.reasons import REASONS

# Secrets, and (Location) what may carry one: they must not stay in memory behind the exchange they belong to.
NOT_REMEMBERED = frozenset(
    (
        "set-cookie",
        "cookie",
        "authorization",
        "proxy-authorization",
        "authentication-info",
        "proxy-authentication-info",
        "www-authenticate",
        "proxy-authenticate",
        "location",
        "content-location",
        "referer",
    )
)


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


# The remembering twin: for lines short enough to keep (1,024 of them, half a megabyte at most).
_encode_remembered = lru_cache(1024)(encode_field)
_REMEMBERED_MAX = 256


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """The field lines in order, each with its CRLF. Raises `LocalProtocolError`."""
    return b"".join([_encode_one(name, value) for name, value in fields])


def _encode_one(name: str, value: str) -> bytes:
    both_text = name.__class__ is str and value.__class__ is str
    if both_text and len(name) + len(value) <= _REMEMBERED_MAX and name.lower() not in NOT_REMEMBERED:
        return _encode_remembered(name, value)
    return encode_field(name, value)


def encode_status_line(status: int, reason: str | None = None) -> bytes:
    """ "HTTP/1.1 STATUS REASON" with its CRLF; `reason` None is the registered phrase. RFC 9112 §4."""
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
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
