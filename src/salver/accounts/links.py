"""Addresses of accounts, and the links that were mailed to them, in the store's database.

A link is 256 random bits, of which the SHA-256 is kept. It holds until it is used or its time is over, and no longer
than what it was made for: while the account has the password that it had, and, where it sets another one, the address
that it was sent to. Whoever redeems one locks the account first, so that of two who come at once with one link, or with
two, only the first finds it. An address that is not confirmed is nowhere but in its link, and is forgotten with it.

This file knows neither mail nor what may be asked how often; it only says how many links hold already.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, select, update

from salver.accounts.schema import emails, links, sessions, users
from salver.accounts.store import NEVER_STORED, Store

RESET, CONFIRM = "reset", "confirm"
_REPLACED = "replaced"  # holds no more, and is counted still
LASTS = {RESET: 3_600, CONFIRM: 86_400}  # seconds
MOST = 5  # links that hold at once: for one account, and to one address that is not confirmed
_OWNERS = 10  # accounts of one address that are sent a link at once
_ENDED_AT_ONCE = 100  # links that have ended are deleted as others are made, this many at a time

# Whoever has no account: no row has this number.
_NOBODY = 0


class Email(NamedTuple):
    """An account's address, and the one that is to be confirmed; "" for none."""

    confirmed: str
    pending: str


class Owner(NamedTuple):
    """An account by what a letter says of it. `email`: where to."""

    id: int
    name: str
    nickname: str
    email: str


class Redeemed(NamedTuple):
    """What a link has done. `before`: the account's address until now, "" for none."""

    owner: Owner
    before: str


class Links:
    """Safe to use from several threads, and in several processes on one database. Every method raises
    `StoreUnavailable`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # Addresses

    def email_of(self, identity: int, now: int) -> Email:
        """Of one account."""
        with self._store.reading() as connection:
            found = connection.execute(select(emails.c.email).where(emails.c.user_id == identity)).scalar()
            waiting = _pending(connection, (links.c.user_id == identity) & (links.c.expires > now))
        return Email(found or "", waiting.get(identity, ""))

    def all_emails(self, now: int) -> dict[int, Email]:
        """Of all accounts that have one, by their numbers."""
        with self._store.reading() as connection:
            rows = connection.execute(select(emails.c.user_id, emails.c.email)).all()
            waiting = _pending(connection, links.c.expires > now)
        confirmed = {row.user_id: row.email for row in rows}
        return {
            each: Email(confirmed.get(each, ""), waiting.get(each, "")) for each in confirmed.keys() | waiting.keys()
        }

    def set_email(self, identity: int, email: str, key: str, now: int) -> str:
        """An address that needs no confirming; "" for none. Links that were sent hold no more. Returns the one before,
        "" for none."""
        with self._store.writing() as connection:
            _lock(connection, identity)
            return _set_email(connection, identity, email, key, now)

    # Links are made

    def add_confirmation(self, identity: int, password: str, email: str, key: str, now: int) -> str | None:
        """A link that makes `email` the account's, in place of an earlier one; None where too many of that address
        wait. `password`: the account's, encoded."""
        with self._store.writing() as connection:
            _lock(connection, identity)
            return insert_confirmation(connection, identity, password, email, key, now)

    def add_resets(self, name_key: str, email_key: str, now: int) -> list[tuple[Owner, str]]:
        """Links that set another password, for the accounts of a name and of an address: (whose, its text). Where there
        are none, or enough hold already, one is made that is nobody's: what is done is the same."""
        with self._store.writing() as connection:
            _forget_ended(connection, now)
            found = _owners(connection, "" if NEVER_STORED.search(name_key) else name_key, email_key)
            if not found:
                _add_reset(connection, None, now)
            made = [(row, _add_reset(connection, row, now)) for row in found]
        return [(_owner(row), text) for row, text in made if text is not None]

    # Links are used

    def find(self, kind: str, text: str, now: int) -> Owner | None:
        """Whose link it is, and its address; None where it does not hold. It holds as before."""
        with self._store.reading() as connection:
            row = _that_holds(connection, kind, text, now)
        return None if row is None else _owner(row)

    def redeem_reset(self, text: str, password: str, now: int) -> Owner | None:
        """The encoded `password` becomes the account's, its sessions end, and so does every link to set another; None,
        and nothing is done, where the link does not hold."""
        with self._store.writing() as connection:
            row = _taken(connection, RESET, text, now)
            if row is None:
                return None
            identity = row["user_id"]
            changed = update(users).where(users.c.id == identity)
            connection.execute(changed.values(password=password, password_changed=now))
            connection.execute(delete(sessions).where(sessions.c.user_id == identity))
            connection.execute(delete(links).where(_of(identity, RESET, now)))
        return _owner(row)

    def redeem_confirmation(self, text: str, now: int) -> Redeemed | None:
        """The link's address becomes the account's; None, and nothing is done, where the link does not hold."""
        with self._store.writing() as connection:
            row = _taken(connection, CONFIRM, text, now)
            if row is None:
                return None
            connection.execute(delete(links).where(links.c.token == _hashed(text)))
            before = _set_email(connection, row["user_id"], row["email"], row["email_key"], now)
        return Redeemed(_owner(row), before)


