"""The store: names and tokens are unique, each method is one transaction, old and new databases are told apart."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from salver.accounts import schema
from salver.accounts.errors import NameTaken, StoreError
from salver.accounts.store import Session, Store, User

TOKEN, OTHER = b"t" * 32, b"o" * 32


def session_of(user: User, name: str = "s", *, created: int = 1_000, expires: int = 2_000) -> Session:
    return Session(name, user.id, created, created, expires, "agent", "192.0.2.1")


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_an_account_comes_back_as_it_was_added(store: Store) -> None:
    added = store.add_user("Ada", "ada", "Lady L", "$hash", 1_000)
    assert added == User(added.id, "Ada", "Lady L", False, 1_000)
    assert store.user_by_key("ada") == (added, "$hash")
    assert store.user_by_id(added.id) == (added, "$hash")
    assert store.user_by_key("bob") is None
    assert store.user_by_id(added.id + 1) is None
    assert added.shown_name == "Lady L"


def test_a_key_has_one_account(store: Store, ada: User) -> None:
    with pytest.raises(NameTaken):
        store.add_user("ADA", "ada", "", "$other", 2_000)
    assert store.all_users() == [ada]
    assert store.user_by_key("ada") == (ada, "$hash")


@pytest.mark.parametrize("key", ["a\0b", "\ud800", "x' OR '1'='1", "%", "_", ""])
def test_keys_that_nobody_has(store: Store, ada: User, key: str) -> None:
    assert store.user_by_key(key) is None
    assert store.end_session_of(ada.id, key) is False


def test_users_are_listed_by_their_names(store: Store) -> None:
    for name in ("cleo", "ada", "bob"):
        store.add_user(name, name, "", "$hash", 1_000)
    assert [user.name for user in store.all_users()] == ["ada", "bob", "cleo"]


def test_a_session_is_found_while_it_lasts(store: Store, ada: User) -> None:
    session = session_of(ada)
    assert store.add_session(TOKEN, session, "$hash")
    assert store.session(TOKEN, 1_999) == (session, ada)
    assert store.session(TOKEN, 2_000) is None
    assert store.session(OTHER, 1_999) is None


def test_no_session_begins_with_a_password_that_was_changed_meanwhile(store: Store, ada: User) -> None:
    store.set_password(ada.id, "$new", 1_500)
    assert not store.add_session(TOKEN, session_of(ada), "$hash")
    assert store.session(TOKEN, 1_600) is None
    assert store.add_session(TOKEN, session_of(ada), "$new")


def test_no_session_begins_for_an_account_that_is_disabled(store: Store, ada: User) -> None:
    store.set_disabled(ada.id, disabled=True)
    assert not store.add_session(TOKEN, session_of(ada), "$hash")
    store.set_disabled(ada.id, disabled=False)
    assert store.add_session(TOKEN, session_of(ada), "$hash")
    store.set_disabled(ada.id, disabled=True)
    assert store.session(TOKEN, 1_500) is None


def test_a_session_that_takes_the_place_of_another_ends_it(store: Store, ada: User) -> None:
    store.add_session(TOKEN, session_of(ada, "first"), "$hash")
    assert store.add_session(OTHER, session_of(ada, "second"), "$hash", ending=TOKEN)
    assert [session.id for session in store.sessions_of(ada.id, 1_500)] == ["second"]


def test_sessions_that_have_ended_are_deleted_as_others_begin(store: Store, ada: User, tmp_path: Path) -> None:
    for number in range(150):
        token = number.to_bytes(32, "big")
        store.add_session(token, session_of(ada, f"s{number}", created=0, expires=10), "$hash")
    for number in range(2):
        store.add_session(bytes([255, number] * 16), session_of(ada, f"n{number}"), "$hash")
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection:
        assert connection.execute("SELECT count(*) FROM salver_sessions").fetchone() == (2,)


def test_ending_sessions(store: Store, ada: User) -> None:
    bob = store.add_user("bob", "bob", "", "$hash", 1_000)
    for number in range(3):
        store.add_session(bytes([number]) * 32, session_of(ada, f"s{number}"), "$hash")
    store.add_session(TOKEN, session_of(bob, "bobs"), "$hash")
    assert not store.end_session_of(ada.id, "bobs"), "another one's session"
    assert store.end_session_of(ada.id, "s0")
    assert not store.end_session_of(ada.id, "s0")
    assert store.end_sessions_of(ada.id, but=b"\2" * 32) == 1
    assert [each.id for each in store.sessions_of(ada.id, 1_500)] == ["s2"]
    store.end_session(b"\2" * 32)
    store.end_session(b"\2" * 32)
    assert store.sessions_of(ada.id, 1_500) == []
    assert store.session(TOKEN, 1_500) is not None


def test_another_password_ends_every_other_session(store: Store, ada: User) -> None:
    store.add_session(TOKEN, session_of(ada, "kept"), "$hash")
    store.add_session(OTHER, session_of(ada, "ended"), "$hash")
    store.set_password(ada.id, "$new", 1_500, but=TOKEN)
    assert [each.id for each in store.sessions_of(ada.id, 1_500)] == ["kept"]
    store.set_password(ada.id, "$newer", 1_500)
    assert store.sessions_of(ada.id, 1_500) == []


def test_a_password_is_encoded_anew_unless_it_was_changed(store: Store, ada: User) -> None:
    assert store.rehash(ada.id, "$hash", "$stronger")
    assert not store.rehash(ada.id, "$hash", "$late")
    assert store.user_by_id(ada.id) == (ada, "$stronger")


def test_a_session_that_is_used_lasts(store: Store, ada: User) -> None:
    store.add_session(TOKEN, session_of(ada), "$hash")
    store.touch_session(TOKEN, 1_900, 3_000)
    found = store.session(TOKEN, 2_500)
    assert found is not None
    assert (found[0].used, found[0].expires) == (1_900, 3_000)


# The database


def test_sqlite_writes_ahead_and_keeps_its_references(store: Store, tmp_path: Path) -> None:
    with store._engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 2_000
    assert (tmp_path / "accounts.db-wal").exists()


def test_opened_again_it_has_what_it_had(make_store: Callable[..., Store], store: Store, ada: User) -> None:
    store.close()
    assert store.all_users() == [ada], "closing is no end"
    assert make_store().all_users() == [ada]


def test_a_step_that_is_missing_is_taken_once(
    make_store: Callable[..., Store], store: Store, ada: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE salver_users ADD COLUMN mail VARCHAR(254)"))

    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, second))
    for _ in range(2):
        make_store().open()
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection:
        assert connection.execute("SELECT name, mail FROM salver_users").fetchall() == [("Ada", None)]
        assert connection.execute("SELECT version FROM salver_accounts").fetchall() == [(len(schema.STEPS),)]


def test_a_step_that_fails_leaves_the_database_as_it_was(
    make_store: Callable[..., Store], store: Store, ada: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (done INTEGER)"))
        connection.execute(text("SELECT 1 FROM nowhere"))

    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, second))
    with pytest.raises(StoreError, match="no such table"):
        make_store().open()
    assert "half" not in tables(tmp_path / "accounts.db")
    monkeypatch.undo()
    assert make_store().all_users() == [ada]


def test_a_database_of_a_newer_salver_is_refused(make_store: Callable[..., Store], store: Store) -> None:
    with store._for_writing().begin() as connection:
        connection.execute(text("UPDATE salver_accounts SET version = 99"))
    with pytest.raises(StoreError, match="newer Salver"):
        make_store().open()


def _add_many(database: str, start: multiprocessing.synchronize.Barrier, name: str, added: int) -> None:
    store = Store(database)
    start.wait(30)
    for number in range(added):
        store.add_user(f"{name}{number}", f"{name}{number}", "", "$hash", 1_000)
    store.close()


@pytest.mark.slow
def test_processes_that_begin_at_once_share_one_database(make_store: Callable[..., Store], database: str) -> None:
    """Each makes the tables if nobody has; each account of each is there in the end."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    processes = [context.Process(target=_add_many, args=(database, start, name, 40)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(make_store().all_users()) == 120


def test_a_fork_opens_connections_of_its_own(store: Store, ada: User) -> None:
    pid = os.fork()
    if not pid:
        found = store.all_users() == [ada] and store._process == os.getpid()
        store.close()
        os._exit(0 if found else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.all_users() == [ada]


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("accounts.db", "is no database; write sqlite:///accounts.db"),
        ("mysql://localhost/accounts", "SQLite or PostgreSQL, not in mysql"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "in memory"),
        ("sqlite:////nowhere/at/all/accounts.db", "no folder /nowhere/at/all"),
        ("postgresql+nodriver://localhost/x", "pip install"),
    ],
)
def test_what_is_no_database_says_what_to_do(database: str, said: str) -> None:
    with pytest.raises(StoreError, match=said.replace("?", ".")):
        Store(database)


def test_a_name_for_people_has_no_password() -> None:
    assert "secret" not in Store("postgresql://ada:secret@192.0.2.1/accounts").name


def test_nothing_is_opened_before_it_is_needed(make_store: Callable[..., Store], tmp_path: Path) -> None:
    make_store()
    assert list(tmp_path.iterdir()) == []


def test_others_cannot_read_the_database(make_store: Callable[..., Store], tmp_path: Path) -> None:
    make_store().open()
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
