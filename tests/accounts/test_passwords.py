"""Passwords: which are weak, and hashing that is bounded, salted and the same for who does not exist."""

from __future__ import annotations

import threading
import time

import pytest

from salver.accounts.errors import Busy, PasswordTooLong, WeakPassword
from salver.accounts.passwords import Hashing, check_strength, common_passwords, normal_password

CHEAP = {"memory": 64, "passes": 1}


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "ninechars",
        "password123",
        "Password123!",
        "iloveyou2024",
        "qwertyuiop12",
        "1234567890",
        "aaaaaaaaaaaa",
        "abababababab",
        "abcdefghijklm",
        "zyxwvutsrqpo",
        "correcthorsebatterystaple",
        "adalovelace99",  # the account's own name
    ],
)
def test_what_is_weak(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(password, "AdaLovelace", "Ada")


@pytest.mark.parametrize(
    "password", ["difference engine", "mjölk och bröd", "密码不要太容易被猜到了", "x7#kPq!v2Lz", "tr0ub4dor&3xyz"]
)
def test_what_is_not(password: str) -> None:
    check_strength(password, "AdaLovelace", "Ada")


def test_the_list_is_shipped_and_clean() -> None:
    assert len(common_passwords()) > 500
    assert all(word == word.strip().casefold() and word for word in common_passwords())


def test_nothing_is_cut_off_and_nothing_stripped() -> None:
    hashing = Hashing(**CHEAP)
    long = "x" * 1_024
    encoded = hashing.hash(normal_password(long))
    assert hashing.verify(encoded, normal_password(long))
    assert not hashing.verify(encoded, normal_password(long[:-1]))
    assert not hashing.verify(encoded, normal_password(long[:-1] + "y"))
    blanks = hashing.hash(normal_password(" pass word "))
    assert not hashing.verify(blanks, normal_password("pass word"))
    assert not hashing.verify(hashing.hash(b"abc\0def"), b"abc")


def test_one_keyboards_letter_is_the_others() -> None:
    assert normal_password("u\u0308") == normal_password("ü")


@pytest.mark.parametrize("password", ["x" * 1_025, "ü" * 513, "x" * 1_000_000])
def test_too_long_is_refused_before_it_is_hashed(password: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(PasswordTooLong):
        normal_password(password)
    assert time.perf_counter() - begun < 0.1


def test_lone_surrogates_do_no_harm() -> None:
    assert normal_password("\ud800")


def test_each_hash_has_a_salt_of_its_own() -> None:
    hashing = Hashing(**CHEAP)
    assert hashing.hash(b"same") != hashing.hash(b"same")
    assert hashing.hash(b"same").startswith("$argon2id$")


def test_todays_parameters_are_the_ones_promised() -> None:
    encoded = Hashing().hash(b"x")
    assert "$m=19456,t=2,p=1$" in encoded


def test_nobody_has_no_password() -> None:
    hashing = Hashing(**CHEAP)
    assert not hashing.verify(None, b"")
    assert not hashing.verify("", b"")
    assert not hashing.verify("$argon2id$garbage", b"x")
    assert not hashing.verify("plain", b"plain")


def test_outdated_ones_are_known() -> None:
    old, new = Hashing(**CHEAP), Hashing(memory=128, passes=1)
    assert new.is_outdated(old.hash(b"x"))
    assert not new.is_outdated(new.hash(b"x"))


def test_no_more_at_once_than_allowed() -> None:
    """Every place is taken for longer than anybody waits: the next is refused, and none is lost."""
    hashing = Hashing(**CHEAP, at_once=1, wait=0.05)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(10)

    holder = threading.Thread(target=lambda: hashing.verify(None, b"x", hold))
    holder.start()
    assert entered.wait(10)
    with pytest.raises(Busy) as caught:
        hashing.hash(b"y")
    assert caught.value.retry_after == 2
    leave.set()
    holder.join()
    assert hashing.hash(b"y")


def test_what_is_asked_before_ends_it() -> None:
    hashing = Hashing(**CHEAP, at_once=1)

    def refuse() -> None:
        raise KeyError("refused")

    with pytest.raises(KeyError):
        hashing.verify(None, b"x", refuse)
    assert hashing.hash(b"the place is free again")
