"""The store when the database fails: locked, gone, replaced, read-only, full. Each is `StoreUnavailable`, said in the
log, and over when the fault is; nothing is half written. Whoever is killed leaves all of a transaction or nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from salver.accounts import store as module
from salver.accounts.errors import StoreError, StoreUnavailable
from salver.accounts.store import Session, Store, User

SOURCE = Path(__file__).resolve().parents[2] / "src"
TOKEN = b"t" * 32
HASH = "$argon2id$" + "x" * 200


def add(store: Store, name: str) -> User:
    return store.add_user(name, name, "", HASH, 1_000)


def session_of(user: User) -> Session:
    return Session(f"s{user.id}", user.id, 1_000, 1_000, 2_000, "", "")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes, and does not come to an end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


# Locked


def test_a_lock_is_waited_for(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "accounts.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
        timer.start()
        add(store, "ada")
        timer.join()
    assert len(store.all_users()) == 1


@pytest.mark.slow
def test_locked_for_long(store: Store, ada: User, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store.add_session(TOKEN, session_of(ada), "$hash")
    with locked(tmp_path / "accounts.db"):
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable) as caught:
                add(store, "bob")
            assert time.monotonic() - began < 10
            assert (caught.value.status, caught.value.retry_after) == (503, 2)
        assert store.session(TOKEN, 1_500) is not None, "who reads waits for nobody"
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1, "a line a minute"
    assert "accounts.db cannot be used: database is locked" in said[0]
    assert HASH not in caplog.text
    add(store, "bob")


@pytest.mark.slow
def test_locked_when_it_is_opened(make_store: Callable[..., Store], store: Store, ada: User, tmp_path: Path) -> None:
    """Nothing has to be written to find that all is up to date."""
    another = make_store()
    with locked(tmp_path / "accounts.db"):
        another.open()
        assert another.all_users() == [ada]
    add(another, "bob")


def test_who_waits_for_another_to_open_it_waits_once(
    make_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that does not answer takes seconds to be given up; threads must not do that one after another."""
    monkeypatch.setattr(module, "_OPENING", 0.05)
    store = make_store()
    with store._opening, pytest.raises(StoreUnavailable, match="takes long to open"):
        store.all_users()
    assert store.all_users() == []


# Gone


def test_deleted_it_is_not_made_again_with_nobody_in_it(store: Store, ada: User, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in tmp_path.glob("accounts.db*"):
        path.rename(moved / path.name)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="file is gone"):
            store.all_users()
        with pytest.raises(StoreUnavailable, match="file is gone"):
            add(store, "bob")
    assert list(tmp_path.glob("accounts.db*")) == []
    for path in moved.glob("*"):
        path.rename(tmp_path / path.name)
    assert store.all_users() == [ada]
    add(store, "bob")


def test_replaced_by_a_copy_the_copy_counts(store: Store, ada: User, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "accounts.db")) as here,
        closing(sqlite3.connect(tmp_path / "copy")) as copy,
    ):
        here.backup(copy)
    add(store, "bob")
    for name in ("accounts.db-wal", "accounts.db-shm"):
        (tmp_path / name).unlink()
    (tmp_path / "copy").rename(tmp_path / "accounts.db")
    assert store.all_users() == [ada]
    add(store, "cleo")
    assert is_whole(tmp_path / "accounts.db")


def test_the_folder_gone(store: Store, ada: User, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    with pytest.raises(StoreUnavailable):
        store.all_users()
    tmp_path.mkdir()


def test_what_is_no_database(make_store: Callable[..., Store], tmp_path: Path) -> None:
    (tmp_path / "accounts.db").write_bytes(b"this is a shopping list, and no database at all\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        make_store().open()
    with pytest.raises(StoreUnavailable, match="not a database"):
        make_store().all_users()
    assert (tmp_path / "accounts.db").read_bytes().startswith(b"this is a shopping list")


def test_damaged(make_store: Callable[..., Store], store: Store, tmp_path: Path) -> None:
    for number in range(50):
        add(store, f"user{number}")
    store.close()
    path = tmp_path / "accounts.db"
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (path.stat().st_size - 4_096))
    with pytest.raises(StoreUnavailable):
        make_store().all_users()


# Read-only, and full


def test_read_only(make_store: Callable[..., Store], store: Store, ada: User, tmp_path: Path) -> None:
    store.add_session(TOKEN, session_of(ada), "$hash")
    reading = make_store(f"sqlite:///file:{tmp_path}/accounts.db?mode=ro&uri=true")
    reading.open()
    assert reading.session(TOKEN, 1_500) is not None
    with pytest.raises(StoreUnavailable, match="readonly"):
        add(reading, "bob")
    with pytest.raises(StoreUnavailable, match="readonly"):
        reading.end_session(TOKEN)
    assert store.all_users() == [ada]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs to mount a small file system: {mounted.stderr.decode(errors='replace').strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk(make_store: Callable[..., Store], small_disk: Path) -> None:
    store = make_store(f"sqlite:///{small_disk}/accounts.db")
    added: list[User] = []
    with pytest.raises(StoreUnavailable, match="full|disk I/O"):
        added.extend(add(store, f"user{number:04}") for number in range(5_000))
    assert len(added) > 10
    assert store.all_users() == added, "all that was said to be there, and nothing else"
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    added.append(add(store, "zoe"))
    assert store.all_users() == added
    store.close()
    assert is_whole(small_disk / "accounts.db")


def test_a_disk_that_becomes_read_only(make_store: Callable[..., Store], small_disk: Path) -> None:
    store = make_store(f"sqlite:///{small_disk}/accounts.db")
    ada = add(store, "ada")
    store.close()
    remounted = subprocess.run(["mount", "-o", "remount,ro", small_disk], capture_output=True, check=False)
    assert remounted.returncode == 0, remounted.stderr
    with pytest.raises(StoreUnavailable):
        add(store, "bob")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert store.all_users() == [ada]
    add(store, "bob")


# Killed

_WRITER = """
import sys
from salver.accounts.store import Session, Store
store, run = Store(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
for number in range(100_000):
    name = f"{run}-{number}"
    user = store.add_user(name, name, "", "$hash", 1_000)
    store.add_session(name.encode().ljust(32), Session(name, user.id, 1, 1, 2_000, "", ""), "$hash")
    store.set_password(user.id, "$new", 1_500)
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.fault
def test_killed_at_any_moment_it_leaves_all_or_nothing(database: str, tmp_path: Path) -> None:
    """Twelve writers, one after another, each killed somewhere in its work: what it said to have done is there, what it
    had begun is there as a whole or not at all, and the database is sound."""
    chance = random.Random(7)
    path = tmp_path / "accounts.db"
    for run in range(12):
        said = _killed_while_writing(database, str(run), chance.uniform(0.0, 0.25))
        assert is_whole(path)
        with closing(sqlite3.connect(path)) as connection:
            rows = dict(connection.execute("SELECT name, password FROM salver_users WHERE name LIKE ?", (f"{run}-%",)))
            ended = connection.execute("SELECT id FROM salver_sessions WHERE id LIKE ?", (f"{run}-%",)).fetchall()
        assert said in (len(rows), len(rows) - 1)
        assert all(rows[f"{run}-{number}"] == "$new" for number in range(said))
        # The last one may have its session still; of all others it ended together with the password's change.
        assert [name for (name,) in ended if rows[name] == "$new"] == []


def _killed_while_writing(database: str, run: str, after: float) -> int:
    """How many accounts the writer had said to be done when it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, database, run],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    said = process.communicate(timeout=30)[0]
    return len([line for line in said.split("\n")[:-1] if line])
