"""The engine of a database's URL, and what SQLite and PostgreSQL need so that a transaction is one and nobody waits for
ever.

A SQLite database is also a file that somebody may delete or replace while it is open. A process that goes on with the
one it has would take accounts that are lost with it, so each transaction asks whether the file still has its name.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from salver.accounts.errors import StoreError

_BUSY = 2.0  # seconds that SQLite waits for another's lock, and PostgreSQL for a connection
_CONNECTIONS = 8  # kept; as many more while they are needed
_STATEMENT = 10  # seconds that PostgreSQL works on one statement
# For libpq: seconds to connect, and when a machine that has vanished without a word is given up.
_LIVELY = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5_000,  # milliseconds
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}


def database_url(database: str) -> URL:
    """What `Store` is given, as a URL. Raises `StoreError` for what cannot be one."""
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


class DatabaseFile:
    """The file of a SQLite database; of another database none, which never changes."""

    def __init__(self, url: URL) -> None:
        """Raises `StoreError` for a database in memory, or in a folder that is not there."""
        self._path, self._makes = "", False
        if url.get_backend_name() != "sqlite":
            return
        path = url.database or ""
        if path in ("", ":memory:") or "mode=memory" in path or url.query.get("mode") == "memory":
            raise StoreError("accounts in memory would be gone with the process; write sqlite:///accounts.db")
        self._makes = not path.startswith("file:")  # a URI says itself whether one is made
        self._path = os.path.abspath(path.removeprefix("file:").partition("?")[0])
        folder = os.path.dirname(self._path)
        if not os.path.isdir(folder):
            raise StoreError(f"there is no folder {folder} for the accounts' database; make it first")

    def make_private(self) -> None:
        """Make one that is not there yet, empty and for this user alone: SQLite's would be for everybody to read, and
        what it keeps beside it has the same mode."""
        if self._makes:
            with contextlib.suppress(OSError):  # it is there; or the database will say what is wrong
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def identity(self) -> tuple[int, int] | None:
        """What tells this file from another of the same name; None where there is none, (0, 0) where none is needed."""
        if not self._path:
            return 0, 0
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def make_engine(url: URL) -> Engine:
    """An engine that has opened nothing. Raises `StoreError` where a library is missing."""
    lasting: dict[str, Any] = {
        "pool_size": _CONNECTIONS,
        "max_overflow": _CONNECTIONS,
        "pool_timeout": _BUSY,
        "hide_parameters": True,  # an error's text is logged, and the parameters have hashes in them
    }
    try:
        if url.get_backend_name() == "sqlite":
            return _for_sqlite(create_engine(url, connect_args={"timeout": _BUSY}, **lasting))
        return _for_postgresql(create_engine(url, connect_args=_LIVELY, pool_pre_ping=True, **lasting))
    except (ImportError, NoSuchModuleError):
        extra = "postgresql" if url.get_backend_name() == "postgresql" else "accounts"
        raise StoreError(f'a library for this database is missing: pip install "salver[{extra}]"') from None
    except SQLAlchemyError as error:
        raise StoreError(f"cannot use the database: {error}") from None


def _for_sqlite(engine: Engine) -> Engine:
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
                pass  # one that is read-only or locked keeps the mode that it has
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that will write says so at once: two that find out later would wait for each other.
        writes = connection.get_execution_options().get("salver_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _for_postgresql(engine: Engine) -> Engine:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        # Here, not among the options of connecting: poolers that stand between refuse those.
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{_BUSY}s'")
            cursor.execute(f"SET statement_timeout = '{_STATEMENT}s'")
        connection.commit()

    return engine


def outlives_its_cause(error: DBAPIError) -> bool:
    """A connection that has said this goes on saying it: a SQLite file that was opened where nothing could be written
    stays so when the disk is writable again. Not where another one only held the lock."""
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF  # the primary code, without its details
    return code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT)
