"""Cookies: the Cookie field read leniently, Set-Cookie written strictly (RFC 6265bis).

A browser sends back whatever any site of the same host has set, so one bad pair must not hide the others: it is left
out. What is set is checked here, because no CR, LF or ";" may get from a name, a value or an attribute into the field,
and because browsers silently drop a cookie that breaks a rule of its prefix. `http.cookies` of the standard library is
not used: it stops at the first bad pair, and lets control characters pass.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Union

from salver.semantics.dates import format_date

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 6265bis §4.1.1: cookie-name = token
# cookie-octet: no blank, DQUOTE, comma, semicolon or backslash; the quotes around it are part of the value.
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]*")  # path-value: any character but controls and ";"
_DOMAIN = re.compile(r"\.?[0-9A-Za-z](?:[0-9A-Za-z.\-]*[0-9A-Za-z])?")
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}
_LONGEST = 4_096  # octets of name and value together (§5.6); a browser ignores a longer one
_LONGEST_ATTRIBUTE = 1_024

Seconds = Union[int, timedelta]


def parse_cookies(field: str) -> dict[str, str]:
    """name -> value of a Cookie field; of a name that comes twice, the first (the one with the longer path, §5.8.3).

    A pair without "=", or whose name is none, is left out. Quotes around a value are taken off, with what is escaped in
    them. Bytes beyond ASCII are read as UTF-8. Linear in the length.
    """
    cookies: dict[str, str] = {}
    for piece in field.split(";"):
        name, equals, value = piece.partition("=")
        name = name.strip(" \t")
        if equals and name not in cookies and _NAME.fullmatch(name):
            cookies[name] = _plain(value.strip(" \t"))
    return cookies


def _plain(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
        if "\\" in value:
            value = "\\".join(map(_unescaped, value.split("\\\\")))
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")


def _unescaped(piece: str) -> str:
    """A stretch between two escaped backslashes; octal numbers are how `http.cookies` writes what it quotes."""
    if "\\" not in piece:
        return piece
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), piece.replace('\\"', '"'))


def format_cookie(  # noqa: PLR0913 - the attributes that a cookie has
    name: str,
    value: str,
    *,
    max_age: Seconds | None = None,
    expires: datetime | int | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = True,
    samesite: str | None = "Lax",
    partitioned: bool = False,
) -> str:
    """The value of a Set-Cookie field (RFC 6265bis §4.1).

    `max_age`: seconds, or a timedelta; 0 deletes. `expires`: a datetime with a zone, or seconds since 1970. `path`
    None: the request's folder. `domain` None: this host alone. `samesite`: "Lax", "Strict", "None", or None for the
    browser's own default.

    Raises TypeError for a value that is no str, and ValueError, with what to do, for what no cookie may have: a control
    character, a blank or ";" in the value, an attribute with one, a prefix whose rules are not kept (`__Host-`,
    `__Secure-`), SameSite=None or Partitioned without Secure, more than 4,096 bytes.
    """
    _check_pair(name, value)
    _check_prefix(name, path, domain, secure=secure)
    parts = [f"{name}={value}"]
    if max_age is not None:
        parts.append(f"Max-Age={_whole_seconds(max_age)}")
    if expires is not None:
        parts.append(f"Expires={format_date(_moment(expires))}")
    if path is not None:
        parts.append(f"Path={_checked('path', path, _PATH)}")
    if domain is not None:
        parts.append(f"Domain={_checked('domain', domain, _DOMAIN)}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if samesite is not None:
        parts.append(f"SameSite={_same_site(samesite, secure=secure)}")
    if partitioned:
        if not secure:
            raise ValueError("a partitioned cookie needs secure=True; browsers drop it otherwise")
        parts.append("Partitioned")
    return "; ".join(parts)


def _check_pair(name: str, value: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"the value of cookie {name!r} is a str, not {type(value).__name__}; for a number, str(…)")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no cookie name: letters, digits and !#$%&'*+-.^_`|~ alone")
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if not _VALUE.fullmatch(bare):  # without the value, which may be a secret
        raise ValueError(
            f"the value of cookie {name!r} has a blank, comma, quote, semicolon, backslash, control or non-ASCII "
            "character; percent-encode it (urllib.parse.quote) or use base64"
        )
    if len(name) + len(value) > _LONGEST:
        raise ValueError(f"cookie {name!r} is longer than the {_LONGEST} bytes that browsers keep")


def _check_prefix(name: str, path: str | None, domain: str | None, *, secure: bool) -> None:
    """§4.1.3; browsers compare the prefixes without case."""
    prefix = name.lower()
    if prefix.startswith(("__secure-", "__host-")) and not secure:
        raise ValueError(f"cookie {name!r} needs secure=True because of its prefix; browsers drop it otherwise")
    if prefix.startswith("__host-") and (path != "/" or domain is not None):
        raise ValueError(
            f"cookie {name!r} needs path='/' and no domain because of its prefix; browsers drop it otherwise"
        )


def _checked(attribute: str, text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text) or len(text) > _LONGEST_ATTRIBUTE:
        raise ValueError(f"{text!r} cannot be the {attribute} of a cookie")
    return text


def _whole_seconds(age: Seconds) -> int:
    seconds = age.total_seconds() if isinstance(age, timedelta) else age
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds != seconds // 1:
        raise ValueError(f"max_age is a whole number of seconds, not {age!r}")
    return int(seconds)


def _moment(expires: datetime | int) -> float:
    if isinstance(expires, datetime):
        if expires.tzinfo is None:
            raise ValueError("expires needs a datetime with a zone: datetime.now(UTC) + …")
        return expires.timestamp()
    return expires


def _same_site(text: str, *, secure: bool) -> str:
    known = _SAME_SITE.get(text.lower())
    if known is None:
        raise ValueError(f"samesite is 'Lax', 'Strict', 'None', or None for no attribute, not {text!r}")
    if known == "None" and not secure:
        raise ValueError("samesite='None' needs secure=True; browsers drop the cookie otherwise")
    return known
