"""Who we say we are: Basic, Digest and Bearer, and what ~/.netrc has.

An `Auth` changes a request before it is sent, and may answer a 401 once. It is given the requests to the origin that
the caller named alone: a redirect elsewhere takes nothing of it along.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Union

from salver.client.errors import InvalidRequest
from salver.client.message import Request
from salver.client.response import Response
from salver.client.url import URL

# RFC 9110 §11.6.1: challenge = auth-scheme 1*SP #auth-param
_PARAM = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]+))")
_DIGEST = re.compile(r"(?:^|,)[ \t]*digest[ \t]+", re.IGNORECASE)
_NEXT_SCHEME = re.compile(r",[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]+[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=")


class Auth:
    """One way to authenticate. Shared by threads."""

    def prepare(self, request: Request) -> Request:
        """The request with what is known beforehand."""
        return request

    def answer(self, request: Request, response: Response) -> Request | None:
        """What to send after this 401, None for nothing."""
        return None


AuthLike = Union[Auth, tuple[str, str], None]


class BasicAuth(Auth):
    """RFC 7617, in UTF-8."""

    def __init__(self, user: str, password: str) -> None:
        if ":" in user:
            raise InvalidRequest("a user name for Basic cannot have a colon in it (RFC 7617 §2)")
        self._value = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")

    def prepare(self, request: Request) -> Request:
        return request.with_header("Authorization", self._value)


class BearerAuth(Auth):
    """RFC 6750 §2.1."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def prepare(self, request: Request) -> Request:
        return request.with_header("Authorization", self._value)


class DigestAuth(Auth):
    """RFC 7616: MD5, SHA-256 and their -sess forms, qop auth. The challenge is remembered, so that only the first
    request of a nonce is answered with 401."""

    def __init__(self, user: str, password: str, make_nonce: Callable[[], str] = lambda: os.urandom(8).hex()) -> None:
        self._user = user
        self._password = password
        self._make_nonce = make_nonce
        self._lock = threading.Lock()
        self._challenge: Mapping[str, str] | None = None
        self._count = 0

    def prepare(self, request: Request) -> Request:
        with self._lock:
            challenge = self._challenge
            self._count += 1
            count = self._count
        return request if challenge is None else self._authorised(request, challenge, count)

    def answer(self, request: Request, response: Response) -> Request | None:
        challenge = _digest_challenge(response.headers.get_all("www-authenticate"))
        if challenge is None:
            return None
        stale = challenge.get("stale", "").lower() == "true"
        if request.header("authorization") is not None and not stale:
            return None  # it was answered, and the answer refused
        with self._lock:
            self._challenge, self._count = challenge, 1
        return self._authorised(request, challenge, 1)

    def _authorised(self, request: Request, challenge: Mapping[str, str], count: int) -> Request:
        algorithm = challenge.get("algorithm", "MD5")
        digest = _algorithm(algorithm)
        realm, nonce = challenge.get("realm", ""), challenge["nonce"]
        cnonce, number = self._make_nonce(), f"{count:08x}"
        secret = digest(f"{self._user}:{realm}:{self._password}")
        if algorithm.lower().endswith("-sess"):
            secret = digest(f"{secret}:{nonce}:{cnonce}")
        what = digest(f"{request.method}:{request.url.target}")
        qop = "auth" if "auth" in [each.strip() for each in challenge.get("qop", "").split(",")] else None
        if qop is None:
            response = digest(f"{secret}:{nonce}:{what}")
        else:
            response = digest(f"{secret}:{nonce}:{number}:{cnonce}:{qop}:{what}")
        quoted = {"username": self._user, "realm": realm, "nonce": nonce, "uri": request.url.target}
        quoted["response"] = response
        if "opaque" in challenge:
            quoted["opaque"] = challenge["opaque"]
        plain = {"algorithm": algorithm}
        if qop is not None:
            plain.update(qop=qop, nc=number)
            quoted["cnonce"] = cnonce
        parts = [f'{name}="{_quoted(value)}"' for name, value in quoted.items()]
        parts += [f"{name}={value}" for name, value in plain.items()]
        return request.with_header("Authorization", "Digest " + ", ".join(parts))


def _algorithm(name: str) -> Callable[[str], str]:
    makers: dict[str, Any] = {"md5": hashlib.md5, "sha-256": hashlib.sha256, "sha-512-256": None, "sha": hashlib.sha1}
    maker = makers[name.lower().removesuffix("-sess")]
    return lambda text: str(maker(text.encode(), usedforsecurity=False).hexdigest())


def _digest_challenge(values: list[str]) -> Mapping[str, str] | None:
    """The strongest Digest challenge that can be answered here, None where there is none."""
    found: list[dict[str, str]] = []
    for value in values:
        for matched in _DIGEST.finditer(value):
            rest = value[matched.end() :]
            end = _NEXT_SCHEME.search(rest)
            params = {
                each[1].lower(): re.sub(r"\\(.)", r"\1", each[2]) if each[2] is not None else each[3]
                for each in _PARAM.finditer(rest[: end.start()] if end else rest)
            }
            algorithm = params.get("algorithm", "MD5").lower().removesuffix("-sess")
            qop_known = "qop" not in params or "auth" in [each.strip() for each in params["qop"].split(",")]
            if "nonce" in params and algorithm in ("md5", "sha-256", "sha") and qop_known:
                found.append(params)
    return max(found, key=lambda each: "256" in each.get("algorithm", ""), default=None)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


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
        return None if entry is None else (entry[0] or "", entry[2] or "")


def _netrc_entries() -> Mapping[str, Any]:
    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    if not os.path.exists(path):
        return {}
    import netrc

    try:
        return netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError):
        return {}  # curl ignores it, too: an unreadable file must not stop every request


def auth_for_url(url: URL, netrc: Netrc | None) -> Auth | None:
    """What the URL itself says, or else `netrc` for its host."""
    if url.user is not None:
        return BasicAuth(url.user, url.password or "")
    found = None if netrc is None else netrc.credentials(url.origin.host)
    return None if found is None else BasicAuth(*found)