def insert_confirmation(
    connection: Connection, identity: int, password: str, email: str, key: str, now: int
) -> str | None:
    """As `Links.add_confirmation`, in a transaction that is there already."""
    _forget_ended(connection, now)
    _replace_pending(connection, identity, now)
    sent = (links.c.email_key == key) & links.c.kind.in_((CONFIRM, _REPLACED)) & (links.c.expires > now)
    if _count(connection, sent) >= MOST:
        return None
    return _insert(connection, CONFIRM, identity, email, key, password, now)


def _set_email(connection: Connection, identity: int, email: str, key: str, now: int) -> str:
    before = connection.execute(select(emails.c.email).where(emails.c.user_id == identity)).scalar()
    connection.execute(delete(emails).where(emails.c.user_id == identity))
    if email:
        values = {"user_id": identity, "email": email, "email_key": key, "confirmed": now}
        connection.execute(insert(emails).values(**values))
    _replace_pending(connection, identity, now)
    return before or ""


def _replace_pending(connection: Connection, identity: int, now: int) -> None:
    connection.execute(update(links).where(_of(identity, CONFIRM, now)).values(kind=_REPLACED))


def _of(identity: int, kind: str, now: int) -> ColumnElement[bool]:
    """An account's links. Not those that have ended: whoever deletes them may wait for the account, which is ours."""
    return and_(links.c.user_id == identity, links.c.kind == kind, links.c.expires > now)


def _owners(connection: Connection, name_key: str, email_key: str) -> Sequence[RowMapping]:
    """The accounts of a name or an address that a link may be sent for. Asked one after the other, as each has its
    index."""
    wanted = select(users.c.id.label("user_id"), users.c.name, users.c.nickname, users.c.password, emails.c.email)
    wanted = wanted.add_columns(emails.c.email_key).join(emails, emails.c.user_id == users.c.id)
    wanted = wanted.where(users.c.disabled.is_(False)).order_by(users.c.id).limit(_OWNERS)
    rows = [
        *connection.execute(wanted.where(users.c.name_key == name_key)).mappings(),
        *connection.execute(wanted.where(emails.c.email_key == email_key)).mappings(),
    ]
    return list({row["user_id"]: row for row in rows}.values())


def _add_reset(connection: Connection, row: RowMapping | None, now: int) -> str | None:
    """A link for the account of this row; None where it was made for nobody."""
    identity, password = (_NOBODY, "") if row is None else (row["user_id"], row["password"])
    held = _count(connection, _of(identity, RESET, now) & (links.c.password == _fingerprint(password)))
    if row is None or held >= MOST:
        _insert(connection, RESET, None, "", "", "", now)
        return None
    return _insert(connection, RESET, identity, row["email"], row["email_key"], password, now)


def _insert(
    connection: Connection, kind: str, identity: int | None, email: str, key: str, password: str, now: int
) -> str:
    text = secrets.token_hex(32)  # 256 bits; no sign at its end that a mail program takes for the sentence's
    values = {"token": _hashed(text), "kind": kind, "user_id": identity, "email": email, "email_key": key}
    values |= {"password": _fingerprint(password), "expires": now + LASTS[kind]}
    connection.execute(insert(links).values(**values))
    return text


def _taken(connection: Connection, kind: str, text: str, now: int) -> RowMapping | None:
    """The link, where it holds still when the account is locked."""
    row = _that_holds(connection, kind, text, now)
    if row is None:
        return None
    _lock(connection, row["user_id"])
    return _that_holds(connection, kind, text, now)


def _that_holds(connection: Connection, kind: str, text: str, now: int) -> RowMapping | None:
    wanted = select(links, users.c.name, users.c.nickname, users.c.password.label("encoded"))
    wanted = wanted.join(users, users.c.id == links.c.user_id)
    if kind == RESET:  # and it was sent to the address that is still the account's
        same = (emails.c.user_id == links.c.user_id) & (emails.c.email_key == links.c.email_key)
        wanted = wanted.join(emails, same)
    that = (links.c.token == _hashed(text)) & (links.c.kind == kind) & (links.c.expires > now)
    row = connection.execute(wanted.where(that, users.c.disabled.is_(False))).mappings().first()
    return row if row is not None and _is_of_its_password(row) else None


def _lock(connection: Connection, identity: int) -> None:
    """Nobody else changes this account until the transaction ends (SQLite locks all of it)."""
    connection.execute(select(users.c.id).where(users.c.id == identity).with_for_update())


def _pending(connection: Connection, which: ColumnElement[bool]) -> dict[int, str]:
    """The addresses that wait to be confirmed, by their accounts."""
    wanted = select(links, users.c.password.label("encoded")).join(users, users.c.id == links.c.user_id)
    rows = connection.execute(wanted.where(links.c.kind == CONFIRM, which)).mappings()
    return {row["user_id"]: row["email"] for row in rows if _is_of_its_password(row)}


def _is_of_its_password(row: RowMapping) -> bool:
    return secrets.compare_digest(bytes(row["password"]), _fingerprint(row["encoded"]))


def _count(connection: Connection, which: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(links).where(which)).scalar_one())


def _forget_ended(connection: Connection, now: int) -> None:
    gone = select(links.c.token).where(links.c.expires <= now).limit(_ENDED_AT_ONCE).with_for_update(skip_locked=True)
    connection.execute(delete(links).where(links.c.token.in_(gone.scalar_subquery())))


def _owner(row: RowMapping) -> Owner:
    return Owner(row["user_id"], row["name"], row["nickname"], row["email"])


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _fingerprint(encoded: str) -> bytes:
    """Of an encoded password: it tells whether it is the same, and is of no use to whoever guesses."""
    return hashlib.sha256(encoded.encode()).digest()
