"""Digest authentication: RFC 7616, with what is left of RFC 2617 and 2069.

MD5, SHA-256, SHA-512/256 and their -sess forms, qop "auth" or none, names hashed or outside ASCII. Of several
challenges the strongest that is known is answered, whatever their order. One is remembered for each origin, so that
only the first request of a nonce is answered with 401; a 401 that comes with another nonce, or says that ours is
stale, is answered anew, and one that refuses what was answered ends it.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from salver.client.auth import Auth, check_text
from salver.client.errors import InvalidRequest
from salver.client.message import Request
from salver.client.response import Response
from salver.client.url import Origin

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
# RFC 9110 §11.6.1: challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
_SCHEME = re.compile(rf"(?:^|,)[ \t,]*+({_TOKEN})(?:[ \t]++(?![=])|(?=[ \t]*+(?:,|$)))")
_PARAM = re.compile(rf"[ \t,]*+({_TOKEN})[ \t]*+=[ \t]*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s,\"]++))", re.DOTALL)
_ALGORITHMS = ("sha-512-256", "sha-256", "md5", "sha")  # the strongest first; the last is no RFC's, but is met with
_ORIGINS_MAX = 64  # whose challenges are remembered


@dataclass(slots=True)
class _Session:
    """A challenge that is being answered, how often it was, and for -sess the nonce that began it."""

    challenge: Mapping[str, str]
    cnonce: str
    count: int = 0


class DigestAuth(Auth):
    """RFC 7616. Shared by threads."""

    def __init__(self, user: str, password: str, make_nonce: Callable[[], str] = lambda: os.urandom(16).hex()) -> None:
        """Raises `InvalidRequest` for control characters in the name."""
        check_text(user, password)
        if any(character < " " or character == "\x7f" for character in user):
            raise InvalidRequest("a user name for Digest has a control character in it")
        self._user = user
        self._password = password
        self._make_nonce = make_nonce
        self._lock = threading.Lock()
        self._sessions: dict[Origin, _Session] = {}

    def prepare(self, request: Request) -> Request:
        with self._lock:
            session = self._sessions.get(request.url.origin)
            if session is None:
                return request
            session.count += 1
            count = session.count
        return self._authorised(request, session, count)

    def answer(self, request: Request, response: Response) -> Request | None:
        challenge = maybe_challenge(response.headers.get_all("www-authenticate"))
        if challenge is None:
            return None
        answered = request.header("authorization") or ""
        stale = challenge.get("stale", "").lower() == "true"
        if f'nonce="{_quoted(challenge["nonce"])}"' in answered and not stale:
            return None  # it was answered, and the answer refused
        session = _Session(challenge, self._make_nonce(), 1)
        with self._lock:
            if len(self._sessions) >= _ORIGINS_MAX:
                self._sessions.clear()
            self._sessions[request.url.origin] = session
        return self._authorised(request, session, 1)

    def _authorised(self, request: Request, session: _Session, count: int) -> Request:
        challenge = session.challenge
        is_session = challenge.get("algorithm", "").lower().endswith("-sess")
        # The A1 of a session has the cnonce of its first request (§3.4.2); servers that take each request's own are
        # served by its staying the same.
        cnonce = session.cnonce if is_session or count == 1 else self._make_nonce()
        fields = _fields(request, challenge, self._user, self._password, (f"{count:08x}", cnonce))
        return request.with_header("Authorization", "Digest " + ", ".join(fields))


def _fields(
    request: Request, challenge: Mapping[str, str], user: str, password: str, once: tuple[str, str]
) -> list[str]:
    """§3.4. `once`: nc and cnonce."""
    count, cnonce = once
    algorithm, realm, nonce = challenge.get("algorithm", "MD5"), challenge.get("realm", ""), challenge["nonce"]
    digest = _hash(algorithm)
    secret = digest(f"{user}:{_as_sent(realm)}:{password}")
    if algorithm.lower().endswith("-sess"):
        secret = digest(f"{secret}:{nonce}:{cnonce}")
    what = digest(f"{request.method}:{request.url.target}")
    protected = "qop" in challenge
    middle = f"{nonce}:{count}:{cnonce}:auth" if protected else nonce
    is_hashed = challenge.get("userhash", "").lower() == "true"
    parts = [_user_field(digest(f"{user}:{_as_sent(realm)}") if is_hashed else user)]
    quoted = {
        "realm": realm,
        "nonce": nonce,
        "uri": request.url.target,
        "response": digest(f"{secret}:{middle}:{what}"),
    }
    parts += [f'{name}="{_quoted(value)}"' for name, value in quoted.items()]
    if "algorithm" in challenge:
        parts.append(f"algorithm={algorithm}")
    if "opaque" in challenge:
        parts.append(f'opaque="{_quoted(challenge["opaque"])}"')
    if protected:
        parts += ["qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
    return [*parts, "userhash=true"] if is_hashed else parts


def _as_sent(text: str) -> str:
    """What encodes to the bytes of the server's field: they come as latin-1, whatever they were meant to be."""
    return text.encode("latin-1").decode(errors="surrogateescape")


def _user_field(user: str) -> str:
    """§3.4: outside ASCII, in the form of RFC 8187."""
    if user.isascii():
        return f'username="{_quoted(user)}"'
    return f"username*=UTF-8''{quote(user, safe='!#$&+^`|')}"


def _hash(algorithm: str) -> Callable[[str], str]:
    name = algorithm.lower().removesuffix("-sess")
    hashes: Mapping[str, str] = {"sha-512-256": "sha512_256", "sha-256": "sha256", "sha": "sha1", "md5": "md5"}

    def digest(text: str) -> str:
        made: Any = hashlib.new(hashes[name], text.encode(errors="surrogateescape"), usedforsecurity=False)
        return str(made.hexdigest())

    return digest


def maybe_challenge(values: list[str]) -> Mapping[str, str] | None:
    """The strongest Digest challenge of WWW-Authenticate fields that can be answered here, None where there is none.
    Names are lowered."""
    challenges = [params for value in values for scheme, params in _challenges(value) if scheme == "digest"]
    known = [each for each in challenges if _is_known(each)]
    return min(known, key=lambda each: _ALGORITHMS.index(_algorithm_of(each)), default=None)


def _algorithm_of(challenge: Mapping[str, str]) -> str:
    return challenge.get("algorithm", "md5").lower().removesuffix("-sess")


def _is_known(challenge: Mapping[str, str]) -> bool:
    qops = [each.strip(" \t").lower() for each in challenge.get("qop", "auth").split(",")]
    algorithm = _algorithm_of(challenge)
    if "nonce" not in challenge or "auth" not in qops or algorithm not in _ALGORITHMS:
        return False
    return algorithm != "sha-512-256" or "sha512_256" in hashlib.algorithms_available


def _challenges(value: str) -> list[tuple[str, dict[str, str]]]:
    """The schemes of one field, lowered, with their parameters; in linear time."""
    found: list[tuple[str, dict[str, str]]] = []
    place = 0
    while (matched := _SCHEME.match(value, place)) is not None:
        params: dict[str, str] = {}
        place = matched.end()
        while (param := _PARAM.match(value, place)) is not None:
            text = param[3] if param[2] is None else re.sub(r"\\(.)", r"\1", param[2], flags=re.DOTALL)
            params.setdefault(param[1].lower(), text)
            place = param.end()
        found.append((matched[1].lower(), params))
        if not params:  # token68, or nothing: up to the next comma
            place = value.find(",", place)
            if place < 0:
                break
    return found


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
