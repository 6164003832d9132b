"""Accounts on a server of its own: many who come at once, a database that another process holds, and a server that is
killed while people register. Whatever becomes of the logins, everything else is answered."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.visitors import Answer, Visitor, ask
from tests.cli.commands import SALVER, Running, environment, salver

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TARGET = ["run", "tests.accounts.served_app:app", "--no-access-log"]
ADA = {"username": "ada", "password": "difference engine"}


@pytest.fixture
def variables(database: str, tmp_path: Path) -> dict[str, Any]:
    return {"SALVER_DATABASE": database, "CHEAP": "1", "UNCOUNTED": "1", "LOG": str(tmp_path / "log")}


@pytest.fixture
def address(variables: dict[str, Any]) -> Iterator[str]:
    """host:port of a server on which ada has an account."""
    with salver(*TARGET, cwd=ROOT, **variables) as server:
        yield registered(server)


def registered(server: Running) -> str:
    address = server.urls[0].removeprefix("http://").rstrip("/")
    assert ask(address, "POST", "/accounts/api/register", ADA).json["code"] == 0
    return address


def log_in(address: str) -> Answer:
    return ask(address, "POST", "/accounts/api/login", ADA)


def test_two_hundred_logins_at_once(address: str) -> None:
    """None is lost, and each has a session of its own."""
    start = threading.Barrier(200)

    def come(_: int) -> Answer:
        start.wait(60)
        return log_in(address)

    with ThreadPoolExecutor(200) as crowd:
        answers = list(crowd.map(come, range(200)))
    assert [answer.json["code"] for answer in answers] == [0] * 200
    assert len({answer.fields["set-cookie"] for answer in answers}) == 200


def test_a_database_that_another_holds_stops_the_logins_alone(address: str, tmp_path: Path, patience: float) -> None:
    ada = Visitor("ada")
    ada.log_in(address)
    with closing(sqlite3.connect(tmp_path / "accounts.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(20) as crowd:
            logins = [crowd.submit(log_in, address) for _ in range(20)]
            waited = []
            while not all(login.done() for login in logins):
                began = time.monotonic()
                assert ask(address, "GET", "/").status == 200
                assert ada.is_known(address), "who is logged in stays so: reading waits for nobody"
                waited.append(time.monotonic() - began)
        other.execute("ROLLBACK")
    answers = [login.result() for login in logins]
    assert {(answer.status, answer.fields.get("retry-after"), answer.error) for answer in answers} == {
        (503, "2", "store_unavailable")
    }
    assert (tmp_path / "log").read_text().count("cannot be used: database is locked") == 1
    assert sorted(waited)[len(waited) // 2] < 0.5 * patience
    assert log_in(address).json["code"] == 0


def test_a_server_that_is_killed_has_registered_whom_it_said(
    database: str, variables: dict[str, Any], tmp_path: Path
) -> None:
    """All or nothing: who was told "success" has an account and can log in, and the database is sound."""
    told: list[str] = []
    process = subprocess.Popen(
        [*SALVER, *TARGET, "-p", "0"],
        cwd=ROOT, env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        address = read_address(process)

        def come(person: int) -> None:
            for number in range(1_000):
                name = f"p{person}n{number}"
                sent = {"username": name, "password": ADA["password"]}
                try:
                    if ask(address, "POST", "/accounts/api/register", sent).json["code"] == 0:
                        told.append(name)
                except (OSError, ValueError):
                    return

        people = [threading.Thread(target=come, args=(person,)) for person in range(4)]
        for each in people:
            each.start()
        time.sleep(1.0)
        process.send_signal(signal.SIGKILL)
        for each in people:
            each.join(30)
    finally:
        process.kill()
        process.communicate()
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        there = {name for (name,) in connection.execute("SELECT name FROM salver_users")}
    assert told
    assert set(told) <= there
    assert len(there - set(told)) <= len(people), "each may have had one that was not told any more"
    with salver(*TARGET, cwd=ROOT, **variables) as server:
        again = server.urls[0].removeprefix("http://").rstrip("/")
        sent = {"username": told[-1], "password": ADA["password"]}
        assert ask(again, "POST", "/accounts/api/login", sent).json["code"] == 0


def read_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("  http://"):
            return line.strip().removeprefix("http://").rstrip("/")
    pytest.fail("the server did not start")
