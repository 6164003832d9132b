"""Set-Cookie as a client reads it (RFC 6265bis §5.6): a pair, and attributes, of which those that make no sense are as
if they were not there.

Who may set which cookie, and where it is sent, depends on what the client is; it is said where the cookies are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from salver.semantics.cookie_dates import parse_cookie_date

_NEVER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LONGEST = 4_096  # characters of name and value together
_ATTRIBUTE_LONGEST = 1_024
_FAR = 400 * 86_400.0  # seconds; §5.5: no cookie outlives 400 days
_AGE = re.compile(r"-?[0-9]+")

Attributes = Sequence[tuple[str, str]]


class SetCookie(NamedTuple):
    """One line. `attributes`: names in lower case and values, in the order of the line."""

    name: str
    value: str
    attributes: Attributes

    def said(self) -> dict[str, str]:
        """The attributes that count: of those with one name the last, and none that is too long or malformed."""
        return {name: value for name, value in self.attributes if _counts(name, value)}


def parse_set_cookie(line: str) -> SetCookie | None:
    """What one Set-Cookie line says; None where it is to be ignored: a control character, nothing, or too much."""
    if _NEVER.search(line):
        return None
    pair, *attributes = line.split(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(" \t"), value.strip(" \t")
    if not (name or value) or len(name) + len(value) > _LONGEST:
        return None
    return SetCookie(name, value, [_attribute(each) for each in attributes])


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(" \t").lower(), value.strip(" \t")


def _counts(name: str, value: str) -> bool:
    """§5.6.1 and §5.6.2: an age or a date that is none is as if it were not there."""
    if not name or len(value) > _ATTRIBUTE_LONGEST:
        return False
    if name == "max-age":
        return _AGE.fullmatch(value) is not None
    return name != "expires" or parse_cookie_date(value) is not None


def ends_at(cookie: SetCookie, now: float) -> float | None:
    """When the cookie ends, in seconds since 1970 as `now`; None for the end of the session. Max-Age goes before
    Expires (§5.7 step 3)."""
    said = cookie.said()
    age = said.get("max-age")
    if age is not None:
        if age.startswith("-") or not age.strip("0"):
            return 0.0
        return now + min(float(age), _FAR)
    date = parse_cookie_date(said.get("expires", ""))
    return None if date is None else min(date, now + _FAR)


def path_of(cookie: SetCookie, request_path: str) -> str:
    """Where the cookie goes: what it says, or the folder of the request that set it (§5.1.4: the default-path)."""
    path = cookie.said().get("path", "")
    return path if path.startswith("/") else request_path[: request_path.rfind("/")] or "/"


def path_fits(path: str, request_path: str) -> bool:
    """Does a cookie of `path` go to `request_path`? §5.1.4: it does to the same, and to what is below."""
    if not request_path.startswith(path):
        return False
    return len(request_path) == len(path) or path.endswith("/") or request_path[len(path)] == "/"
