"""The tables, and the steps by which an older database becomes today's.

A step is never changed once it was released; a new one is added behind it. Every start compares the version that the
database says with the number of steps, and takes those that are missing in one transaction, one process at a time. A
database from a newer Salver is refused rather than guessed at.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
    update,
)

from salver.accounts.errors import StoreError

metadata = MetaData()

# SQLite counts rows by INTEGER alone; a name there is all that other types would be.
_ID = BigInteger().with_variant(Integer, "sqlite")

users = Table(
    "salver_users",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False),
    Column("name_key", String(512), nullable=False, unique=True),
    Column("nickname", String(64), nullable=False, default=""),
    Column("password", String(255), nullable=False),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created", BigInteger, nullable=False),  # seconds since 1970, as all times here
    Column("password_changed", BigInteger, nullable=False),
)

sessions = Table(
    "salver_sessions",
    metadata,
    Column("token", LargeBinary(32), primary_key=True),  # SHA-256 of what the client holds
    Column("id", String(22), nullable=False, unique=True),  # how its owner speaks of it; of no use to log in
    Column("user_id", _ID, ForeignKey("salver_users.id", ondelete="CASCADE"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("agent", String(200), nullable=False, default=""),
    Column("address", String(64), nullable=False, default=""),
    Index("salver_sessions_of_user", "user_id"),
    Index("salver_sessions_by_end", "expires"),
)

# Addresses that were confirmed. A table of their own, so that those who have no mailer have none of it.
emails = Table(
    "salver_emails",
    metadata,
    Column("user_id", _ID, ForeignKey("salver_users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("email", String(254), nullable=False),
    Column("email_key", String(1024), nullable=False),
    Column("confirmed", BigInteger, nullable=False),
    Index("salver_emails_by_key", "email_key"),
)

# Links that were sent by mail, and hold until they are used.
links = Table(
    "salver_links",
    metadata,
    Column("token", LargeBinary(32), primary_key=True),  # SHA-256 of what the mail says
    Column("kind", String(8), nullable=False),
    # NULL: somebody asked on behalf of nobody; kept, so that both cost the same.
    Column("user_id", _ID, ForeignKey("salver_users.id", ondelete="CASCADE")),
    Column("email", String(254), nullable=False),
    Column("email_key", String(1024), nullable=False),
    Column("password", LargeBinary(32), nullable=False),  # SHA-256 of the encoded one that the account had
    Column("expires", BigInteger, nullable=False),
    Index("salver_links_of_user", "user_id"),
    Index("salver_links_by_email", "email_key"),
    Index("salver_links_by_end", "expires"),
)

version = Table("salver_accounts", metadata, Column("version", Integer, nullable=False))


def _first(connection: Connection) -> None:
    metadata.create_all(connection, tables=[users, sessions])


def _addresses(connection: Connection) -> None:
    metadata.create_all(connection, tables=[emails, links])


STEPS: tuple[Callable[[Connection], None], ...] = (_first, _addresses)

_LOCK = 7_235_117_203  # this schema's, among the advisory locks of a PostgreSQL server


def is_up_to_date(connection: Connection) -> bool:
    """Every step was taken, and no more: then nothing has to be written, and nobody waited for."""
    if not inspect(connection).has_table(version.name):
        return False
    return connection.execute(select(version.c.version)).scalar() == len(STEPS)


def bring_up_to_date(connection: Connection) -> None:
    """Take the steps that are missing. In the caller's transaction, which must be one that writes. Raises
    `StoreError` for a database that is newer than this code."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if not inspect(connection).has_table(version.name):
        version.create(connection)
        connection.execute(insert(version).values(version=0))
    reached = connection.execute(select(version.c.version)).scalar_one()
    if reached > len(STEPS):
        raise StoreError(f"the accounts' database is of a newer Salver (version {reached}); upgrade Salver to use it")
    for step in STEPS[reached:]:
        step(connection)
    if reached < len(STEPS):
        connection.execute(update(version).values(version=len(STEPS)))
