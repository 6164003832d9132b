"""PostgreSQL or Redis is stopped, killed, locked or frozen under two processes: what needs it says so with 503 and
`Retry-After`, everything else stays up, and all goes on by itself when it is back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.accounts.servers import PostgreSQL, Redis, Salver, postgresql, redis, salvers, until
from tests.accounts.visitors import Answer, Visitor, ask

pytest.importorskip("sqlalchemy", reason='accounts need the extra "accounts"')
pytest.importorskip("argon2", reason='accounts need the extra "accounts"')

pytestmark = pytest.mark.fault

BELIEVED = 1.1  # seconds: a process believes for one of them what the database has said
OF_PAIR = 10  # failures of an account from one address that are a person's
NEED_IT = (
    ("GET", "/mine"),
    ("GET", "/accounts/api/me"),
    ("GET", "/accounts/api/sessions"),
    ("GET", "/accounts/account"),
    ("POST", "/accounts/api/logout"),
)


class World(NamedTuple):
    database: PostgreSQL
    counts: Redis
    one: Salver
    other: Salver


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with postgresql() as database, redis() as counts, salvers(2, database.url("away"), counts.url) as (one, other):
        yield World(database, counts, one, other)


def registered(world: World, name: str) -> Visitor:
    """Somebody who is logged in."""
    visitor = Visitor(name)
    assert visitor.register(world.one.address).error == ""
    assert visitor.log_in(world.other.address).error == ""
    return visitor


def says_so(answer: Answer) -> bool:
    return answer.status == 503 and int(answer.fields["retry-after"]) > 0 and b"Traceback" not in answer.body


def is_up(server: Salver) -> bool:
    """What needs no account answers, and at once."""
    began = time.monotonic()
    statuses = {ask(server.address, "GET", path).status for path in ("/", "/health")}
    return statuses == {200} and time.monotonic() - began < 2


def family(pid: int) -> list[int]:
    """A process and those below it."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [pid, *(each for child in children.read().split() for each in family(int(child)))]


class TestPostgreSQL:
    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
    def test_is_stopped_and_comes_back(self, world: World, how: signal.Signals) -> None:
        ada = registered(world, f"ada {how.name}")
        world.database.stop(how)
        try:
            time.sleep(BELIEVED)
            for server in (world.one, world.other):
                for method, path in NEED_IT:
                    answer = ada.get(server.address, path) if method == "GET" else ada.post(server.address, path)
                    assert says_so(answer), (path, answer)
                newcomer = Visitor("newcomer")
                assert says_so(newcomer.register(server.address))
                assert says_so(newcomer.log_in(server.address))
                assert is_up(server)
                assert ask(server.address, "GET", "/accounts/login").status == 200
        finally:
            world.database.start()
        for server in (world.one, world.other):
            assert ada.is_known(server.address)  # what was answered with 503 has done nothing: nobody is logged out
            assert Visitor(ada.name).log_in(server.address).error == ""
        assert Visitor("newcomer").log_in(world.one.address).error == "wrong_credentials"

    def test_has_its_tables_locked_by_somebody(self, world: World) -> None:
        import psycopg

        ada = registered(world, "ada locked")
        with psycopg.connect(world.database.url("away")) as other:
            other.execute("LOCK TABLE salver_users, salver_sessions IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            assert says_so(ada.log_in(world.one.address))
            assert time.monotonic() - began < 8
            assert is_up(world.one)
        assert ada.log_in(world.one.address).error == ""

    def test_hangs(self, world: World) -> None:
        """Whoever asks it waits for it; the others do not, and are not kept from anything."""
        ada = registered(world, "ada hanging")
        time.sleep(BELIEVED)
        frozen = family(world.database.pid)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(6) as pool:
                waiting = [pool.submit(ada.get, world.one.address, "/mine") for _ in range(6)]
                for _ in range(20):
                    assert is_up(world.one)
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)
                assert {each.result().status for each in waiting} <= {200, 503}
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        until(lambda: ada.is_known(world.one.address))

    def test_loses_every_connection_but_not_a_request(self, world: World) -> None:
        """Connections that were kept are tried before they are used."""
        import psycopg

        ada = registered(world, "ada cut")
        time.sleep(BELIEVED)
        with psycopg.connect(world.database.url("postgres"), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'away'")
        assert ada.is_known(world.one.address)
        assert ada.is_known(world.other.address)
        assert ada.log_in(world.one.address).error == ""


class TestRedis:
    def test_is_stopped_and_each_process_counts_for_itself(self, world: World) -> None:
        ada = registered(world, "ada counting")
        world.counts.stop()
        try:
            for server in (world.one, world.other):
                for _ in range(OF_PAIR):
                    assert ada.log_in(server.address, "the wrong one").error == "wrong_credentials"
                assert ada.log_in(server.address).status == 429
                assert world.one.said.count("cannot count tries in Redis") == 1  # and not at every try
                assert is_up(server)
                assert ada.is_known(server.address)
        finally:
            world.counts.start()
        time.sleep(BELIEVED)
        for number in range(OF_PAIR):
            server = (world.one, world.other)[number % 2]
            assert ada.log_in(server.address, "the wrong one").error == "wrong_credentials"
        for server in (world.one, world.other):
            assert ada.log_in(server.address).status == 429  # together again

    def test_that_hangs_holds_up_one_login_and_not_all(self, world: World) -> None:
        ada = registered(world, "ada patient")
        world.counts.send(signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(10):
                assert ada.log_in(world.one.address).error == ""
            assert time.monotonic() - began < 13  # 15 and more, if each login asked it
            assert is_up(world.one)
        finally:
            world.counts.send(signal.SIGCONT)
