"""A client that goes while its script is silent takes it along at once; one that has only finished sending does not."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from salver.gateway import CGIFolder, cgi_audience, cgi_run
from salver.gateway.cgi_audience import Audience, ClientGone
from salver.request import ClientAddress
from salver.service.server import Server
from tests.gateway.support import FakeExchange, children, connect, eventually, read_all, request, script

pytestmark = pytest.mark.usefixtures("nothing_is_left")
GET = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HEAD = "printf 'Content-Type: text/plain\\n\\n'\n"


@pytest.fixture(autouse=True)
def no_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgi_audience, "_PEACE", 0.02)


@pytest.fixture
def server(scripts: Path) -> Iterator[Server]:
    with Server(CGIFolder(scripts, grace=0.2), "127.0.0.1:0") as server:
        yield server


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
@pytest.mark.parametrize("text", ["exec sleep 600", HEAD + "exec sleep 600"])
def test_who_goes_while_the_script_is_silent(server: Server, scripts: Path, leave, text: str) -> None:
    script(scripts, "x", text)
    with closing(connect(server)) as client:
        client.sendall(GET)
        assert eventually(children)
        leave(client)
        assert eventually(lambda: not children())


def test_who_resets_within_the_body(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo 1; exec sleep 600")
    with closing(connect(server)) as client:
        client.sendall(GET)
        assert client.recv(1)
        reset(client)
        assert eventually(lambda: not children())


def test_one_that_ignores_sigterm_is_killed(server: Server, scripts: Path) -> None:
    script(scripts, "x", "trap '' TERM\n: > ready\nwhile :; do sleep 0.05; done")
    client = connect(server)
    client.sendall(GET)
    assert eventually((scripts / "ready").exists)
    reset(client)
    assert eventually(lambda: not children())


def test_who_has_only_finished_sending_is_asked_and_answered(server: Server, scripts: Path) -> None:
    script(scripts, "x", "while ! test -e go; do sleep 0.02; done\n" + HEAD + "echo done")
    with closing(connect(server)) as client:
        client.sendall(GET)
        client.shutdown(socket.SHUT_WR)
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.recv(len(interim), socket.MSG_WAITALL) == interim
        (scripts / "go").touch()
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.count(b"HTTP/1.1") == 1 and b"done" in answer


def test_a_client_of_1_0_cannot_be_asked(server: Server, scripts: Path) -> None:
    script(scripts, "x", "sleep 0.3\n" + HEAD + "echo done")
    with closing(connect(server)) as client:
        client.sendall(b"GET /x HTTP/1.0\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.count(b"HTTP/1.1") == 1 and answer.endswith(b"done\n")


def test_nobody_is_asked_within_a_body(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo 1; sleep 0.3; echo 2")
    with closing(connect(server)) as client:
        client.sendall(GET)
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    _, found, behind = answer.partition(b"HTTP/1.1 200 OK\r\n")  # before it there may be one, on a slow machine
    assert found and b"Continue" not in behind and b"\n1\n" in behind and b"2\n" in behind


class Watch:
    """A client as far as is watched of it."""

    def __init__(self, *, there: bool) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.there = there
        self.asked = 0

    def fileno(self) -> int:
        return self.ours.fileno()

    def ask(self) -> bool:
        self.asked += 1
        return self.there


@pytest.fixture
def watches() -> Iterator[list[Watch]]:
    made = [Watch(there=True), Watch(there=False)]
    yield made
    for watch in made:
        watch.ours.close()
        watch.theirs.close()


def test_who_is_gone_is_told_to_nobody_but_the_log(scripts: Path, watches: list[Watch]) -> None:
    script(scripts, "x", "exec sleep 600")
    for watch in watches:
        watch.theirs.shutdown(socket.SHUT_WR)
    exchange = FakeExchange(client=ClientAddress("192.0.2.7", 1))
    exchange.watch = watches[1]
    assert CGIFolder(scripts, grace=0.1)(request("/x", exchange=exchange)).status == 499
    assert watches[1].asked == 1 and eventually(lambda: not children())


def test_who_is_there_is_asked_once_and_then_left_in_peace(scripts: Path, watches: list[Watch]) -> None:
    script(scripts, "x", "sleep 0.3\n" + HEAD + "echo 1")
    watches[0].theirs.shutdown(socket.SHUT_WR)
    exchange = FakeExchange()
    exchange.watch = watches[0]
    assert CGIFolder(scripts)(request("/x", exchange=exchange)).status == 200
    assert watches[0].asked <= 1


def test_a_descriptor_that_is_none_tells_nothing() -> None:
    class InMemory:
        def fileno(self) -> int:
            return 1_000_001

        def ask(self) -> bool:
            raise AssertionError

    poller = select.poll()
    audience = Audience(InMemory(), poller)
    ((_, events),) = poller.poll(0)
    audience.on_event(events)
    assert poller.poll(0) == [] and audience.ask_in(3.0) == 3.0


def test_a_connection_that_is_closed_already(watches: list[Watch]) -> None:
    watches[0].ours.close()
    with pytest.raises(ClientGone):
        Audience(watches[0], select.poll())


def test_who_waits_for_a_quick_script_is_not_watched(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unwatched(FakeExchange):
        def watch_client(self) -> None:
            raise AssertionError

    monkeypatch.setattr(cgi_run, "_HEAD_START", 30.0)
    script(scripts, "x", HEAD)
    assert CGIFolder(scripts)(request("/x", exchange=Unwatched())).status == 200
