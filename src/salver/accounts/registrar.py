"""What may be done with an account, whoever asks for it: register, log in, log out, change, list, end.

Every rule is here, and nothing of HTTP: an interface gives plain text and an address, and gets a value or an
`AccountError`. A login that fails costs the same whether the account exists or not, and says the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from salver.accounts.errors import BadName, Busy, MissingField, NameTaken, WrongCredentials, WrongPassword
from salver.accounts.names import clean_name, clean_nickname, name_key
from salver.accounts.passwords import Hashing, check_strength, normal_password
from salver.accounts.sessions import Login, Sessions
from salver.accounts.store import AlsoAdded, Session, Store, User
from salver.accounts.tries import Tries

logger = logging.getLogger("salver.accounts")


class Registrar:
    """Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        hashing: Hashing,
        sessions: Sessions,
        tries: Tries,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`wall`: seconds since 1970."""
        self._store = store
        self._hashing = hashing
        self._sessions = sessions
        self._tries = tries
        self._wall = wall

    def register(
        self,
        name: str,
        password: str,
        nickname: str = "",
        *,
        address: str | None = None,
        then: AlsoAdded | None = None,
    ) -> User:
        """A new account. `address`: who asks for it, None for whoever runs this. `then`: see `Store.add_user`. Raises
        `BadName`, `NameTaken`, `BadNickname`, `WeakPassword`, `PasswordTooLong`, `TooManyTries`, `Busy`,
        `StoreUnavailable`."""
        name, nickname = clean_name(name), clean_nickname(nickname)
        secret, key = normal_password(password), name_key(name)
        check_strength(password, name, nickname)
        if address is not None:
            self._tries.register(address)
        if self._store.user_by_key(key) is not None:  # before the hash, which would be work for nothing
            raise NameTaken(f"the name {name} is taken")
        return self._store.add_user(name, key, nickname, self._hashing.hash(secret), self._now(), then)

    def log_in(
        self, name: str, password: str, *, address: str, agent: str = "", instead_of: str = ""
    ) -> tuple[str, Login]:
        """A new session: (what the client is given, the login); the one that it has held, `instead_of`, ends. Raises
        `WrongCredentials`, `TooManyTries`, `MissingField`, `PasswordTooLong`, `Busy`, `StoreUnavailable`."""
        if not name:
            raise MissingField("username")
        if not password:
            raise MissingField("password")
        secret = normal_password(password)
        key = name_key(name[:1_024])
        self._tries.check(key, address)
        found = self._store.user_by_key(key)
        encoded = found[1] if found is not None else None
        # Asked again when its turn has come: a thousand tries sent at once would all have passed the first time.
        right = self._hashing.verify(encoded, secret, lambda: self._tries.check(key, address))
        if right and found is not None and not found[0].disabled:
            encoded = self._renewed(found[0].id, found[1], secret)
            # Nothing where the password was changed while this one waited for its turn.
            begun = self._sessions.begin(found[0], encoded, agent=agent, address=address, instead_of=instead_of)
            if begun is not None:
                self._tries.succeeded(key, address)
                return begun
        self._tries.failed(key, address)
        raise WrongCredentials("wrong name or password")

    def _renewed(self, identity: int, encoded: str, secret: bytes) -> str:
        """The password is at hand only now: encode it anew where that has become stronger. No reason to refuse."""
        if not self._hashing.is_outdated(encoded):
            return encoded
        try:
            stronger = self._hashing.hash(secret)
        except Busy:
            logger.debug("the password of account %d is hashed anew at another login", identity)
            return encoded
        return stronger if self._store.rehash(identity, encoded, stronger) else encoded

    def log_out(self, text: str) -> None:
        """End the session of a client's cookie. Raises `StoreUnavailable`."""
        self._sessions.end(text)

    def change_password(self, login: Login, old: str, new: str, *, address: str) -> None:
        """Another password; every other session of the account ends. Raises `WrongPassword`, and as `log_in` and
        `register` do."""
        if not old:
            raise MissingField("password")
        if not new:
            raise MissingField("new_password")
        secret = normal_password(new)
        user, _ = self.proven(login, old, address=address)
        check_strength(new, user.name, user.nickname)
        self._store.set_password(user.id, self._hashing.hash(secret), self._now(), but=login.token)
        self._sessions.forget_all()

    def proven(self, login: Login, password: str, *, address: str) -> tuple[User, str]:
        """Who is logged in has the account's password as well: (account, the password as it is encoded). Raises
        `WrongPassword`, and as `log_in` does."""
        if not password:
            raise MissingField("password")
        key, given = name_key(login.user.name), normal_password(password)
        self._tries.check(key, address)
        found = self._store.user_by_id(login.user.id)
        encoded = found[1] if found else None
        right = self._hashing.verify(encoded, given, lambda: self._tries.check(key, address))
        if not right or found is None:
            self._tries.failed(key, address)
            raise WrongPassword("the old password is wrong")
        return found

    def sessions_of(self, login: Login) -> list[Session]:
        """The account's sessions, the one used last first. Raises `StoreUnavailable`."""
        return self._store.sessions_of(login.user.id, self._now())

    def end_session(self, login: Login, session_id: str) -> bool:
        """End one of the account's own sessions; False where it has none of that id. Raises `StoreUnavailable`."""
        ended = self._store.end_session_of(login.user.id, session_id)
        self._sessions.forget_all()
        return ended

    def end_other_sessions(self, login: Login) -> int:
        """End all of the account's sessions but this one; how many. Raises `StoreUnavailable`."""
        ended = self._store.end_sessions_of(login.user.id, but=login.token)
        self._sessions.forget_all()
        return ended

    # For whoever runs this

    def set_password(self, name: str, password: str) -> None:
        """Another password, without the old one; every session of the account ends. Raises as `register` does, and
        `BadName` where there is no such account."""
        user = self.user(name)
        check_strength(password, user.name, user.nickname)
        self._store.set_password(user.id, self._hashing.hash(normal_password(password)), self._now())
        self._sessions.forget_all()

    def set_disabled(self, name: str, *, disabled: bool) -> None:
        """Let an account log in no more, or again. Raises `BadName`, `StoreUnavailable`."""
        self._store.set_disabled(self.user(name).id, disabled=disabled)
        self._sessions.forget_all()

    def users(self) -> list[User]:
        """Every account. Raises `StoreUnavailable`."""
        return self._store.all_users()

    def user(self, name: str) -> User:
        """The account of a name. Raises `BadName` where there is none, `StoreUnavailable`."""
        found = self._store.user_by_key(name_key(name))
        if found is None:
            raise BadName(f"there is no account {name}")
        return found[0]

    def _now(self) -> int:
        return int(self._wall())
