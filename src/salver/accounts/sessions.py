"""Sessions: a secret that the client holds, and what the store knows of it.

The client holds 256 random bits in a cookie; the store has their SHA-256 alone, so that who reads the database cannot
log in with it. An id that a client brings is never adopted: at login a new one is made. What the store says is believed
for a second, so that a page of many requests asks once; a session that is ended anywhere is refused within that second.
"""

from __future__ import annotations

import base64
import hashlib
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from salver.accounts.errors import StoreUnavailable
from salver.accounts.store import Session, Store, User

_TOKEN_BYTES = 32
_TEXT_LENGTH = 43  # of 32 bytes in base64url without padding
_BELIEVED = 1.0  # seconds
_REMEMBERED = 16_384  # sessions
_TOUCHED_EVERY = 3_600  # seconds: how exactly "last used" is kept, where a session does not end sooner
_TOUCHED_AGAIN = 60.0  # seconds until it is tried again where it could not be kept
_TOKEN_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class Login(NamedTuple):
    """A session that holds. `token` is what the store knows it by."""

    user: User
    session: Session
    token: bytes


class _Believed(NamedTuple):
    login: Login | None
    until: float


class Sessions:
    """Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        idle: int = 14 * 86_400,
        absolute: int = 90 * 86_400,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`idle`: seconds after which a session ends that is not used; `absolute`: that it lasts in any case at most.
        `clock` only goes forward, `wall` is seconds since 1970."""
        self._store = store
        self._idle = idle
        self._absolute = absolute
        self._clock = clock
        self._wall = wall
        self._touched_every = min(_TOUCHED_EVERY, idle // 10)
        self._untouched_until = -math.inf
        self._believed: dict[str, _Believed] = {}
        self._changing = threading.Lock()
        self._changes = 0  # how often something has ended: what was asked before is not believed after

    @property
    def lifetime(self) -> int:
        """Seconds that a cookie may be kept by the client."""
        return self._absolute

    def begin(
        self, user: User, password: str, *, agent: str, address: str, instead_of: str = ""
    ) -> tuple[str, Login] | None:
        """A new session: (what the client is given, the login). The one that the client has held until now,
        `instead_of`, ends with it. None where the encoded `password` is the account's no more, or the account is
        disabled. Raises `StoreUnavailable`."""
        text = secrets.token_urlsafe(_TOKEN_BYTES)
        now = int(self._wall())
        expires = now + min(self._idle, self._absolute)
        session = Session(_short_id(), user.id, now, now, expires, _printable(agent)[:200], address[:64])
        token = _hashed(text)
        before = _hashed(instead_of) if _is_token(instead_of) else None
        if not self._store.add_session(token, session, password, ending=before):
            return None
        if before is not None:
            self._forget(instead_of)
        return text, Login(user, session, token)

    def find(self, text: str) -> Login | None:
        """The login that a client's cookie stands for, None for none. Raises `StoreUnavailable`."""
        believed = self._believed.get(text)
        if believed is not None and believed.until > self._clock():
            return believed.login
        return self._ask(text) if _is_token(text) else None

    def _ask(self, text: str) -> Login | None:
        token, changes = _hashed(text), self._changes
        until = self._clock() + _BELIEVED
        now = int(self._wall())
        found = self._store.session(token, now)
        if found is None:  # not remembered: it costs a client nothing to make up more
            with self._changing:
                self._believed.pop(text, None)
            return None
        session, user = found
        login = Login(user, self._kept_alive(token, session, now), token)
        self._remember(text, _Believed(login, until), changes)
        return login

    def _kept_alive(self, token: bytes, session: Session, now: int) -> Session:
        """Used just now. A database that cannot be written is no reason to refuse whom it knows."""
        if now - session.used < self._touched_every or self._clock() < self._untouched_until:
            return session
        expires = min(now + self._idle, session.created + self._absolute)
        try:
            self._store.touch_session(token, now, expires)
        except StoreUnavailable:
            self._untouched_until = self._clock() + _TOUCHED_AGAIN
            return session
        return replace(session, used=now, expires=expires)

    def _remember(self, text: str, believed: _Believed, changes: int) -> None:
        with self._changing:
            if changes != self._changes:
                return
            if len(self._believed) >= _REMEMBERED:
                now = self._clock()
                self._believed = {each: kept for each, kept in self._believed.items() if kept.until > now}
                if len(self._believed) >= _REMEMBERED:
                    self._believed.clear()
            self._believed[text] = believed

    def _forget(self, text: str) -> None:
        with self._changing:
            self._changes += 1
            self._believed.pop(text, None)

    def end(self, text: str) -> None:
        """Log out; here at once, in other processes within a second. Raises `StoreUnavailable`."""
        if _is_token(text):
            self._store.end_session(_hashed(text))
        self._forget(text)

    def forget_all(self) -> None:
        """Believe nothing of what the store has said: something has changed that may end sessions."""
        with self._changing:
            self._changes += 1
            self._believed.clear()


def _is_token(text: str) -> bool:
    return len(text) == _TEXT_LENGTH and _TOKEN_CHARACTERS.issuperset(text)


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _short_id() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode("ascii")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
