"""The crew on real sockets, where something fails: nobody else is harmed."""

from __future__ import annotations

import logging
import math
import os
import random
import socket
import threading
import time

import pytest

from salver.net.crew import Crew
from salver.net.poller import READ, SelectorsPoller, make_poller
from tests.net.crew_sockets import EchoMember, echo_server, until


def test_who_raises_loses_its_connection_alone(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with echo_server(kind) as server, server.connect() as bad, server.connect() as good:
        assert bad.ask("raise") == ""
        assert good.ask("fast") == "fast"
        assert len(server.crew.members) == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "as planned" in caplog.text


def test_work_that_waited_and_raises_loses_its_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server(max_threads=2) as server, server.connect() as one, server.connect() as other:
        other.ask("fast")
        one.send("hand 0.2")
        assert until(lambda: server.crew.blocked == 1)
        other.socket.sendall(b"hand 0.01\nraise\n")
        assert other.line() == "deferred"
        assert other.line() == ""
        assert one.line() == "hand 0.2"
    assert "as planned" in caplog.text


def test_a_deadline_and_an_errand_that_raise_lose_their_member(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server(sweep_every=0.05) as server, server.connect() as one:

        def fail(now: float = 0.0) -> None:
            raise ValueError("as planned")

        one.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        member.on_deadline = fail  # type: ignore[method-assign]
        one.ask("expire 0.05")
        assert one.line() == ""
        with server.connect() as other:
            other.ask("fast")
            [member] = [member for member in server.crew.members.values() if member is not server.listening]
            server.crew.call_soon(fail, member)
            assert other.line() == ""
    assert caplog.text.count("a member failed") == 2


def test_a_member_that_fails_when_told_of_its_rescue_is_rescued(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server() as server, server.connect() as slow:

        def fail(blocked: bool) -> None:
            raise ValueError("as planned")

        slow.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        member.on_rescue = fail  # type: ignore[method-assign]
        slow.send("block 0.3")
        time.sleep(0.05)
        with server.connect() as quick:
            assert quick.ask("fast") == "fast"
        assert slow.line() == "block 0.3"
    assert "told of its rescue" in caplog.text


def test_even_an_exit_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    with echo_server() as server:
        server.listening.on_ready = lambda: _exit(server.listening)  # type: ignore[method-assign]
        server.listening.close = lambda: _exit(server.listening)  # type: ignore[method-assign]
        client = socket.create_connection(server.target)
        assert until(lambda: "could not be closed" in caplog.text)
        assert until(lambda: server.listening.fd not in server.crew.members)
        ran = threading.Event()
        server.crew.call_soon(lambda: _exit(None))
        server.crew.call_soon(ran.set)
        assert ran.wait(5)
        client.close()
        del server.listening.close
        server.listening.close()


def _exit(_: object) -> None:
    raise SystemExit(3)


def test_clients_that_vanish_in_the_middle(kind: str) -> None:
    with echo_server(kind) as server:
        for number in range(60):
            client = server.connect()
            client.send(random.choice(["fast", "hand 0.01", "block 0.01", "close"]))
            if number % 2:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        assert until(lambda: len(server.crew.members) == 1)
        with server.connect() as client:
            assert client.ask("fast") == "fast"


def test_where_the_system_gives_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with echo_server() as server, server.connect() as one, server.connect() as other:
        one.ask("fast")
        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert one.ask("hand 0.1") == "refused"
        one.send("block 0.1")
        assert other.ask("fast") == "fast", "after a while"
        assert one.line() == "block 0.1"
        monkeypatch.undo()
        assert one.ask("hand 0.01") == "hand 0.01"


def test_a_crew_that_cannot_begin_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    crew = Crew(make_poller())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="no thread"):
        crew.start()
    crew.stop(1)


def test_a_poller_that_fails_stops_the_crew_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    poller = SelectorsPoller()

    def fail(timeout: float | None) -> list[tuple[int, int]]:
        raise OSError(9, "as planned")

    class Failing(SelectorsPoller):
        poll = staticmethod(fail)

    poller.close()
    crew = Crew(Failing())
    crew.start()
    assert until(lambda: crew.threads == 0)
    assert crew.stop(5)
    assert "polling failed" in caplog.text


def test_a_descriptor_closed_behind_its_back_does_not_make_it_spin() -> None:
    """A copy lives on, as in a child process: epoll goes on reporting the original number, until it is taken out."""
    with echo_server("epoll") as server, server.connect() as client:
        client.ask("fast")
        [member] = [member for member in server.crew.members.values() if member is not server.listening]
        done = threading.Event()
        copies: list[int] = []

        def forget() -> None:
            copies.append(os.dup(member.fd))
            del server.crew.members[member.fd]
            done.set()

        server.crew.call_soon(forget)
        assert done.wait(5)
        client.send("fast")
        time.sleep(0.05)
        before = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - before < 0.1
        os.close(copies[0])
        member.fd, fd = -1, member.fd
        os.close(fd)
        assert isinstance(member, EchoMember)
        member.stream.detach()


def test_a_member_that_cannot_be_watched_is_not_added() -> None:
    crew = Crew(make_poller())

    class Bad:
        fd, interest, detached, deadline = 10_000, READ, False, math.inf

    with pytest.raises(OSError):
        crew.add(Bad())  # type: ignore[arg-type]
    assert not crew.members
    crew.stop(1)
