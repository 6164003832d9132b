"""Sessions: random, stored hashed, believed for a second, ended everywhere within it; they end by themselves."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from salver.accounts import sessions as module
from salver.accounts.errors import StoreUnavailable
from salver.accounts.sessions import Login, Sessions
from salver.accounts.store import Session, Store, User
from tests.accounts.conftest import Clock

DAY = 86_400


def begin(sessions: Sessions, user: User, **more: str) -> tuple[str, Login]:
    begun = sessions.begin(user, "$hash", **{"agent": "agent", "address": "192.0.2.1", **more})
    assert begun is not None
    return begun


class Asked:
    """How often a store is asked."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        real = store.session

        def session(token: bytes, now: int) -> tuple[Session, User] | None:
            self.times += 1
            return real(token, now)

        monkeypatch.setattr(store, "session", session)


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(store, monkeypatch)


def test_a_login_is_found_by_what_the_client_was_given(sessions: Sessions, ada: User) -> None:
    text, login = begin(sessions, ada)
    assert sessions.find(text) == login
    assert login.user == ada
    assert len(text) == 43
    assert begin(sessions, ada)[0] != text


def test_the_database_has_the_hash_alone(sessions: Sessions, ada: User, tmp_path: Path) -> None:
    text, login = begin(sessions, ada)
    assert login.token == hashlib.sha256(text.encode()).digest()
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection:
        ((token,),) = connection.execute("SELECT token FROM salver_sessions").fetchall()
        said = str(connection.execute("SELECT * FROM salver_sessions").fetchall())
    assert token == login.token
    assert text not in said
    assert sessions.find(login.session.id.ljust(43, "A")) is None


@pytest.mark.parametrize("text", ["", "x", "A" * 43, "A" * 44, "ü" * 43, "\ud800" * 43, "A" * 42 + "=", "A" * 100_000])
def test_what_nobody_was_given(sessions: Sessions, ada: User, text: str) -> None:
    begin(sessions, ada)
    assert sessions.find(text) is None
    sessions.end(text)


def test_the_store_is_asked_once_a_second(sessions: Sessions, ada: User, clock: Clock, asked: Asked) -> None:
    text, _ = begin(sessions, ada)
    for _ in range(100):
        assert sessions.find(text) is not None
    assert asked.times == 1
    clock.now += 1.0
    assert sessions.find(text) is not None
    assert asked.times == 2


def test_ended_here_it_is_gone_at_once(sessions: Sessions, ada: User) -> None:
    text, _ = begin(sessions, ada)
    assert sessions.find(text) is not None
    sessions.end(text)
    assert sessions.find(text) is None


def test_ended_elsewhere_it_is_gone_within_a_second(sessions: Sessions, store: Store, ada: User, clock: Clock) -> None:
    elsewhere = Sessions(store, clock=clock, wall=clock)
    text, _ = begin(sessions, ada)
    assert elsewhere.find(text) is not None
    sessions.end(text)
    clock.now += 1.0
    assert elsewhere.find(text) is None


def test_ended_while_it_is_looked_up_it_is_not_believed(
    sessions: Sessions, store: Store, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store has answered, and the log-out comes before the answer is kept."""
    text, _ = begin(sessions, ada)
    real = store.session

    def session(token: bytes, now: int) -> tuple[Session, User] | None:
        found = real(token, now)
        sessions.end(text)
        return found

    monkeypatch.setattr(store, "session", session)
    sessions.find(text)
    monkeypatch.undo()
    assert sessions.find(text) is None


def test_a_new_one_takes_the_place_of_what_the_client_held(sessions: Sessions, ada: User) -> None:
    first, _ = begin(sessions, ada)
    assert sessions.find(first) is not None
    second, _ = begin(sessions, ada, instead_of=first)
    assert second != first
    assert sessions.find(first) is None
    assert sessions.find(second) is not None


def test_a_clients_own_id_is_never_adopted(sessions: Sessions, ada: User) -> None:
    own = "A" * 43
    text, _ = begin(sessions, ada, instead_of=own)
    assert text != own
    assert sessions.find(own) is None


def test_none_begins_where_the_password_is_another_by_now(sessions: Sessions, store: Store, ada: User) -> None:
    store.set_password(ada.id, "$new", 2_000)
    assert sessions.begin(ada, "$hash", agent="", address="") is None


# Ends


def test_one_that_is_not_used_ends(sessions: Sessions, ada: User, clock: Clock) -> None:
    text, _ = begin(sessions, ada)
    clock.now += 14 * DAY - 2
    assert sessions.find(text) is not None
    clock.now += 14 * DAY + 1
    assert sessions.find(text) is None


def test_one_that_is_used_ends_all_the_same(sessions: Sessions, ada: User, clock: Clock) -> None:
    text, _ = begin(sessions, ada)
    for _ in range(89):
        clock.now += DAY
        assert sessions.find(text) is not None
    clock.now += DAY
    assert sessions.find(text) is None


def test_short_ones_last_while_they_are_used(store: Store, ada: User, clock: Clock) -> None:
    sessions = Sessions(store, idle=600, absolute=7_200, clock=clock, wall=clock)
    text, _ = begin(sessions, ada)
    for _ in range(12):
        clock.now += 500
        assert sessions.find(text) is not None
    clock.now += 601
    assert sessions.find(text) is None


def test_use_is_written_seldom(sessions: Sessions, store: Store, ada: User, clock: Clock) -> None:
    text, login = begin(sessions, ada)
    clock.now += 3_599
    sessions.find(text)
    assert store.sessions_of(ada.id, int(clock.now))[0].used == login.session.used
    clock.now += 1
    found = sessions.find(text)
    assert found is not None
    assert found.session.used == login.session.used + 3_600
    assert store.sessions_of(ada.id, int(clock.now)) == [found.session]


def test_a_database_that_cannot_be_written_keeps_nobody_out(
    sessions: Sessions, store: Store, ada: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = begin(sessions, ada)
    tried = []

    def touch(token: bytes, used: int, expires: int) -> None:
        tried.append(clock.now)
        raise StoreUnavailable("locked")

    monkeypatch.setattr(store, "touch_session", touch)
    clock.now += 4_000
    for _ in range(120):
        clock.now += 1
        assert sessions.find(text) is not None
    assert len(tried) == 2, "once a minute: each may have waited for a lock"


def test_a_database_that_cannot_be_read_is_said(
    sessions: Sessions, store: Store, ada: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = begin(sessions, ada)
    assert sessions.find(text) is not None

    def session(token: bytes, now: int) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(store, "session", session)
    assert sessions.find(text) is not None, "believed for the rest of the second"
    clock.now += 1
    with pytest.raises(StoreUnavailable):
        sessions.find(text)


# Bounds


def test_what_is_believed_has_a_bound(
    sessions: Sessions, ada: User, clock: Clock, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 4)
    texts = [begin(sessions, ada)[0] for _ in range(4)]
    for text in texts:
        sessions.find(text)
    clock.now += 1
    for text in [*texts, begin(sessions, ada)[0]]:
        assert sessions.find(text) is not None
        assert len(sessions._believed) <= 4
    assert asked.times == 9


def test_what_clients_make_up_is_not_remembered(sessions: Sessions) -> None:
    for number in range(100):
        assert sessions.find(f"{number:043}") is None
    assert sessions._believed == {}


def test_what_a_client_says_of_itself_is_bounded(sessions: Sessions, ada: User) -> None:
    _, login = begin(sessions, ada, agent="\x00\ud800\u202e" + "x" * 1_000, address="y" * 1_000)
    assert login.session.agent == "???" + "x" * 197
    assert login.session.address == "y" * 64
