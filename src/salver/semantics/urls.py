"""Paths of request targets: taken apart once, in the one order that cannot be fooled, and put together for links.

Split at "/" first and decode each segment once afterwards: what was %2f is then no separator, and what was %252e
stays %2e. A segment that could mean anything but a plain name, here or on Windows, is refused; no name is ever
repaired. Bytes that are not UTF-8 survive as lone surrogates (PEP 383) and come out of `os.fsencode` unchanged.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

_ENCODED = re.compile(r"(?:[^%\x00-\x20\x7f-\U0010ffff]|%[0-9A-Fa-f]{2})*+")
# C0, DEL and C1; "/" and "\" as decoded characters.
_NEVER_IN_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# A path of our own and nothing else: browsers take "//host", "/\host" and, tabs being dropped, "/<tab>/host" elsewhere.
_SAME_ORIGIN_PATH = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f-\x9f\\]*")
# RFC 3986 §2: reserved and unreserved characters, and "%" for what is encoded already.
_URI_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"
# The devices that Windows finds in every folder, with any suffix; superscript digits are digits there.
_DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\xb9\xb2\xb3])(?: *\..*)?", re.IGNORECASE | re.DOTALL
)
# "file:stream:$TYPE" and "file::$DATA". A colon that is only a colon ("12:30.txt") is a plain name.
_STREAM = re.compile(r":[^:]*:|:\$")


def is_well_formed_path(raw_path: str) -> bool:
    """Does every "%" of an encoded path begin two hexadecimal digits, with no blank, control or non-ASCII in it?"""
    return _ENCODED.fullmatch(raw_path) is not None


def is_plain_name(name: str) -> bool:
    """Is a decoded segment one name and nothing else: not empty, "." or "..", no separator, no control character,
    no Windows device, stream, or trailing dot or blank? A leading dot is the caller's to judge."""
    if not name or name[-1] in ". " or _NEVER_IN_NAME.search(name):
        return False
    return not (_DEVICE.fullmatch(name) or (":" in name and _STREAM.search(name)))


def split_path(raw_path: str) -> tuple[str, ...] | None:
    """The decoded segments of a path that begins with "/" and is still percent-encoded.

    A last segment of "" says that the path ended in a slash ("/" is ("",)). None for what names nothing: a path that
    is malformed, or has a segment that `is_plain_name` refuses. Linear in the path's length.
    """
    if not raw_path.startswith("/") or not is_well_formed_path(raw_path):
        return None
    segments = raw_path[1:].split("/")
    if "%" in raw_path:
        segments = [decode_segment(segment) for segment in segments]
    names = segments if segments[-1] else segments[:-1]
    return tuple(segments) if all(map(is_plain_name, names)) else None


def decode_segment(segment: str) -> str:
    """A percent-encoded segment as text, decoded once; bytes that are not UTF-8 as lone surrogates."""
    return unquote_to_bytes(segment).decode("utf-8", "surrogateescape")


def quote_segment(name: str) -> str:
    """A name as one path segment of a link: everything but unreserved characters and a few harmless ones is
    encoded, ":" too, so that a relative link is never taken for a scheme."""
    return quote(name.encode("utf-8", "surrogateescape"), safe="!$()*,;=@+")


def is_same_origin_path(text: str) -> bool:
    """Does a redirect to `text` stay on this origin, whatever the browser: an absolute path ("/x?y"), not "//host",
    "/\\host", "https:host", nor anything with a backslash or a control character? For targets that a client names."""
    return _SAME_ORIGIN_PATH.fullmatch(text) is not None


def uri_of(iri: str) -> str:
    """A URL or path as it may stand in a Location field: what is not ASCII, blanks and the few characters that no URI
    has are percent-encoded as UTF-8 (RFC 3987 §3.1); what is encoded already stays.

    Raises ValueError for a control character, CR and LF above all.
    """
    if _CONTROL.search(iri):
        raise ValueError(f"a control character in the URL {iri!r}")
    return quote(iri.encode("utf-8", "surrogateescape"), safe=_URI_CHARACTERS)
