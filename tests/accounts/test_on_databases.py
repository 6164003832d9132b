"""One suite, four ways to keep accounts: SQLite with one process and with two, PostgreSQL with one, and PostgreSQL and
Redis with two, as they stand behind a load balancer. What is done at one process holds at the other."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.accounts.servers import ROOT, SALVER, SECONDS, PostgreSQL, folder, postgresql, redis, salvers
from tests.accounts.visitors import PASSWORD, Visitor, ask
from tests.cli.commands import salver

pytest.importorskip("sqlalchemy", reason='accounts need the extra "accounts"')
pytest.importorskip("argon2", reason='accounts need the extra "accounts"')

BELIEVED = 1.1  # seconds: a process believes for one of them what the database has said
OF_PAIR = 10  # failures of an account from one address that are a person's
_numbers = count(1)


class Place(NamedTuple):
    """Two addresses of one service; the same one where a single process serves."""

    one: str
    other: str
    database: str
    counts_together: bool


@pytest.fixture(scope="module")
def database_server() -> Iterator[PostgreSQL]:
    with postgresql() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "sqlite, two", "postgresql", "postgresql and redis, two"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    kind: str = request.param
    number = 2 if kind.endswith("two") else 1
    if kind.startswith("sqlite"):
        with folder() as where:
            database = f"sqlite:///{where}/accounts.db"
            with salvers(number, database) as servers:
                yield Place(servers[0].address, servers[-1].address, database, number == 1)
        return
    database = request.getfixturevalue("database_server").url(f"suite{number}")
    if number == 1:
        with salvers(1, database) as (server,):
            yield Place(server.address, server.address, database, True)
        return
    with redis() as counts, salvers(2, database, counts.url) as (one, other):
        yield Place(one.address, other.address, database, True)


def somebody() -> Visitor:
    """A visitor whom no other test knows: of another name, at another address."""
    number = next(_numbers)
    return Visitor(f"visitor {number}", source=f"127.9.{number // 250}.{number % 250 + 1}")


@pytest.fixture
def ada(place: Place) -> Visitor:
    visitor = somebody()
    assert visitor.register(place.one).error == ""
    return visitor


def same_person(visitor: Visitor) -> Visitor:
    """In another browser."""
    return Visitor(visitor.name, visitor.password, visitor.source)


class TestSessions:
    def test_register_here_log_in_there_log_out_here(self, place: Place, ada: Visitor) -> None:
        assert ada.log_in(place.other).error == ""
        assert ada.is_known(place.one)
        assert ada.is_known(place.other)
        cookie = ada.cookie
        assert ada.post(place.one, "/accounts/api/logout").error == ""
        ada.cookie = cookie  # a browser would have forgotten it
        assert not ada.is_known(place.one)
        time.sleep(BELIEVED)
        assert not ada.is_known(place.other)

    def test_each_login_is_listed_and_ended_from_elsewhere(self, place: Place, ada: Visitor) -> None:
        again = same_person(ada)
        ada.log_in(place.one)
        again.log_in(place.other)
        assert again.is_known(place.other)
        sessions = ada.get(place.other, "/accounts/api/sessions").json["sessions"]
        assert [each["address"] for each in sessions] == [ada.source] * 2
        (theirs,) = [each["id"] for each in sessions if not each["current"]]
        assert ada.post(place.one, "/accounts/api/sessions/end", {"id": theirs}).json["ended"] == 1
        assert ada.post(place.one, "/accounts/api/sessions/end", {"id": theirs}).json["ended"] == 0
        time.sleep(BELIEVED)
        assert not again.is_known(place.other)
        assert ada.is_known(place.other)

    def test_nobody_ends_the_sessions_of_others(self, place: Place, ada: Visitor) -> None:
        bob = somebody()
        bob.register(place.other)
        bob.log_in(place.other)
        ada.log_in(place.one)
        (session,) = ada.get(place.one, "/accounts/api/sessions").json["sessions"]
        assert bob.post(place.one, "/accounts/api/sessions/end", {"id": session["id"]}).json["ended"] == 0
        assert ada.is_known(place.other)

    def test_another_password_ends_the_other_sessions_everywhere(self, place: Place, ada: Visitor) -> None:
        again = same_person(ada)
        ada.log_in(place.one)
        again.log_in(place.other)
        assert again.is_known(place.other)
        changed = {"password": PASSWORD, "new_password": "analytic machine"}
        assert ada.post(place.one, "/accounts/api/password", changed).error == ""
        time.sleep(BELIEVED)
        assert not again.is_known(place.other)
        assert ada.is_known(place.other)
        assert again.log_in(place.other).error == "wrong_credentials"
        assert again.log_in(place.other, "analytic machine").error == ""

    def test_whoever_runs_it_disables_an_account_everywhere(self, place: Place, ada: Visitor) -> None:
        ada.log_in(place.one)
        assert ada.is_known(place.other)
        manage("disable", ada.name, database=place.database)
        time.sleep(BELIEVED)
        assert not ada.is_known(place.one)
        assert not ada.is_known(place.other)
        assert ada.log_in(place.one).error == "wrong_credentials"
        manage("enable", ada.name, database=place.database)
        assert ada.log_in(place.other).error == ""

    def test_the_pages_log_in_without_a_script(self, place: Place, ada: Visitor) -> None:
        import http.client
        from urllib.parse import urlencode

        sent = urlencode({"username": ada.name, "password": PASSWORD, "next": "/mine"})
        host, _, port = place.other.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
        connection.request("POST", "/accounts/login", sent, {"Content-Type": "application/x-www-form-urlencoded"})
        response = connection.getresponse()
        response.read()
        connection.close()
        assert (response.status, response.headers["Location"]) == (303, "/mine")
        ada.cookie = response.headers["Set-Cookie"].partition(";")[0]
        assert ada.get(place.one, "/mine").body.startswith(b"Hello, visitor ")
        assert ada.name.encode() in ada.get(place.one, "/accounts/account").body


class TestNames:
    def test_a_name_is_one_accounts(self, place: Place, ada: Visitor) -> None:
        again = Visitor(ada.name.upper().replace(" ", "   "), source=ada.source)
        assert again.register(place.other).error == "name_taken"
        again.password = ada.password
        assert again.log_in(place.other).error == ""

    def test_of_many_who_want_a_name_at_once_one_has_it(self, place: Place) -> None:
        wanted = somebody()
        ready = threading.Barrier(8)

        def register(number: int) -> str:
            visitor = Visitor(wanted.name, f"{PASSWORD} {number}", wanted.source)
            ready.wait()
            return visitor.register((place.one, place.other)[number % 2]).error

        with ThreadPoolExecutor(8) as pool:
            found = sorted(pool.map(register, range(8)))
        assert found == ["", *["name_taken"] * 7]
        let_in = [Visitor(wanted.name, f"{PASSWORD} {number}").log_in(place.one).error for number in range(8)]
        assert sorted(let_in) == ["", *["wrong_credentials"] * 7]

    @pytest.mark.parametrize("name", ["阿达 {}", "Ада {}", "👩‍🔬 {}", "İ{}ı", "ß{}" + "x" * 40, "﷽{}"])
    def test_names_of_all_scripts_are_kept_as_they_are(self, place: Place, name: str) -> None:
        visitor = somebody()
        visitor.name = name.format(visitor.name.split()[1])
        assert visitor.register(place.one, "阿达").json["code"] == 0
        found = visitor.log_in(place.other).json
        assert (found["code"], found["user"]["nickname"]) == (0, "阿达")
        assert visitor.get(place.one, "/accounts/api/me").json["user"] == found["user"]

    @pytest.mark.parametrize(
        "name", ["a\0b", "\0", "\ud800", "a\ud800", "\u202e", "﷽" * 32, "﷽" * 64, "x" * 65, "x" * 4_000]
    )
    def test_what_is_no_name_is_refused_and_is_nobodys(self, place: Place, name: str) -> None:
        """And is no trouble to a database that does not take it."""
        visitor = somebody()
        visitor.name = name
        answer = visitor.register(place.one, name)
        assert (answer.status, answer.json["code"]) in ((200, -1), (400, -1)), answer
        assert visitor.log_in(place.other).error in ("wrong_credentials", "missing_field", "malformed")
        assert ask(place.one, "GET", "/").status == 200

    def test_what_a_client_says_of_itself_is_no_trouble_either(self, place: Place, ada: Visitor) -> None:
        sent = {"username": ada.name, "password": PASSWORD}
        for agent in ("x" * 5_000, "\u00ff\u00fe", "'; DROP TABLE salver_users; --", "%s %(x)s :name"):
            answer = ada.post(place.one, "/accounts/api/login", sent, User_Agent=agent)
            assert (answer.status, answer.error) == (200, "")
            (listed,) = [
                each for each in ada.get(place.other, "/accounts/api/sessions").json["sessions"] if each["current"]
            ]
            assert listed["agent"] == agent[:200]


class TestTries:
    def test_are_counted_together_and_forgiven_for_the_right_password(self, place: Place, ada: Visitor) -> None:
        places = [place.one, place.other] if place.counts_together else [place.one]
        for number in range(OF_PAIR - 1):
            assert ada.log_in(places[number % len(places)], "the wrong one").error == "wrong_credentials"
        assert ada.log_in(places[-1]).error == ""
        for number in range(OF_PAIR):
            assert ada.log_in(places[number % len(places)], "the wrong one").error == "wrong_credentials"
        for each in places:
            refused = ada.log_in(each)  # the right one
            assert (refused.status, refused.error) == (429, "too_many_tries")
            assert 0 < int(refused.fields["retry-after"]) <= 60
        if not place.counts_together:
            assert ada.log_in(place.other).error == ""

    def test_from_another_address_the_account_is_not_locked(self, place: Place, ada: Visitor) -> None:
        for _ in range(OF_PAIR):
            ada.log_in(place.one, "the wrong one")
        assert ada.log_in(place.one).status == 429
        elsewhere = Visitor(ada.name, source=somebody().source)
        assert elsewhere.log_in(place.one).error == ""

    def test_sent_all_at_once_no_more_are_tried_than_one_after_the_other(self, place: Place, ada: Visitor) -> None:
        """The ones that wait for their turn to be hashed are asked for their number once more; as many as hash at one
        time may slip through."""
        places = [place.one, place.other] if place.counts_together else [place.one]

        def attempt(number: int) -> int:
            return ada.log_in(places[number % len(places)], "the wrong one").status

        with ThreadPoolExecutor(40) as pool:
            statuses = list(pool.map(attempt, range(40)))
        slipped = len(os.sched_getaffinity(0)) * len(set(places))
        assert OF_PAIR <= statuses.count(200) <= OF_PAIR + slipped
        assert set(statuses) <= {200, 429, 503}  # 503: too many wait for their turn


class TestAFolder:
    def test_is_served_by_several_processes_that_count_together(
        self, database_server: PostgreSQL, tmp_path: Path
    ) -> None:
        (tmp_path / "page.txt").write_text("a page\n")
        options = ["--accounts", database_server.url("folder"), "--accounts-registration", "--workers", "2"]
        with redis() as counts, salver(str(tmp_path), *options, "--accounts-tries", counts.url) as server:
            address = urlsplit(server.urls[0]).netloc
            visitor = somebody()
            assert visitor.get(address, "/page.txt").status == 401
            assert visitor.register(address).error == ""
            assert visitor.log_in(address).error == ""
            for _ in range(8):  # whichever of the two answers
                assert visitor.get(address, "/page.txt").body == b"a page\n"
            statuses = [visitor.log_in(address, "the wrong one").status for _ in range(OF_PAIR + 4)]
            assert statuses == [200] * OF_PAIR + [429] * 4


class TestAnEmptyDatabase:
    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    def test_is_made_ready_once_by_all_who_come_at_the_same_time(
        self, kind: str, request: pytest.FixtureRequest
    ) -> None:
        with folder() as where:
            server = request.getfixturevalue("database_server") if kind == "postgresql" else None
            for attempt in range(3):
                database = server.url(f"empty{attempt}") if server else f"sqlite:///{where}/{attempt}.db"
                names = [f"visitor {number}" for number in range(4)]
                with ThreadPoolExecutor(4) as pool:
                    list(pool.map(partial(manage, "add", database=database), names))
                assert [line.split("\t")[0] for line in manage("list", database=database).splitlines()] == names


def manage(*arguments: str, database: str) -> str:
    """`salver accounts`; what it has said."""
    done = subprocess.run(
        [*SALVER, "accounts", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "SALVER_DATABASE": database},
        input=PASSWORD,
        text=True,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
