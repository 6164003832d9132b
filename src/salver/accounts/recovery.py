"""Who has forgotten a password gets a letter: what may be asked, by whom, and how often. For those who have a mailer.

Every rule is here, and nothing of HTTP. Asking says nothing of who has an account: the same is done in the database for
somebody as for nobody, the same is said, and letters are sent when that has been said. How often one may ask is
counted; how many letters one mailbox gets is bounded by the links that hold already, whoever asks for them, which locks
nobody out: those links are in that mailbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection

from salver.accounts.addresses import clean_email, email_key, maybe_email_key
from salver.accounts.errors import MissingField, TooManyTries, VoidLink
from salver.accounts.letters import Letters
from salver.accounts.links import CONFIRM, RESET, Email, Links, Owner, insert_confirmation
from salver.accounts.mail import Outbox
from salver.accounts.names import name_key
from salver.accounts.passwords import Hashing, check_strength, normal_password
from salver.accounts.registrar import Registrar
from salver.accounts.sessions import Login, Sessions
from salver.accounts.settings import AccountSettings
from salver.accounts.store import User
from salver.accounts.texts import ENGLISH
from salver.accounts.tries import Tries
from salver.semantics.addresses import is_loopback_host

_ASKED_MOST = 1_024  # characters of what somebody types who has forgotten; more is nobody's name or address
_COME_BACK = 3_600  # seconds, where an address has been sent enough
# Seconds that asking for a letter takes. What is done for somebody and for nobody differs by some hundredths of a
# millisecond, and by whatever the next version of a database adds to that.
EVENLY = 0.05
_LINKS = "\0link"  # counted like a name that nobody can have: failures with links are those of their address


class Parts(NamedTuple):
    """What the rules are carried out with."""

    registrar: Registrar
    links: Links
    hashing: Hashing
    sessions: Sessions
    tries: Tries


class Recovery:
    """Safe to use from several threads."""

    def __init__(
        self,
        parts: Parts,
        outbox: Outbox,
        letters: Letters,
        *,
        email_required: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`wall`: seconds since 1970."""
        self._parts = parts
        self._outbox = outbox
        self._letters = letters
        self._email_required = email_required
        self._wall = wall
        self._evenly = EVENLY

    # Addresses

    def register(
        self, name: str, password: str, nickname: str, email: str, *, address: str, language: str = ENGLISH
    ) -> User:
        """As `Registrar.register`, with an address that is to be confirmed; "" for none. Raises as that does, and
        `BadEmail`, and `MissingField` where one is required."""
        if not email:
            if self._email_required:
                raise MissingField("email")
            return self._parts.registrar.register(name, password, nickname, address=address)
        email, made = clean_email(email), list[str | None]()
        key, now = email_key(email), self._now()

        def also_a_link(connection: Connection, user: User, encoded: str) -> None:
            made.append(insert_confirmation(connection, user.id, encoded, email, key, now))

        user = self._parts.registrar.register(name, password, nickname, address=address, then=also_a_link)
        if made[0] is not None:  # else it has letters enough; the account is there all the same
            self._outbox.post(self._letters.confirm(email, made[0], language))
        return user

    def email_of(self, user: User) -> Email:
        """The account's address, and the one that waits. Raises `StoreUnavailable`."""
        return self._parts.links.email_of(user.id, self._now())

    def set_email(self, login: Login, password: str, email: str, *, address: str, language: str = ENGLISH) -> None:
        """Another address, which counts when it is confirmed, or "" for none, which counts at once. Raises
        `WrongPassword`, `BadEmail`, `MissingField`, `TooManyTries`, `Busy`, `StoreUnavailable`."""
        if not email and self._email_required:
            raise MissingField("email")
        email = clean_email(email) if email else ""
        user, encoded = self._parts.registrar.proven(login, password, address=address)
        if not email:
            before = self._parts.links.set_email(user.id, "", "", self._now())
            self._tell_old(before, user.name, language)
            return
        self._parts.tries.ask_for_mail(name_key(user.name), address)
        text = self._parts.links.add_confirmation(user.id, encoded, email, email_key(email), self._now())
        if text is None:
            raise TooManyTries("this address has been sent enough letters", retry_after=_COME_BACK)
        self._outbox.post(self._letters.confirm(email, text, language))

    def confirm(self, text: str, *, address: str, language: str = ENGLISH) -> Owner:
        """The address that a link was sent to becomes the account's; the one before is told. Raises `VoidLink`,
        `TooManyTries`, `StoreUnavailable`."""
        self._parts.tries.check(_LINKS, address)
        done = self._parts.links.redeem_confirmation(text, self._now())
        if done is None:
            raise self._void(address)
        if done.before and email_key(done.before) != email_key(done.owner.email):
            self._tell_old(done.before, done.owner.name, language)
        return done.owner

    def _tell_old(self, before: str, name: str, language: str) -> None:
        if before:
            self._outbox.post(self._letters.address_changed(before, name, language))

    # Passwords

    def forgotten(self, account: str, *, address: str, language: str = ENGLISH) -> None:
        """Letters with a link to whoever has this name, or this address, and a confirmed one. Says and does the same
        where nobody has. Raises `MissingField`, `TooManyTries`, `StoreUnavailable`."""
        if not account.strip():
            raise MissingField("account")
        account, began = account[:_ASKED_MOST], time.monotonic()
        self._parts.tries.ask_for_mail(name_key(account), address)
        made = self._parts.links.add_resets(name_key(account), maybe_email_key(account), self._now())
        for owner, text in made:
            self._outbox.post(self._letters.reset(owner.email, owner.name, text, language))
        if not made:
            self._outbox.post(None)
        time.sleep(max(0.0, began + self._evenly - time.monotonic()))

    def owner_of_reset(self, text: str, *, address: str) -> Owner:
        """Whose password a link would set; it holds as before. Raises `VoidLink`, `TooManyTries`,
        `StoreUnavailable`."""
        return self._owner_of(RESET, text, address)

    def owner_of_confirmation(self, text: str, *, address: str) -> Owner:
        """Which address a link would confirm; it holds as before. Raises as `owner_of_reset` does."""
        return self._owner_of(CONFIRM, text, address)

    def _owner_of(self, kind: str, text: str, address: str) -> Owner:
        self._parts.tries.check(_LINKS, address)
        owner = self._parts.links.find(kind, text, self._now())
        if owner is None:
            raise self._void(address)
        return owner

    def _void(self, address: str) -> VoidLink:
        """One more who has guessed, or has come too late."""
        self._parts.tries.failed(_LINKS, address)
        return VoidLink("this link holds no more")

    def reset(self, text: str, password: str, *, address: str, language: str = ENGLISH) -> Owner:
        """Another password, by a link; every session of the account ends, and its owner is told. Raises `VoidLink`,
        `WeakPassword`, `PasswordTooLong`, `MissingField`, `TooManyTries`, `Busy`, `StoreUnavailable`."""
        if not password:
            raise MissingField("password")
        secret = normal_password(password)
        owner = self._owner_of(RESET, text, address)  # before the hash, which would be work for nothing
        check_strength(password, owner.name, owner.nickname)
        if self._parts.links.redeem_reset(text, self._parts.hashing.hash(secret), self._now()) is None:
            raise self._void(address)
        self._parts.sessions.forget_all()
        self._outbox.post(self._letters.password_changed(owner.email, owner.name, language))
        return owner

    def change_password(self, login: Login, old: str, new: str, *, address: str, language: str = ENGLISH) -> None:
        """As `Registrar.change_password`, and the owner is told."""
        email = self.email_of(login.user).confirmed  # before: what fails then has changed nothing
        self._parts.registrar.change_password(login, old, new, address=address)
        if email:
            self._outbox.post(self._letters.password_changed(email, login.user.name, language))

    def _now(self) -> int:
        return int(self._wall())


def base_of_links(settings: AccountSettings, at: str) -> str:
    """The URL below which the pages are, for letters; without a slash at its end. Raises ValueError for a `public_url`
    that cannot be one."""
    url = settings.public_url
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        parts, usable = urlsplit(""), False
    if not usable or parts.scheme not in ("http", "https") or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"a mailer needs public_url='https://example.org', where people open the site; not {url!r}")
    if parts.scheme == "http" and not is_loopback_host(parts.hostname or "") and not settings.dangerous_plain_http:
        raise ValueError(f"links that set a password need https://; public_url is {url!r}")
    return url.rstrip("/") + at
