"""Tries: ten failures a minute, by account and address; forgotten after it; one table's bound."""

from __future__ import annotations

import pytest

from salver.accounts.errors import TooManyTries
from salver.accounts.tries import WINDOW, MemoryCounter, RedisCounter, Tries


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tries(clock: Clock) -> Tries:
    return Tries(MemoryCounter(clock))


def fail(tries: Tries, count: int, key: str = "ada", address: str = "192.0.2.1") -> None:
    for _ in range(count):
        tries.check(key, address)
        tries.failed(key, address)


def test_the_eleventh_is_refused_and_never_for_long(tries: Tries, clock: Clock) -> None:
    fail(tries, 10)
    with pytest.raises(TooManyTries) as caught:
        tries.check("ada", "192.0.2.1")
    assert caught.value.retry_after == WINDOW
    clock.now += WINDOW - 1
    with pytest.raises(TooManyTries) as caught:
        tries.check("ada", "192.0.2.1")
    assert caught.value.retry_after == 1
    clock.now += 1
    fail(tries, 10)


def test_nobody_is_locked_out_by_somebody_else(tries: Tries) -> None:
    fail(tries, 10)
    tries.check("ada", "192.0.2.2")
    tries.check("bob", "192.0.2.1")


def test_an_address_that_tries_many_accounts(tries: Tries) -> None:
    for number in range(60):
        fail(tries, 1, f"user{number}")
    with pytest.raises(TooManyTries):
        tries.check("another", "192.0.2.1")
    tries.check("another", "192.0.2.9")


def test_who_gets_in_begins_anew(tries: Tries) -> None:
    fail(tries, 9)
    tries.succeeded("ada", "192.0.2.1")
    fail(tries, 10)


def test_an_ipv6_client_is_its_network(tries: Tries) -> None:
    fail(tries, 10, address="2001:db8::1")
    with pytest.raises(TooManyTries):
        tries.check("ada", "2001:db8::ffff:1")
    tries.check("ada", "2001:db8:0:1::1")


@pytest.mark.parametrize("address", ["unix:", "", "fe80::1%eth0", "::ffff:192.0.2.1", "not an address"])
def test_any_address_counts(tries: Tries, address: str) -> None:
    fail(tries, 10, address=address)
    with pytest.raises(TooManyTries):
        tries.check("ada", address)


def test_the_table_is_bounded(clock: Clock) -> None:
    counter = MemoryCounter(clock, table=100)
    for number in range(1_000):
        counter.add([f"key{number}"])
    assert len(counter._counts) <= 100
    assert counter.read(["key999"]) == [(1, WINDOW)]


def test_without_redis_each_process_counts(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    counter = RedisCounter("redis://127.0.0.1:1/0", MemoryCounter(clock), clock)
    tries = Tries(counter)
    fail(tries, 10)
    with pytest.raises(TooManyTries):
        tries.check("ada", "192.0.2.1")
    assert len(caplog.records) == 1  # and not one for every try
    assert "Redis" in caplog.text
