"""Two processes behind HAProxy, which has the example's configuration: one is stopped, restarted, killed or frozen, and
people go on using the other; clients are known by their own address."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.accounts.load import Load
from tests.accounts.servers import HAProxy, PostgreSQL, Salver, haproxy, postgresql, redis, salvers, until
from tests.accounts.visitors import Visitor, ask

pytest.importorskip("sqlalchemy", reason='accounts need the extra "accounts"')
pytest.importorskip("argon2", reason='accounts need the extra "accounts"')

pytestmark = [pytest.mark.fault, pytest.mark.slow]

OF_PAIR = 10  # failures of an account from one address that are a person's
TAKEN_OUT = 3.0  # seconds within which health checks notice, on a machine that has nothing else to do
READING = (("GET", "/"), ("GET", "/mine"))
# Without a session (the load has its cookie for reading) this does nothing, but nobody between may know that.
BOTH = (*READING, ("POST", "/accounts/api/logout"))


class Cluster(NamedTuple):
    database: PostgreSQL
    front: HAProxy
    one: Salver
    two: Salver

    def notes(self, name: str, state: str) -> int:
        """How often HAProxy has noted that a server is UP or DOWN."""
        return sum(line.startswith(f"Server salver/{name} is {state}") for line in self.front.said.splitlines())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with postgresql() as database, redis() as counts:
        options = ("--timeout-last-request", "4")
        with (
            salvers(2, database.url("cluster"), counts.url, *options) as (one, two),
            haproxy(one.address, two.address) as front,
        ):
            yield Cluster(database, front, one, two)


@pytest.fixture(autouse=True)
def both_are_up(cluster: Cluster) -> Iterator[None]:
    yield
    for name, server in (("one", cluster.one), ("two", cluster.two)):
        if server.has_ended():
            restart(cluster, name, server)


def restart(cluster: Cluster, name: str, server: Salver) -> None:
    """And wait until HAProxy knows, where it knew that it was away."""
    server.start()
    until(lambda: cluster.notes(name, "UP") >= cluster.notes(name, "DOWN"))


def somebody(cluster: Cluster, name: str, source: str = "") -> Visitor:
    visitor = Visitor(name, source=source)
    assert visitor.register(cluster.front.address).error == ""
    assert visitor.log_in(cluster.front.address).error == ""
    return visitor


class TestOneService:
    def test_whoever_answers_knows_who_it_is(self, cluster: Cluster) -> None:
        ada = somebody(cluster, "ada")
        for _ in range(8):
            assert ada.is_known(cluster.front.address)
        assert ada.is_known(cluster.one.address)
        assert ada.is_known(cluster.two.address)

    def test_a_client_has_its_own_address_and_not_the_proxys(self, cluster: Cluster) -> None:
        bob = somebody(cluster, "bob", "127.0.0.77")
        assert bob.get(cluster.front.address, "/mine").body == b"Hello, bob, from 127.0.0.77.\n"
        claimed = bob.get(cluster.front.address, "/mine", X_Forwarded_For="192.0.2.1", Forwarded="for=192.0.2.1")
        assert claimed.body == b"Hello, bob, from 127.0.0.77.\n"

    def test_tries_are_of_the_client_and_not_of_the_proxy(self, cluster: Cluster) -> None:
        somebody(cluster, "carol", "127.0.0.78")
        guesser, carol = Visitor("carol", source="127.0.0.79"), Visitor("carol", source="127.0.0.78")
        for _ in range(OF_PAIR):
            assert guesser.log_in(cluster.front.address, "the wrong one").error == "wrong_credentials"
        assert guesser.log_in(cluster.front.address).status == 429
        assert carol.log_in(cluster.front.address).error == ""

    def test_a_session_over_https_has_the_guarded_cookie(self, cluster: Cluster) -> None:
        """HAProxy says by which scheme a request came; here it is said in its place."""
        dora = somebody(cluster, "dora")
        answer = dora.post(
            cluster.one.address,
            "/accounts/api/login",
            {"username": "dora", "password": dora.password},
            X_Forwarded_For="203.0.113.9",
            X_Forwarded_Proto="https",
        )
        cookie = answer.fields["set-cookie"]
        assert cookie.startswith("__Host-salver=")
        assert "Secure" in cookie


class TestStopping:
    def test_one_after_the_other_is_restarted_under_load_and_no_request_fails(self, cluster: Cluster) -> None:
        erin = somebody(cluster, "erin")
        with Load(cluster.front.address, BOTH, erin.cookie) as load:
            for name, server in (("one", cluster.one), ("two", cluster.two)):
                load.more(50)
                assert server.stop(signal.SIGTERM) == 0
                load.more(50)
                restart(cluster, name, server)
            load.more(50)
        assert load.failures == []

    def test_what_has_begun_is_finished(self, cluster: Cluster) -> None:
        """A body that is half sent when its server is told to stop."""
        body = b'{"username": "fay", "password": "difference engine"}'
        head = b"POST /accounts/api/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        begun: list[socket.socket] = []
        for _ in range(4):  # whichever of the two has it
            client = socket.create_connection(("127.0.0.1", cluster.front.port), timeout=30)
            client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
            begun.append(client)
        time.sleep(0.3)
        before = cluster.notes("one", "DOWN")
        cluster.one.send(signal.SIGTERM)
        until(lambda: cluster.notes("one", "DOWN") > before)
        answers = []
        for client in begun:
            client.sendall(body[10:])
            answers.append(client.recv(4_096).split(b"\r\n")[0])
            client.close()
        assert answers == [b"HTTP/1.1 200 OK"] * 4
        assert cluster.one.wait() == 0

    def test_one_that_is_stopped_takes_no_new_request_and_is_not_asked(self, cluster: Cluster) -> None:
        before = cluster.notes("two", "DOWN")
        assert cluster.two.stop(signal.SIGTERM) == 0
        until(lambda: cluster.notes("two", "DOWN") > before)
        for _ in range(20):
            assert ask(cluster.front.address, "POST", "/accounts/api/logout").status == 200


class TestDying:
    def test_one_is_killed_under_load_and_what_only_reads_does_not_fail(self, cluster: Cluster) -> None:
        gwen = somebody(cluster, "gwen")
        before = cluster.notes("one", "DOWN")
        with Load(cluster.front.address, READING, gwen.cookie) as load:
            load.more(50)
            cluster.one.stop(signal.SIGKILL)
            until(lambda: cluster.notes("one", "DOWN") > before)
            load.more(50)
            restart(cluster, "one", cluster.one)
            load.more(50)
        assert load.failures == []

    def test_what_changes_something_fails_at_that_moment_at_most(self, cluster: Cluster) -> None:
        """Whether it was carried out nobody knows, so it is not sent again."""
        hana = somebody(cluster, "hana")
        with Load(cluster.front.address, BOTH, hana.cookie) as load:
            load.more(50)
            killed = time.monotonic()
            cluster.two.stop(signal.SIGKILL)
            ended = time.monotonic()
            load.more(200)
        assert [each for each in load.failures if each.method != "POST"] == []
        assert [each for each in load.failures if each.ended < killed or each.began > ended + TAKEN_OUT] == []
        assert len(load.failures) <= 6  # one of each client

    def test_one_that_hangs_is_taken_out_and_brought_back(self, cluster: Cluster) -> None:
        before, up = cluster.notes("two", "DOWN"), cluster.notes("two", "UP")
        cluster.two.send(signal.SIGSTOP)
        try:
            until(lambda: cluster.notes("two", "DOWN") > before)
            for _ in range(20):
                assert ask(cluster.front.address, "GET", "/").status == 200
        finally:
            cluster.two.send(signal.SIGCONT)
        until(lambda: cluster.notes("two", "UP") > up)

    def test_the_database_is_no_reason_to_take_one_out(self, cluster: Cluster) -> None:
        """All have the same one: what needs no account goes on without it."""
        ida = somebody(cluster, "ida")
        before = [cluster.notes(name, "DOWN") for name in ("one", "two")]
        cluster.database.stop(signal.SIGINT)
        try:
            time.sleep(TAKEN_OUT)
            assert ida.get(cluster.front.address, "/mine").status == 503  # of the app, not of HAProxy
            for path in ("/", "/health"):
                assert ask(cluster.front.address, "GET", path).status == 200
        finally:
            cluster.database.start()
        assert [cluster.notes(name, "DOWN") for name in ("one", "two")] == before
        assert ida.is_known(cluster.front.address)
