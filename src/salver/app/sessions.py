"""Sessions in a signed cookie: `sessions(secret_key=…)(app)`, and `request.session` is a dict that lasts.

What is in the session goes to the browser and comes back, as JSON, signed and dated by `itsdangerous` (the extra
"sessions"): it can be read by whoever has the cookie and changed by nobody without the key. Nothing is kept on the
server, so a session ends when its cookie is deleted or too old, and one that was copied cannot be revoked before: what
must be revocable belongs in a database, under an id that is kept here.

A change is noticed by comparing what would be written with what was read, so that a change inside of a value counts
too; a request that never asks for its session pays nothing. On https the cookie's name begins with `__Host-`, so that
neither another name of the same domain nor a connection without encryption can plant one (RFC 6265bis §4.1.3.2).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from salver.handler import Middleware, respond_and_finish, responder, wraps_handler
from salver.protocol.headers import MutableHeaders
from salver.request import Request
from salver.response import Response
from salver.semantics.cookies import format_cookie
from salver.semantics.negotiation import with_vary

Secret = Union[str, bytes]

_TWO_WEEKS = 14 * 86_400  # seconds
# Seconds that a cookie may be from the future: from another machine whose clock is before ours, or from before ours was
# set back. Without it, a session that one machine has begun is none to the next one, a tenth of a second behind.
_SKEW = 3_600
_SHORTEST_SECRET = 32  # bytes
_FEWEST_CHARACTERS = 8  # different ones; 32 random hexadecimal digits have fewer in one of 10,000 cases
_LARGEST = 4_000  # bytes of name and value; browsers keep 4,096 with some of the attributes
_HOW_TO = 'make one by `python -c "import secrets; print(secrets.token_urlsafe(32))"`, and keep it out of the code'


class SessionError(ValueError):
    """A session that cannot be kept; says what is in its way."""


class Session(MutableMapping[str, Any]):
    """What is known of one browser: str keys, and values that JSON has (a tuple comes back as a list, a key that is no
    str as one). Read from its cookie when it is first asked for. Used by one thread at a time."""

    __slots__ = ("_load", "_loaded")

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load = load
        self._loaded: Loaded | None = None

    @property
    def loaded(self) -> Loaded:
        """What was read, once it was; reads it."""
        loaded = self._loaded
        if loaded is None:
            loaded = self._loaded = self._load()
        return loaded

    @property
    def is_new(self) -> bool:
        """The request brought none that is valid."""
        return self.loaded.born_at is None

    @property
    def was_used(self) -> bool:
        """Whether anybody has asked for it; asking this does not count."""
        return self._loaded is not None

    def __getitem__(self, key: str) -> Any:
        return self.loaded.values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise SessionError(f"a session's keys are str, not {key!r}")
        self.loaded.values[key] = value

    def __delitem__(self, key: str) -> None:
        del self.loaded.values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.loaded.values)

    def __len__(self) -> int:
        return len(self.loaded.values)

    def __repr__(self) -> str:
        return f"<Session with {', '.join(map(repr, self)) or 'nothing'}>"  # no values: they may be secrets


@dataclass(slots=True)
class Loaded:
    """A session as it came: its values, which may change; the same as JSON; and when its cookie was made, in seconds
    since 1970, None where there was none."""

    values: dict[str, Any]
    before: str
    born_at: float | None


def sessions(
    *,
    secret_key: Secret | Sequence[Secret] | None,
    name: str = "session",
    max_age: int = _TWO_WEEKS,
    samesite: str = "Lax",
    domain: str | None = None,
    path: str = "/",
    secure: bool | None = None,
    clock: Callable[[], float] = time.time,
) -> Middleware:
    """A middleware that makes `request.session` a `Session`, which is kept in a cookie.

    `secret_key`: at least 32 bytes that nobody can guess. Of several, the first signs and all are accepted: put a new
    one in front, and take the old one away `max_age` later. `max_age`: seconds that a session lasts; one that is used
    in the second half of that time is renewed. `name`: the cookie's, without a prefix. `domain`: share it with the
    names below, at the price of the `__Host-` prefix. `secure`: None, on https alone. `clock`: seconds since 1970.

    Raises ValueError for a secret that is missing or weak, and for what no cookie may have; ImportError where the extra
    is not installed. A handler's request fails with `SessionError` where its session cannot be kept.
    """
    keeper = _Keeper(_checked_secrets(secret_key), _Cookie(name, max_age, samesite, domain, path, secure), clock)

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def remembering(request: Request, **params: Any) -> Response:
            session = Session(lambda: keeper.load(request))
            request.attributes["session"] = session

            def finish(request: Request, headers: MutableHeaders) -> None:
                if session.was_used:
                    keeper.save(request, session.loaded, headers)

            # What a handler had put into the session when it failed is half of something.
            return respond_and_finish(respond, request, params, finish, unmeant=False)

        return remembering

    return wrap


def _checked_secrets(secret_key: Secret | Sequence[Secret] | None) -> list[bytes]:
    secrets = [secret_key] if secret_key is None or isinstance(secret_key, (str, bytes)) else list(secret_key)
    if not secrets or not all(secrets):
        raise ValueError(f"sessions need a secret_key; {_HOW_TO}")
    checked = []
    for secret in secrets:
        if not isinstance(secret, (str, bytes)):
            raise ValueError(f"a secret_key is str or bytes, not {type(secret).__name__}")
        raw = secret.encode() if isinstance(secret, str) else secret
        if len(raw) < _SHORTEST_SECRET or len(set(raw)) < _FEWEST_CHARACTERS:
            raise ValueError(
                f"this secret_key can be guessed: it has {len(raw)} bytes, {len(set(raw))} different; {_HOW_TO}"
            )
        checked.append(raw)
    return checked


@dataclass(frozen=True, slots=True)
class _Cookie:
    """How the cookie is written."""

    name: str
    max_age: int
    samesite: str
    domain: str | None
    path: str
    secure: bool | None

    def __post_init__(self) -> None:
        if self.max_age < 1:
            raise ValueError(f"max_age is a number of seconds, not {self.max_age}")
        if self.name.startswith("__"):
            raise ValueError(f"the name {self.name!r}: a prefix is put in front where it holds; give the name without")
        self.line("x", 1, secure=True)

    def is_secure(self, request: Request) -> bool:
        return request.is_secure if self.secure is None else self.secure

    def full_name(self, *, secure: bool) -> str:
        if not secure:
            return self.name
        return ("__Host-" if self.path == "/" and self.domain is None else "__Secure-") + self.name

    def line(self, value: str, max_age: int, *, secure: bool) -> str:
        # A browser takes SameSite=None with Secure alone; on plain HTTP, where one develops, Lax comes nearest.
        samesite = self.samesite if secure or self.samesite.lower() != "none" else "Lax"
        return format_cookie(
            self.full_name(secure=secure), value,
            max_age=max_age, path=self.path, domain=self.domain, secure=secure, samesite=samesite,
        )  # fmt: skip


class _Keeper:
    """Reads and writes session cookies. Safe to use from several threads."""

    __slots__ = ("_bad", "_clock", "_cookie", "_signed")

    def __init__(self, secrets: list[bytes], cookie: _Cookie, clock: Callable[[], float]) -> None:
        try:
            import itsdangerous
        except ImportError as error:
            raise ImportError('sessions need the extra "sessions": pip install "salver[sessions]"') from error

        class Signer(itsdangerous.TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        self._cookie = cookie
        self._clock = clock
        self._bad = itsdangerous.BadData
        self._signed = itsdangerous.URLSafeTimedSerializer(
            secrets[::-1],  # there the last one signs
            salt=f"salver.session.{cookie.name}",
            signer=Signer,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def load(self, request: Request) -> Loaded:
        """The session that the request brings; an empty one where that is none, too old, or not signed by us."""
        cookie = self._cookie
        value = request.cookies.get(cookie.full_name(secure=cookie.is_secure(request)))
        if value is not None:
            try:
                values, born = self._signed.loads(value, return_timestamp=True)
            except self._bad:
                pass
            else:
                age = int(self._clock()) - born.timestamp()
                if isinstance(values, dict) and -_SKEW <= age <= cookie.max_age:
                    return Loaded(values, _as_json(values), born.timestamp())
        return Loaded({}, "{}", None)

    def save(self, request: Request, loaded: Loaded, headers: MutableHeaders) -> None:
        """What has to be said of a session that was used. Raises `SessionError`."""
        headers["Vary"] = with_vary(headers.get("vary"), "Cookie")
        if "cache-control" not in headers:
            headers["Cache-Control"] = "private"
        now = _as_json(loaded.values)
        if now == loaded.before and not self._is_halfway(loaded):
            return
        secure = self._cookie.is_secure(request)
        if loaded.values:
            value = str(self._signed.dumps(loaded.values))
            self._check_size(loaded.values, len(self._cookie.full_name(secure=secure)) + len(value))
            headers.add("Set-Cookie", self._cookie.line(value, self._cookie.max_age, secure=secure))
        else:
            headers.add("Set-Cookie", self._cookie.line("", 0, secure=secure))

    def _is_halfway(self, loaded: Loaded) -> bool:
        return loaded.born_at is not None and self._clock() - loaded.born_at > self._cookie.max_age / 2

    def _check_size(self, values: dict[str, Any], size: int) -> None:
        if size > _LARGEST:
            largest = max(values, key=lambda key: len(_as_json(values[key])))
            raise SessionError(
                f"the session makes a cookie of {size} bytes, and browsers keep {_LARGEST}; the most is in "
                f"{largest!r}. Keep an id in the session, and what belongs to it in a database"
            )


def _as_json(values: Any) -> str:
    """Raises `SessionError`, which names the key, for what JSON does not have."""
    try:
        return json.dumps(values, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        for key, value in values.items() if isinstance(values, dict) else ():
            try:
                json.dumps(value)
            except (TypeError, ValueError, RecursionError):
                raise SessionError(f"session[{key!r}] cannot be kept: {error}; a session holds what JSON has") from None
        raise SessionError(f"the session cannot be kept: {error}") from None
