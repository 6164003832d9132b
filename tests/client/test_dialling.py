"""Connecting: both families raced, whoever is first; nothing left open; the time allowed holds for the look-up, too."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from salver.client.dialling import Dialler, Target, alternating, connect_unix, system_lookup
from salver.client.errors import ConnectFailed, ConnectTimedOut, NameNotFound

V4, V6 = socket.AF_INET, socket.AF_INET6


@contextmanager
def listening(address: str = "127.0.0.1", family: int = V4, backlog: int = 8) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((address, 0))
        server.listen(backlog)
        yield server


@contextmanager
def deaf() -> Iterator[Target]:
    """An address that takes no connection and refuses none: its backlog is full."""
    with listening(backlog=0) as server:
        target = Target(V4, server.getsockname())
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(target.address)
            fillers.append(filler)
        try:
            time.sleep(0.05)
            yield target
        finally:
            for filler in fillers:
                filler.close()


def refusing() -> Target:
    with listening() as server:
        return Target(V4, server.getsockname())


def names(*targets: Target) -> Callable[[str, int], Sequence[Target]]:
    return lambda host, port: targets


def test_an_address_needs_no_look_up() -> None:
    def no_look_up(host: str, port: int) -> Sequence[Target]:
        raise AssertionError(host)

    with listening() as server:
        sock = Dialler(no_look_up).connect("127.0.0.1", server.getsockname()[1], 5.0)
        with sock:
            assert sock.gettimeout() is None
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    try:
        with listening("::1", V6) as server, Dialler(no_look_up).connect("::1", server.getsockname()[1], 5.0):
            pass
    except OSError:
        pytest.skip("needs IPv6 on loopback")


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "app.localhost"])
def test_names_of_the_loopback_are_asked_of_nobody(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(V4, None, None, None, ("192.0.2.1", 1))])
    assert [target.address[:2] for target in system_lookup(host, 80)] == [("::1", 80), ("127.0.0.1", 80)]
    assert system_lookup("localhost.example", 80) == [Target(V4, ("192.0.2.1", 1))]
    with listening() as server:
        Dialler().connect(host, server.getsockname()[1], 5).close()


def test_one_that_refuses_costs_no_wait() -> None:
    with listening() as server:
        begun = time.monotonic()
        dialler = Dialler(names(refusing(), Target(V4, server.getsockname())), head_start=30.0)
        with dialler.connect("a.test", 80, 10.0) as sock:
            assert sock.getpeername() == server.getsockname()
        assert time.monotonic() - begun < 5.0


def test_one_that_is_silent_is_overtaken() -> None:
    with deaf() as silent, listening() as server:
        dialler = Dialler(names(silent, Target(V4, server.getsockname())), head_start=0.05)
        with dialler.connect("a.test", 80, 20.0) as sock:
            assert sock.getpeername() == server.getsockname()


def test_the_first_has_its_head_start() -> None:
    with listening() as first, listening() as second:
        targets = Target(V4, first.getsockname()), Target(V4, second.getsockname())
        with Dialler(names(*targets)).connect("a.test", 80, 5.0) as sock:
            assert sock.getpeername() == first.getsockname()


def test_a_family_that_is_not_there_is_passed_over() -> None:
    with listening() as server:
        dialler = Dialler(names(Target(12_345, ("x", 1)), Target(V4, server.getsockname())))
        with dialler.connect("a.test", 80, 5.0) as sock:
            assert sock.getpeername() == server.getsockname()


def test_all_refuse() -> None:
    with pytest.raises(ConnectFailed, match="refused; does a server listen there") as caught:
        Dialler(names(refusing(), refusing())).connect("a.test", 80, 5.0)
    assert type(caught.value) is ConnectFailed


def test_nobody_answers_in_time() -> None:
    with deaf() as silent:
        begun = time.monotonic()
        with pytest.raises(ConnectTimedOut, match="did not answer in time"):
            Dialler(names(silent), head_start=0.05).connect("a.test", 80, 0.3)
        assert 0.25 < time.monotonic() - begun < 5.0


def test_a_name_server_that_says_nothing() -> None:
    answered = threading.Event()

    def wait(host: str, port: int) -> Sequence[Target]:
        answered.wait(30)
        return []

    begun = time.monotonic()
    with pytest.raises(ConnectTimedOut, match="no name server answered"):
        Dialler(wait).connect("a.test", 80, 0.2)
    assert time.monotonic() - begun < 5.0
    answered.set()


def test_without_a_thread_the_look_up_is_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Python 3.12 ends, as in what `atexit` runs, no thread begins any more."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with listening() as server, Dialler(names(Target(V4, server.getsockname()))).connect("a.test", 80, 5.0) as sock:
        assert sock.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    "error",
    [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long"), OSError("no descriptor")],
)
def test_a_name_that_is_not_found(error: Exception) -> None:
    def fail(host: str, port: int) -> Sequence[Target]:
        raise error

    with pytest.raises(NameNotFound, match=r"a\.test"):
        Dialler(fail).connect("a.test", 80, 5.0)


def test_a_name_without_addresses() -> None:
    with pytest.raises(NameNotFound):
        Dialler(names()).connect("a.test", 80, 5.0)


def test_the_families_in_turn() -> None:
    six, four = [Target(V6, str(n)) for n in range(3)], [Target(V4, str(n)) for n in range(2)]
    assert alternating([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert alternating([*four, *six]) == [four[0], six[0], four[1], six[1], six[2]]
    assert alternating([]) == []


def test_losers_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []
    original = socket.socket

    class Watched(original):  # type: ignore[valid-type, misc]
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            made.append(self)

    with deaf() as silent, listening() as server:
        monkeypatch.setattr("salver.client.dialling.socket.socket", Watched)
        winner = Dialler(names(silent, silent, Target(V4, server.getsockname())), head_start=0.02).connect("a", 80, 9.0)
        monkeypatch.undo()
        assert [each.fileno() == -1 for each in made] == [True, True, False]
        winner.close()


def test_from_an_address_of_ours() -> None:
    dialler = Dialler(local_address="127.0.0.2")
    with listening() as server, dialler.connect("127.0.0.1", server.getsockname()[1], 5.0) as sock:
        assert sock.getsockname()[0] == "127.0.0.2"


def test_unix_sockets(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with pytest.raises(ConnectFailed, match="no such file"):
        connect_unix(path, 1.0)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with connect_unix(path, 1.0) as sock:
            assert sock.gettimeout() is None
