"""Accounts and sessions in a database: SQLite by a path, PostgreSQL by its URL; SQLAlchemy Core between.

Each method is one transaction, so that whatever kills the process leaves all of it or nothing. What the database
cannot do at the moment (locked, gone, read-only, full) is `StoreUnavailable` for the caller to answer with 503; what it
will never do (no such folder, a wrong password) is `StoreError`, raised when the store is opened. This file knows no
password and no HTTP.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from salver.accounts.engines import DatabaseFile, database_url, make_engine, outlives_its_cause
from salver.accounts.errors import NameTaken, StoreError, StoreUnavailable
from salver.accounts.schema import bring_up_to_date, is_up_to_date, sessions, users

logger = logging.getLogger("salver.accounts")

_RETRY_AFTER = 2  # seconds
_OPENING = 2.0  # seconds that one waits while another opens the database
_ENDED_AT_ONCE = 100  # sessions that have ended are deleted as others are made, this many at a time
_TOLD_EVERY = 60.0  # seconds between two lines that say that the database cannot be used
# PostgreSQL has no NUL in a text, UTF-8 no lone surrogate: what has one is nobody's name.
NEVER_STORED = re.compile("[\0\ud800-\udfff]")


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


AlsoAdded = Callable[[Connection, User, str], None]  # with the encoded password


class Store:
    """Safe to use from several threads, and in several processes on one database."""

    def __init__(self, database: str) -> None:
        """`database`: `sqlite:///accounts.db` (a path relative to the current folder; four slashes for an absolute
        one), or `postgresql+psycopg://user:password@host/name`. Nothing is opened. Raises `StoreError` for what cannot
        be one."""
        self._url = database_url(database)
        self._file = DatabaseFile(self._url)
        self._engine = make_engine(self._url)
        self._opening = threading.Lock()
        self._process = 0  # whose the connections are
        self._ready = False
        self._identity: tuple[int, int] | None = None  # of the file that is open
        self._telling = threading.Lock()
        self._told = -math.inf

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
        self._engine.dispose()  # whoever opens before forking has nothing open that a child could inherit

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        self._engine.dispose()

    def _make_ready(self) -> None:
        # One at a time; and where that takes long, who waits behind it is not kept waiting once more for itself.
        if not self._opening.acquire(timeout=_OPENING):
            raise self._unavailable("it takes long to open")
        try:
            if not self._is_ready():
                self._make_ready_alone()
        finally:
            self._opening.release()

    def _make_ready_alone(self) -> None:
        self._let_go()
        if self._identity is not None and self._file.identity() is None:
            # An empty one in its place would look as if nobody had an account.
            raise self._unavailable("its file is gone; put it back, or start again for a new one")
        self._file.make_private()
        with self._translated(), self._engine.connect() as connection:
            complete = is_up_to_date(connection)
        if not complete:
            with self._translated(), self._for_writing().begin() as connection:
                bring_up_to_date(connection)
        self._identity, self._ready = self._file.identity(), True

    def _is_ready(self) -> bool:
        return self._ready and self._process == os.getpid() and self._identity == self._file.identity()

    def _let_go(self) -> None:
        """Of connections to a file that has its name no more; those that a fork has inherited are the parent's."""
        self._engine.dispose(close=self._process in (0, os.getpid()))
        self._process, self._ready = os.getpid(), False

    # Accounts

    def add_user(
        self, name: str, key: str, nickname: str, password: str, now: int, then: AlsoAdded | None = None
    ) -> User:
        """A new account, and in the same transaction what `then` does. Raises `NameTaken`, `StoreUnavailable`."""
        values = {"name": name, "name_key": key, "nickname": nickname, "password": password, "disabled": False}
        with self.writing() as connection:
            try:
                added = connection.execute(insert(users).values(**values, created=now, password_changed=now))
            except IntegrityError:
                raise NameTaken(f"the name {name} is taken") from None
            (identity,) = added.inserted_primary_key or (0,)
            user = User(int(identity), name, nickname, False, now)
            if then is not None:
                then(connection, user, password)
        return user

    def user_by_key(self, key: str) -> tuple[User, str] | None:
        """(account, its encoded password) of a name's key, None where there is none."""
        if NEVER_STORED.search(key):
            return None
        with self.reading() as connection:
            row = connection.execute(select(users).where(users.c.name_key == key)).mappings().first()
        return None if row is None else (_user(row), row["password"])

    def user_by_id(self, identity: int) -> tuple[User, str] | None:
        """As `user_by_key`, by the account's number."""
        with self.reading() as connection:
            row = connection.execute(select(users).where(users.c.id == identity)).mappings().first()
        return None if row is None else (_user(row), row["password"])

    def all_users(self) -> list[User]:
        """Every account, in the order of their names."""
        with self.reading() as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.name_key)).mappings()]

    def set_password(self, identity: int, password: str, now: int, *, but: bytes | None = None) -> None:
        """Another password, and the end of all the account's sessions `but` the one of that token."""
        with self.writing() as connection:
            changed = update(users).where(users.c.id == identity)
            connection.execute(changed.values(password=password, password_changed=now))
            ended = delete(sessions).where(sessions.c.user_id == identity)
            connection.execute(ended if but is None else ended.where(sessions.c.token != but))

    def rehash(self, identity: int, old: str, password: str) -> bool:
        """The same password encoded anew; False where it was changed meanwhile."""
        with self.writing() as connection:
            where = (users.c.id == identity) & (users.c.password == old)
            return connection.execute(update(users).where(where).values(password=password)).rowcount > 0

    def set_disabled(self, identity: int, *, disabled: bool) -> None:
        """Let an account log in no more, or again; disabling ends its sessions."""
        with self.writing() as connection:
            connection.execute(update(users).where(users.c.id == identity).values(disabled=disabled))
            if disabled:
                connection.execute(delete(sessions).where(sessions.c.user_id == identity))

    # Sessions

    def add_session(self, token: bytes, session: Session, password: str, *, ending: bytes | None = None) -> bool:
        """A new login; the one of the token `ending` ends, and some of those that have ended are forgotten. False, and
        nothing is done, where the account is disabled by now or its encoded password is not `password` any more."""
        same = (users.c.id == session.user_id) & (users.c.password == password) & users.c.disabled.is_(False)
        gone = select(sessions.c.token).where(sessions.c.expires <= session.created).limit(_ENDED_AT_ONCE)
        with self.writing() as connection:
            if connection.execute(select(users.c.id).where(same).with_for_update()).first() is None:
                return False
            connection.execute(delete(sessions).where(sessions.c.token.in_(gone.scalar_subquery())))
            if ending is not None:
                connection.execute(delete(sessions).where(sessions.c.token == ending))
            connection.execute(insert(sessions).values(token=token, **asdict(session)))
        return True

    def session(self, token: bytes, now: int) -> tuple[Session, User] | None:
        """The login that a token stands for, and whose it is; None where there is none that holds."""
        wanted = select(sessions, users.c.name, users.c.nickname, users.c.disabled, users.c.created.label("since"))
        wanted = wanted.join(users, users.c.id == sessions.c.user_id)
        wanted = wanted.where(sessions.c.token == token, sessions.c.expires > now, users.c.disabled.is_(False))
        with self.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            return None
        user = User(row["user_id"], row["name"], row["nickname"], row["disabled"], row["since"])
        return _session(row), user

    def sessions_of(self, identity: int, now: int) -> list[Session]:
        """An account's logins that hold, the one used last first."""
        wanted = select(sessions).where(sessions.c.user_id == identity, sessions.c.expires > now)
        with self.reading() as connection:
            rows = connection.execute(wanted.order_by(sessions.c.used.desc())).mappings()
            return [_session(row) for row in rows]

    def touch_session(self, token: bytes, used: int, expires: int) -> None:
        """It was used just now, and lasts until `expires`."""
        with self.writing() as connection:
            connection.execute(update(sessions).where(sessions.c.token == token).values(used=used, expires=expires))

    def end_session(self, token: bytes) -> None:
        """Log out."""
        with self.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.token == token))

    def end_session_of(self, identity: int, session_id: str) -> bool:
        """End one of an account's own logins; False where it has none of that id."""
        if NEVER_STORED.search(session_id):
            return False
        with self.writing() as connection:
            where = (sessions.c.user_id == identity) & (sessions.c.id == session_id)
            return connection.execute(delete(sessions).where(where)).rowcount > 0

    def end_sessions_of(self, identity: int, *, but: bytes | None = None) -> int:
        """End an account's logins `but` the one of that token; how many."""
        ended = delete(sessions).where(sessions.c.user_id == identity)
        with self.writing() as connection:
            return connection.execute(ended if but is None else ended.where(sessions.c.token != but)).rowcount

    # Transactions

    def _for_writing(self) -> Engine:
        return self._engine.execution_options(salver_writes=True)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises `StoreUnavailable`, also for what happens in it."""
        self._ensure_ready()
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is kept whole or not at all. Raises `StoreUnavailable`, also for what happens in it."""
        self._ensure_ready()
        with self._translated(), self._for_writing().begin() as connection:
            yield connection

    def _ensure_ready(self) -> None:
        if self._is_ready():
            return
        try:
            self._make_ready()
        except StoreError as error:
            raise self._unavailable(str(error)) from None

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """What the database cannot do now, as `StoreUnavailable`."""
        try:
            yield
        except DBAPIError as error:
            if outlives_its_cause(error):
                self._engine.dispose()
            raise self._unavailable(_reason(error)) from error
        except PoolTimeout as error:
            raise self._unavailable("every connection is in use") from error

    def _unavailable(self, reason: str) -> StoreUnavailable:
        """Whoever asked is told to come back; whoever runs this reads why, once a minute."""
        now = time.monotonic()
        with self._telling:
            tells = now - self._told > _TOLD_EVERY
            self._told = now if tells else self._told
        if tells:
            logger.warning("the accounts' database %s cannot be used: %s", self.name, reason)
        return StoreUnavailable(reason, retry_after=_RETRY_AFTER)


def _reason(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split()) or type(error.orig).__name__


def _user(row: RowMapping) -> User:
    return User(row["id"], row["name"], row["nickname"], bool(row["disabled"]), row["created"])


def _session(row: RowMapping) -> Session:
    return Session(row["id"], row["user_id"], row["created"], row["used"], row["expires"], row["agent"], row["address"])
