"""The end of a crew on real sockets: what runs is waited for, and nothing is left."""

from __future__ import annotations

import threading
import time

from salver.net.crew import Crew
from salver.net.poller import make_poller
from tests.net.crew_sockets import echo_server, until


def test_a_stop_ends_all_threads_and_closes_the_poller(kind: str) -> None:
    before = threading.active_count()
    with echo_server(kind) as server, server.connect() as client:
        client.ask("hand 0.01")
        server.connect().close()
        assert server.crew.stop(5)
        assert server.crew.threads == 0
        assert until(lambda: threading.active_count() == before)
        assert server.crew.stop(5), "again does no harm"


def test_a_stop_waits_for_what_runs(kind: str) -> None:
    with echo_server(kind) as server, server.connect() as one, server.connect() as other:
        one.send("hand 0.2")
        other.send("block 0.2")
        time.sleep(0.05)
        assert server.crew.stop(5)
        assert one.line() == "hand 0.2"
        assert other.line() == "block 0.2"


def test_a_stop_does_not_wait_for_ever() -> None:
    with echo_server() as server, server.connect() as client:
        client.send("block 0.8")
        time.sleep(0.1)
        assert not server.crew.stop(0.1)
        assert not client.is_answered()
        assert client.line() == "block 0.8"
        assert until(lambda: server.crew.threads == 0), "what was left ends by itself"


def test_deferred_work_that_never_began_is_closed_at_the_end() -> None:
    with echo_server(max_threads=2) as server, server.connect() as one, server.connect() as other:
        other.ask("fast")
        one.send("hand 0.6")
        assert until(lambda: server.crew.blocked == 1)
        hung = [member for member in server.crew.members.values() if member.detached]
        server.crew._roster.busy += 1  # the leader, when it ends, finds no room for it
        other.send("hand 0.6")
        assert until(lambda: server.crew.waiting == 1)
        server.crew._next = lambda worker, done: None  # type: ignore[method-assign]
        assert not server.crew.stop(0.05)
        assert other.line() == ""
        assert one.line() == "hand 0.6"
        assert len(hung) == 1


def test_a_member_may_stop_the_crew() -> None:
    with echo_server() as server, server.connect() as client:
        assert client.ask("stop") == "stop"
        assert server.stopped == [True]
        assert until(lambda: server.crew.threads == 0)


def test_a_crew_that_never_started_can_be_stopped() -> None:
    crew = Crew(make_poller())
    assert crew.hand_over(), "nobody leads"
    assert crew.stop(1)
