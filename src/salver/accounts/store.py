"""Accounts and sessions in a database: SQLite by a path, PostgreSQL by its URL; SQLAlchemy Core between.

Each method is one transaction, so that whatever kills the process leaves all of it or nothing. What the database
cannot do at the moment (locked, gone, read-only, full) is `StoreUnavailable` for the caller to answer with 503; what it
will never do (no such folder, a wrong password) is `StoreError`, raised when the store is opened. This file knows no
password and no HTTP.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, create_engine, delete, event, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from salver.accounts.errors import NameTaken, StoreError, StoreUnavailable
from salver.accounts.schema import bring_up_to_date, sessions, users

_BUSY = 2.0  # seconds that SQLite waits for another's lock, and PostgreSQL for a connection
_RETRY_AFTER = 2  # seconds
_ENDED_KEPT = 100  # sessions that have ended are deleted as others are made, this many at a time


@dataclass(frozen=True, slots=True)
class User:
    """An account without its password. `created` in seconds since 1970."""

    id: int
    name: str
    nickname: str
    disabled: bool
    created: int

    @property
    def shown_name(self) -> str:
        """What a page calls this person."""
        return self.nickname or self.name


@dataclass(frozen=True, slots=True)
class Session:
    """One login. `id` is how its owner speaks of it; times in seconds since 1970."""

    id: str
    user_id: int
    created: int
    used: int
    expires: int
    agent: str
    address: str


class Store:
    """Safe to use from several threads, and in several processes on one database."""

    def __init__(self, database: str) -> None:
        """`database`: `sqlite:///accounts.db` (a path relative to the current folder; four slashes for an absolute
        one), or `postgresql+psycopg://user:password@host/name`. Nothing is opened. Raises `StoreError` for what cannot
        be one."""
        self._url = _url(database)
        self._engine = _engine(self._url)
        self._opening = threading.Lock()
        self._process = 0  # in which this is open

    @property
    def name(self) -> str:
        """The database's URL without its password, for people."""
        return self._url.render_as_string(hide_password=True)

    def open(self) -> None:
        """Connect, and bring the tables up to date; the first use does so, too. Raises `StoreError` with what to do."""
        try:
            self._make_ready()
        except StoreUnavailable as error:
            raise StoreError(f"cannot use the accounts' database {self.name}: {error.detail}") from None

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        self._engine.dispose()

    def _make_ready(self) -> None:
        with self._opening:
            if self._process == os.getpid():
                return
            if self._process:  # forked: the parent's connections are the parent's
                self._engine.dispose(close=False)
            with _translated(), self._for_writing().begin() as connection:
                bring_up_to_date(connection)
            self._process = os.getpid()

    # Accounts

    def add_user(self, name: str, key: str, nickname: str, password: str, now: int) -> User:
        """A new account. Raises `NameTaken`, `StoreUnavailable`."""
        values = {"name": name, "name_key": key, "nickname": nickname, "password": password, "disabled": False}
        try:
            with self._writing() as connection:
                added = connection.execute(insert(users).values(**values, created=now, password_changed=now))
                (identity,) = added.inserted_primary_key or (0,)
        except IntegrityError:
            raise NameTaken(f"the name {name} is taken") from None
        return User(int(identity), name, nickname, False, now)

    def user_by_key(self, key: str) -> tuple[User, str] | None:
        """(account, its encoded password) of a name's key, None where there is none."""
        with self._reading() as connection:
            row = connection.execute(select(users).where(users.c.name_key == key)).mappings().first()
        return None if row is None else (_user(row), row["password"])

    def user_by_id(self, identity: int) -> tuple[User, str] | None:
        """As `user_by_key`, by the account's number."""
        with self._reading() as connection:
            row = connection.execute(select(users).where(users.c.id == identity)).mappings().first()
        return None if row is None else (_user(row), row["password"])

    def all_users(self) -> list[User]:
        """Every account, in the order of their names."""
        with self._reading() as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.name_key)).mappings()]

    def set_password(self, identity: int, password: str, now: int, *, but: bytes | None = None) -> None:
        """Another password, and the end of all the account's sessions `but` the one of that token."""
        with self._writing() as connection:
            changed = update(users).where(users.c.id == identity)
            connection.execute(changed.values(password=password, password_changed=now))
            ended = delete(sessions).where(sessions.c.user_id == identity)
            connection.execute(ended if but is None else ended.where(sessions.c.token != but))

    def rehash(self, identity: int, old: str, password: str) -> None:
        """The same password encoded anew, unless it was changed meanwhile."""
        with self._writing() as connection:
            where = (users.c.id == identity) & (users.c.password == old)
            connection.execute(update(users).where(where).values(password=password))

    def set_disabled(self, identity: int, *, disabled: bool) -> None:
        """Let an account log in no more, or again; disabling ends its sessions."""
        with self._writing() as connection:
            connection.execute(update(users).where(users.c.id == identity).values(disabled=disabled))
            if disabled:
                connection.execute(delete(sessions).where(sessions.c.user_id == identity))

    # Sessions

    def add_session(self, token: bytes, session: Session) -> None:
        """A new login; some of those that have ended are forgotten."""
        with self._writing() as connection:
            ended = select(sessions.c.token).where(sessions.c.expires <= session.created).limit(_ENDED_KEPT)
            connection.execute(delete(sessions).where(sessions.c.token.in_(ended.scalar_subquery())))
            connection.execute(
                insert(sessions).values(
                    token=token,
                    id=session.id,
                    user_id=session.user_id,
                    created=session.created,
                    used=session.used,
                    expires=session.expires,
                    agent=session.agent,
                    address=session.address,
                )
            )

    def session(self, token: bytes, now: int) -> tuple[Session, User] | None:
        """The login that a token stands for, and whose it is; None where there is none that holds."""
        wanted = select(sessions, users.c.name, users.c.nickname, users.c.disabled, users.c.created.label("since"))
        wanted = wanted.join(users, users.c.id == sessions.c.user_id)
        wanted = wanted.where(sessions.c.token == token, sessions.c.expires > now, users.c.disabled.is_(False))
        with self._reading() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            return None
        user = User(row["user_id"], row["name"], row["nickname"], row["disabled"], row["since"])
        return _session(row), user

    def sessions_of(self, identity: int, now: int) -> list[Session]:
        """An account's logins that hold, the one used last first."""
        wanted = select(sessions).where(sessions.c.user_id == identity, sessions.c.expires > now)
        with self._reading() as connection:
            rows = connection.execute(wanted.order_by(sessions.c.used.desc())).mappings()
            return [_session(row) for row in rows]

    def touch_session(self, token: bytes, used: int, expires: int) -> None:
        """It was used just now, and lasts until `expires`."""
        with self._writing() as connection:
            connection.execute(update(sessions).where(sessions.c.token == token).values(used=used, expires=expires))

    def end_session(self, token: bytes) -> None:
        """Log out."""
        with self._writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.token == token))

    def end_session_of(self, identity: int, session_id: str) -> bool:
        """End one of an account's own logins; False where it has none of that id."""
        with self._writing() as connection:
            where = (sessions.c.user_id == identity) & (sessions.c.id == session_id)
            return connection.execute(delete(sessions).where(where)).rowcount > 0

    def end_sessions_of(self, identity: int, *, but: bytes | None = None) -> int:
        """End an account's logins `but` the one of that token; how many."""
        ended = delete(sessions).where(sessions.c.user_id == identity)
        with self._writing() as connection:
            return connection.execute(ended if but is None else ended.where(sessions.c.token != but)).rowcount

    # Transactions

    def _for_writing(self) -> Engine:
        return self._engine.execution_options(salver_writes=True)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._ensure_ready()
        with _translated(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._ensure_ready()
        with _translated(), self._for_writing().begin() as connection:
            yield connection

    def _ensure_ready(self) -> None:
        if self._process == os.getpid():
            return
        try:
            self._make_ready()
        except StoreError as error:
            raise StoreUnavailable(str(error), retry_after=_RETRY_AFTER) from None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """What the database cannot do now, as `StoreUnavailable`; IntegrityError passes, it is the caller's."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise StoreUnavailable(_reason(error), retry_after=_RETRY_AFTER) from error
    except PoolTimeout as error:
        raise StoreUnavailable("every connection is in use", retry_after=_RETRY_AFTER) from error


def _reason(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split()) or type(error.orig).__name__


def _url(database: str) -> URL:
    try:
        url = make_url(database)
    except ArgumentError:
        raise StoreError(
            f"{database!r} is no database; write sqlite:///accounts.db, or postgresql://user@host/name"
        ) from None
    if url.get_backend_name() == "postgresql" and "+" not in url.drivername:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"accounts are kept in SQLite or PostgreSQL, not in {url.get_backend_name()}")
    return url


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite(url)
        arguments: dict[str, Any] = {"connect_timeout": 3}
        return create_engine(
            url, connect_args=arguments, pool_size=8, max_overflow=8, pool_timeout=_BUSY, pool_pre_ping=True
        )
    except (ImportError, NoSuchModuleError):
        extra = "postgresql" if url.get_backend_name() == "postgresql" else "accounts"
        raise StoreError(f'a library for this database is missing: pip install "salver[{extra}]"') from None
    except SQLAlchemyError as error:
        raise StoreError(f"cannot use the database: {error}") from None


def _sqlite(url: URL) -> Engine:
    path = url.database or ""
    if path in ("", ":memory:") or "mode=memory" in path:
        raise StoreError("accounts in memory would be gone with the process; write sqlite:///accounts.db")
    folder = os.path.dirname(os.path.abspath(path.removeprefix("file:")))
    if not os.path.isdir(folder):
        raise StoreError(f"there is no folder {folder} for the accounts' database; make it first")
    engine = create_engine(url, connect_args={"timeout": _BUSY}, pool_size=8, max_overflow=8, pool_timeout=_BUSY)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        # The driver's own transactions begin too late for a read that is followed by a write; ours begin below.
        connection.isolation_level = None
        cursor = connection.cursor()
        # WAL: readers do not wait for a writer. NORMAL: a power cut may lose the last commits, never half of one.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            try:
                cursor.execute(f"PRAGMA {pragma}")
            except sqlite3.OperationalError:
                pass  # a read-only database keeps the mode that it has
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that will write says so at once: two that find out later would wait for each other.
        writes = connection.get_execution_options().get("salver_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _user(row: RowMapping) -> User:
    return User(row["id"], row["name"], row["nickname"], bool(row["disabled"]), row["created"])


def _session(row: RowMapping) -> Session:
    return Session(row["id"], row["user_id"], row["created"], row["used"], row["expires"], row["agent"], row["address"])
