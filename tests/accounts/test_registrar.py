"""What may be done with an account, without HTTP: each rule, and that a failure costs what a success does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from salver.accounts.errors import (
    AccountError,
    BadName,
    BadNickname,
    Busy,
    MissingField,
    NameTaken,
    PasswordTooLong,
    TooManyTries,
    WeakPassword,
    WrongCredentials,
    WrongPassword,
)
from salver.accounts.passwords import Hashing
from salver.accounts.registrar import Registrar
from salver.accounts.sessions import Login, Sessions
from salver.accounts.store import Store
from salver.accounts.tries import MemoryCounter, Tries
from tests.accounts.conftest import CHEAP, PASSWORD, Clock

HOME = "192.0.2.1"


class CountedHashing(Hashing):
    """Says what it was asked to do."""

    def __init__(self, **parameters: int) -> None:
        super().__init__(**parameters)
        self.asked: list[str] = []

    def hash(self, password: bytes) -> str:
        self.asked.append("hash")
        return super().hash(password)

    def verify(self, encoded: str | None, password: bytes, before: Callable[[], None] | None = None) -> bool:
        self.asked.append("verify")
        return super().verify(encoded, password, before)


@pytest.fixture
def hashing() -> CountedHashing:
    return CountedHashing(**CHEAP)


@pytest.fixture
def registrar(store: Store, hashing: Hashing, sessions: Sessions, clock: Clock) -> Registrar:
    return Registrar(store, hashing, sessions, Tries(MemoryCounter(clock)), clock)


def log_in(registrar: Registrar, name: str = "ada", password: str = PASSWORD, **more: str) -> tuple[str, Login]:
    return registrar.log_in(name, password, **{"address": HOME, **more})


def fails(registrar: Registrar, times: int, name: str = "ada", address: str = HOME) -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            registrar.log_in(name, "wrong password", address=address)


# Register


def test_whoever_registers_can_log_in(registrar: Registrar, sessions: Sessions) -> None:
    user = registrar.register("Ada", PASSWORD, "Lady L")
    text, login = log_in(registrar)
    assert login.user == user
    assert sessions.find(text) == login
    assert registrar.users() == [user]


@pytest.mark.parametrize("name", ["ada", "ADA", " Ada ", "A\u200bda", "Ａｄａ", "Ada\u3000", "\u2060ada"])
def test_variants_are_one_name(registrar: Registrar, name: str) -> None:
    registrar.register("Ada", PASSWORD)
    with pytest.raises(NameTaken):
        registrar.register(name, PASSWORD)
    assert log_in(registrar, name)[1].user.name == "Ada"


@pytest.mark.parametrize(
    ("name", "password", "nickname", "kind"),
    [
        ("", PASSWORD, "", BadName),
        ("\u200b", PASSWORD, "", BadName),
        ("a" * 65, PASSWORD, "", BadName),
        ("a\nb", PASSWORD, "", BadName),
        ("\ud800", PASSWORD, "", BadName),
        ("\u0430dmin", PASSWORD, "", BadName),  # a Cyrillic a among Latin letters
        ("ada", PASSWORD, "x" * 65, BadNickname),
        ("ada", PASSWORD, "a\x07b", BadNickname),
        ("ada", "short", "", WeakPassword),
        ("ada", "password123", "", WeakPassword),
        ("hopper", "gracehopper1906", "", WeakPassword),
        ("ada", "x" * 1_025, "", PasswordTooLong),
        ("ada", "ü" * 513, "", PasswordTooLong),
        ("ada", "x" * 1_000_000, "", PasswordTooLong),
    ],
)
def test_what_is_refused_is_not_hashed(
    registrar: Registrar, hashing: CountedHashing, name: str, password: str, nickname: str, kind: type[AccountError]
) -> None:
    with pytest.raises(kind):
        registrar.register(name, password, nickname)
    assert hashing.asked == []
    assert registrar.users() == []


def test_a_name_that_is_taken_costs_no_hash(registrar: Registrar, hashing: CountedHashing) -> None:
    registrar.register("ada", PASSWORD)
    with pytest.raises(NameTaken):
        registrar.register("ada", PASSWORD)
    assert hashing.asked == ["hash"]


def test_two_who_want_a_name_at_once(registrar: Registrar) -> None:
    outcomes: list[str] = []

    def register() -> None:
        try:
            registrar.register("ada", PASSWORD)
            outcomes.append("made")
        except NameTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["taken"] * 7


def test_one_address_does_not_fill_the_database(registrar: Registrar, clock: Clock) -> None:
    for number in range(60):
        registrar.register(f"user{number}", PASSWORD, address=HOME)
    with pytest.raises(TooManyTries) as caught:
        registrar.register("another", PASSWORD, address=HOME)
    assert caught.value.retry_after == 60
    registrar.register("another", PASSWORD, address="192.0.2.2")
    registrar.register("one_more", PASSWORD)
    clock.now += 60
    registrar.register("later", PASSWORD, address=HOME)


def test_passwords_are_not_cut(registrar: Registrar) -> None:
    registrar.register("ada", "long enough " + "x" * 1_000 + "a")
    with pytest.raises(WrongCredentials):
        log_in(registrar, "ada", "long enough " + "x" * 1_000 + "b")
    log_in(registrar, "ada", "long enough " + "x" * 1_000 + "a")


def test_one_keyboards_letter_is_the_others(registrar: Registrar) -> None:
    registrar.register("ada", "Königin der Maschinen")
    log_in(registrar, "ada", "Ko\u0308nigin der Maschinen")


# Log in


def test_nobody_and_somebody_else_cost_the_same(registrar: Registrar, hashing: CountedHashing) -> None:
    """An unknown name, a wrong password, an account that is disabled: one hash, one error, the same words."""
    registrar.register("ada", PASSWORD)
    registrar.register("bob", PASSWORD)
    registrar.set_disabled("bob", disabled=True)
    said = []
    for name, password in [("nobody", PASSWORD), ("ada", "wrong password"), ("bob", PASSWORD), ("\ud800", PASSWORD)]:
        hashing.asked.clear()
        with pytest.raises(WrongCredentials) as caught:
            log_in(registrar, name, password)
        said.append((str(caught.value), caught.value.field, caught.value.status, hashing.asked.copy()))
    assert said == [("wrong name or password", "password", 401, ["verify"])] * 4


@pytest.mark.parametrize(("name", "password", "field"), [("", PASSWORD, "username"), ("ada", "", "password")])
def test_nothing_is_no_try(registrar: Registrar, hashing: CountedHashing, name: str, password: str, field: str) -> None:
    with pytest.raises(MissingField) as caught:
        log_in(registrar, name, password)
    assert caught.value.field == field
    assert hashing.asked == []


def test_a_megabyte_is_refused_before_it_is_hashed(registrar: Registrar, hashing: CountedHashing) -> None:
    with pytest.raises(PasswordTooLong) as caught:
        log_in(registrar, "ada", "x" * 1_000_000)
    assert caught.value.status == 400
    assert hashing.asked == []


def test_the_eleventh_failure_waits_and_costs_nothing(
    registrar: Registrar, hashing: CountedHashing, clock: Clock
) -> None:
    registrar.register("ada", PASSWORD)
    fails(registrar, 10)
    hashing.asked.clear()
    with pytest.raises(TooManyTries) as caught:
        log_in(registrar)
    assert caught.value.retry_after == 60
    assert hashing.asked == []
    log_in(registrar, address="192.0.2.2")
    clock.now += 60
    log_in(registrar)


def test_who_gets_in_has_not_failed(registrar: Registrar) -> None:
    registrar.register("ada", PASSWORD)
    for _ in range(3):
        fails(registrar, 9)
        log_in(registrar)


def test_tries_sent_at_once_are_counted_too(store: Store, sessions: Sessions, clock: Clock) -> None:
    """Forty that all found the count at nought when they came: those whose turn comes late are refused."""
    registrar = Registrar(store, Hashing(**CHEAP, at_once=1), sessions, Tries(MemoryCounter(clock)), clock)
    outcomes: list[type[AccountError]] = []
    start = threading.Barrier(40)

    def try_it() -> None:
        start.wait(30)
        try:
            log_in(registrar, "ada", "wrong password")
        except AccountError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=try_it) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 40
    # One more may have had its turn between another's failure and its being counted.
    assert 10 <= outcomes.count(WrongCredentials) <= 11


def test_a_password_changed_while_a_login_waits_ends_it(
    registrar: Registrar, store: Store, hashing: CountedHashing, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = registrar.register("ada", PASSWORD)
    real = hashing.verify

    def verify(encoded: str | None, password: bytes, before: Callable[[], None] | None = None) -> bool:
        right = real(encoded, password, before)
        store.set_password(user.id, "$new", 2_000_000)
        return right

    monkeypatch.setattr(hashing, "verify", verify)
    with pytest.raises(WrongCredentials):
        log_in(registrar)
    assert store.sessions_of(user.id, 0) == []


def test_a_password_is_encoded_anew_when_parameters_rise(
    registrar: Registrar, store: Store, sessions: Sessions, clock: Clock
) -> None:
    user = registrar.register("ada", PASSWORD)
    stronger = Registrar(store, Hashing(memory=128, passes=2), sessions, Tries(MemoryCounter(clock)), clock)
    for _ in range(2):
        text, _login = log_in(stronger)
        assert sessions.find(text) is not None
        found = store.user_by_id(user.id)
        assert found is not None
        assert "$m=128,t=2" in found[1]


def test_a_login_that_cannot_be_encoded_anew_goes_on(
    registrar: Registrar, store: Store, sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registrar.register("ada", PASSWORD)
    hashing = Hashing(memory=128, passes=2)

    def busy(password: bytes) -> str:
        raise Busy("busy")

    monkeypatch.setattr(hashing, "hash", busy)
    log_in(Registrar(store, hashing, sessions, Tries(MemoryCounter(clock)), clock))


# One's own account


def test_changing_the_password(registrar: Registrar, sessions: Sessions) -> None:
    registrar.register("ada", PASSWORD)
    here, login = log_in(registrar)
    there, _ = log_in(registrar)
    assert sessions.find(there) is not None
    registrar.change_password(login, PASSWORD, "analytical engine", address=HOME)
    assert sessions.find(here) is not None
    assert sessions.find(there) is None
    with pytest.raises(WrongCredentials):
        log_in(registrar)
    log_in(registrar, password="analytical engine")


def test_changing_the_password_wants_the_old_one(registrar: Registrar, clock: Clock) -> None:
    registrar.register("ada", PASSWORD)
    _, login = log_in(registrar)
    with pytest.raises(MissingField):
        registrar.change_password(login, "", "analytical engine", address=HOME)
    with pytest.raises(MissingField):
        registrar.change_password(login, PASSWORD, "", address=HOME)
    with pytest.raises(WeakPassword):
        registrar.change_password(login, PASSWORD, "short", address=HOME)
    for _ in range(10):
        with pytest.raises(WrongPassword):
            registrar.change_password(login, "wrong password", "analytical engine", address=HOME)
    with pytest.raises(TooManyTries):
        registrar.change_password(login, PASSWORD, "analytical engine", address=HOME)
    clock.now += 60
    log_in(registrar)


def test_ones_own_sessions(registrar: Registrar, sessions: Sessions) -> None:
    registrar.register("ada", PASSWORD)
    registrar.register("bob", PASSWORD)
    texts = [log_in(registrar)[0] for _ in range(3)]
    _, bobs = log_in(registrar, "bob")
    login = sessions.find(texts[0])
    other = sessions.find(texts[1])
    assert login is not None
    assert other is not None
    assert len(registrar.sessions_of(login)) == 3
    assert not registrar.end_session(login, bobs.session.id)
    assert not registrar.end_session(login, "\ud800")
    assert registrar.end_session(login, other.session.id)
    assert sessions.find(texts[1]) is None
    assert registrar.end_other_sessions(login) == 1
    assert [sessions.find(text) is not None for text in texts] == [True, False, False]
    registrar.log_out(texts[0])
    assert sessions.find(texts[0]) is None


# Whoever runs this


def test_a_password_that_is_set_ends_every_session(registrar: Registrar, sessions: Sessions) -> None:
    registrar.register("ada", PASSWORD)
    text, _ = log_in(registrar)
    assert sessions.find(text) is not None
    registrar.set_password("ADA", "analytical engine")
    assert sessions.find(text) is None
    log_in(registrar, password="analytical engine")
    with pytest.raises(WeakPassword):
        registrar.set_password("ada", "short")
    with pytest.raises(BadName, match="no account bob"):
        registrar.set_password("bob", PASSWORD)


def test_disabled_one_is_out_at_once(registrar: Registrar, sessions: Sessions) -> None:
    registrar.register("ada", PASSWORD)
    text, _ = log_in(registrar)
    assert sessions.find(text) is not None
    registrar.set_disabled("ada", disabled=True)
    assert sessions.find(text) is None
    fails(registrar, 1)
    with pytest.raises(WrongCredentials):
        log_in(registrar)
    registrar.set_disabled("ada", disabled=False)
    log_in(registrar)
    with pytest.raises(BadName):
        registrar.set_disabled("bob", disabled=True)
