"""Who we say we are: Basic and Bearer, and what ~/.netrc has; Digest is in `digest`.

An `Auth` changes a request before it is sent, and may answer a 401 once. It is given the requests to the origin that
the caller named alone: a redirect elsewhere takes nothing of it along. No secret is in a `repr` or in an error.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any, Union

from salver.client.errors import InvalidRequest
from salver.client.message import Request
from salver.client.response import Response
from salver.client.url import URL
from salver.protocol.grammar import FIELD_VALUE


class Auth:
    """One way to authenticate. Shared by threads."""

    def prepare(self, request: Request) -> Request:
        """The request with what is known beforehand."""
        return request

    def answer(self, request: Request, response: Response) -> Request | None:
        """What to send after this 401, None for nothing. Asked once for each `prepare`."""
        return None


AuthLike = Union[Auth, tuple[str, str], None]


class BasicAuth(Auth):
    """RFC 7617, in UTF-8."""

    def __init__(self, user: str, password: str) -> None:
        """Raises `InvalidRequest` for what §2 forbids: a colon in the name, control characters in either."""
        check_text(user, password)
        if ":" in user:
            raise InvalidRequest("a user name for Basic cannot have a colon in it (RFC 7617 §2)")
        self._value = f"Basic {basic_credentials(user, password)}"

    def prepare(self, request: Request) -> Request:
        return request.with_header("Authorization", self._value)


class BearerAuth(Auth):
    """RFC 6750 §2.1."""

    def __init__(self, token: str) -> None:
        """Raises `InvalidRequest` for what cannot stand in a field."""
        if not token.isascii() or not FIELD_VALUE.fullmatch(token.encode()):
            raise InvalidRequest("the token has a character in it that a field cannot have")
        self._value = f"Bearer {token}"

    def prepare(self, request: Request) -> Request:
        return request.with_header("Authorization", self._value)


def basic_credentials(user: str, password: str) -> str:
    """user-pass in base64 (RFC 7617 §2). Raises `InvalidRequest`."""
    plain = f"{user}:{password}"
    if any(character < " " or character == "\x7f" for character in plain):
        raise InvalidRequest("a user name or password for Basic has a control character in it (RFC 7617 §2)")
    try:
        return base64.b64encode(plain.encode()).decode("ascii")
    except UnicodeEncodeError:
        raise InvalidRequest("a user name or password for Basic has half a surrogate pair in it") from None


def check_text(user: object, password: object) -> None:
    """Raises TypeError where one is no str: a password of "None", or of "b'…'", would be sent without a word."""
    if not isinstance(user, str) or not isinstance(password, str):
        raise TypeError("a user name and a password are str; one of them is not")


def as_auth(given: AuthLike) -> Auth | None:
    """A pair of user and password is Basic. Raises TypeError."""
    if given is None or isinstance(given, Auth):
        return given
    if isinstance(given, tuple) and len(given) == 2:
        return BasicAuth(*given)
    raise TypeError(f"auth is (user, password) or an Auth, not {type(given).__name__}")


class Netrc:
    """~/.netrc, or the file that $NETRC names, read when it is first needed. Shared by threads."""

    def __init__(self) -> None:
        self._entries: Mapping[str, Any] | None = None

    def credentials(self, host: str) -> tuple[str, str] | None:
        """(user, password) for `host`, None where the file has none, or is not there."""
        entries = self._entries
        if entries is None:
            entries = self._entries = _netrc_entries()
        entry = entries.get(host) or entries.get("default")
        if entry is None or not (entry[0] or entry[2]):
            return None
        return entry[0] or "", entry[2] or ""


def _netrc_entries() -> Mapping[str, Any]:
    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    if not os.path.exists(path):
        return {}
    import netrc

    try:
        return netrc.netrc(path).hosts
    except (OSError, UnicodeError, netrc.NetrcParseError):
        return {}  # curl ignores it, too: an unreadable file must not stop every request


def auth_for_url(url: URL, netrc: Netrc | None) -> Auth | None:
    """What the URL itself says, or else `netrc` for its host."""
    if url.user is not None:
        return BasicAuth(url.user, url.password or "")
    found = None if netrc is None else netrc.credentials(url.origin.host)
    return None if found is None else BasicAuth(*found)
