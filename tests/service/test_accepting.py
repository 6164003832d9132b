"""Accepting, on a listener and a crew that the test moves: batches, pauses, limits of an address, the end."""

from __future__ import annotations

import errno
import math
from typing import Any

import pytest

from salver.net.poller import READ, WRITE
from salver.service.accepting import Acceptor
from salver.service.context import Context
from salver.service.settings import Settings
from tests.service.harness import LoggedRequests, ScriptedCrew, ScriptedStream
from tests.service.messages import hello


class NumberedStream(ScriptedStream):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def fileno(self) -> int:
        return self.number


class ScriptedListener:
    """Connections that wait, and errors in between."""

    address = "127.0.0.1:80"

    def __init__(self) -> None:
        self.waiting: list[NumberedStream | OSError] = []
        self.hosts: list[str] = []
        self.accepted: list[NumberedStream] = []
        self.closed = False

    def fileno(self) -> int:
        return 3

    def connect(self, count: int, host: str = "192.0.2.1") -> list[NumberedStream]:
        streams = [NumberedStream(100 + len(self.accepted) + len(self.waiting) + n) for n in range(count)]
        self.waiting += streams
        self.hosts += [host] * count
        return streams

    def accept(self) -> tuple[NumberedStream, tuple[str, int]]:
        if not self.waiting:
            raise BlockingIOError
        stream = self.waiting.pop(0)
        if isinstance(stream, OSError):
            raise stream
        self.accepted.append(stream)
        return stream, (self.hosts.pop(0), 5)

    def close(self) -> None:
        self.closed = True


class Door:
    """An acceptor with everything around it."""

    def __init__(self, capacity: int = 1_000, **settings: Any) -> None:
        self.crew = ScriptedCrew()
        self.log = LoggedRequests()
        self.context = Context(hello, Settings.of(**settings), self.crew, self.log)  # type: ignore[arg-type]
        self.listener = ScriptedListener()
        self.acceptor = Acceptor(self.listener, self.context, capacity)  # type: ignore[arg-type]
        self.crew.add(self.acceptor)

    @property
    def connections(self) -> list[Any]:
        return [member for member in self.crew.members.values() if member is not self.acceptor]

    def run_errands(self) -> None:
        while self.crew.soon:
            self.crew.soon.pop(0)()


def test_a_batch_at_a_time() -> None:
    door = Door()
    door.listener.connect(20)
    door.acceptor.on_ready()
    assert len(door.connections) == 16 and door.context.per_address == {"192.0.2.1": 16}
    door.acceptor.on_ready()
    assert len(door.connections) == 20 and door.acceptor.interest == READ


def test_at_its_capacity_it_pauses_until_a_connection_closes(caplog: pytest.LogCaptureFixture) -> None:
    door = Door(capacity=3)
    door.listener.connect(5)
    door.acceptor.on_ready()
    assert len(door.connections) == 2 and not door.acceptor.interest
    assert "limit of connections" in caplog.text
    door.connections[0].close()
    door.run_errands()
    assert door.acceptor.interest == READ and door.acceptor.deadline == math.inf
    door.acceptor.on_ready()
    assert len(door.connections) == 2 and len(door.listener.waiting) == 2
    assert len(caplog.records) == 1, "one warning in ten seconds"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_out_of_something_it_pauses_for_half_a_second(number: int, caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.listener.waiting.append(OSError(number, "out of it"))
    door.acceptor.on_ready()
    assert not door.acceptor.interest and door.acceptor.deadline == door.crew.now + 0.5
    assert "out of it" in caplog.text
    door.acceptor.on_deadline(door.crew.now + 0.5)
    assert door.acceptor.interest == READ


def test_a_connection_that_cannot_be_watched_is_closed_and_the_listener_lives() -> None:
    door = Door()
    streams = door.listener.connect(1)
    door.crew.watch_failure = OSError(errno.ENOSPC, "no watch left")
    door.acceptor.on_ready()
    door.crew.begin_with_newcomers()
    assert streams[0].closed and not door.context.per_address and not door.connections
    assert not door.acceptor.interest and door.acceptor.fd >= 0
    door.crew.watch_failure = None
    door.acceptor.on_deadline(door.crew.now + 0.5)
    door.listener.connect(1)
    door.acceptor.on_ready()
    door.crew.begin_with_newcomers()
    assert [each.interest for each in door.connections] == [READ]


def test_a_connection_that_cannot_be_made_is_closed_and_the_listener_lives(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()

    def none(*arguments: Any) -> Any:
        raise OSError(errno.ENOMEM, "no room for keys")

    acceptor = Acceptor(door.listener, door.context, 100, none)  # type: ignore[arg-type]
    streams = door.listener.connect(2)
    acceptor.on_ready()
    assert streams[0].closed and not streams[1].closed and not door.context.per_address
    assert not acceptor.interest and acceptor.fd >= 0 and "no room for keys" in caplog.text
    acceptor.on_deadline(door.crew.now + 0.5)
    assert acceptor.interest == READ


def test_who_comes_with_its_only_request_is_answered_and_never_watched() -> None:
    door = Door()
    (stream,) = door.listener.connect(1)
    stream.inbox.append(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    door.crew.watch_failure = OSError(errno.ENOSPC, "no watch left")
    door.acceptor.on_ready()
    (connection,) = door.connections
    assert not stream.outbox and not connection.interest, "others that are ready have their turn first"
    door.crew.begin_with_newcomers()
    assert stream.outbox.startswith(b"HTTP/1.1 200 ") and stream.closed
    assert not door.connections and not door.context.per_address


@pytest.mark.parametrize(
    ("first", "room", "interest"),
    [
        (b"", None, READ),
        (b"GET / HT", None, READ),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None, READ),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 10, WRITE),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", None, READ),
        (b"nonsense\r\n\r\n", None, READ),
    ],
)
def test_who_stays_is_watched_for_what_it_waits_for(first: bytes, room: int | None, interest: int) -> None:
    door = Door()
    (stream,) = door.listener.connect(1)
    stream.inbox += [first] if first else []
    stream.room = room
    door.acceptor.on_ready()
    door.crew.begin_with_newcomers()
    assert [each.interest for each in door.connections] == [interest]


def test_past_the_limit_of_an_address_the_answer_is_503_with_a_line_in_the_log() -> None:
    door = Door(limit_per_address=2)
    streams = door.listener.connect(3)
    others = door.listener.connect(3, "127.0.0.1") + door.listener.connect(1, "192.0.2.2")
    streams[2].inbox.append(b"GET / HTTP/1.1\r\n\r\n")
    door.acceptor.on_ready()
    assert streams[2].outbox.startswith(b"HTTP/1.1 503 ") and streams[2].closed
    assert not streams[2].inbox, "unread input would reset the connection, and the answer with it"
    assert not any(stream.closed for stream in others + streams[:2])
    assert [line[:6] for line in door.log.lines] == [("192.0.2.1", "", "", 1, 503, 0)]
    door.connections[0].close()
    door.listener.connect(1)
    door.acceptor.on_ready()
    assert door.context.per_address == {"192.0.2.1": 2, "127.0.0.1": 3, "192.0.2.2": 1}


def test_one_that_is_turned_away_and_has_gone_does_no_harm() -> None:
    door = Door(limit_per_address=1)
    for stream in door.listener.connect(3)[1:]:
        stream.failure = BrokenPipeError(32, "gone")
    door.acceptor.on_ready()
    assert len(door.connections) == 1 and door.acceptor.interest == READ


def test_no_limit_of_an_address() -> None:
    door = Door(limit_per_address=0)
    door.listener.connect(10)
    door.acceptor.on_ready()
    assert len(door.connections) == 10


def test_the_rest_is_accepted_before_the_end() -> None:
    door = Door()
    door.listener.connect(100)
    door.acceptor.accept_the_rest()
    assert len(door.connections) == 100
    door.acceptor.close()
    door.acceptor.close()
    assert door.listener.closed and door.acceptor.fd == -1
    door.listener.connect(1)
    door.acceptor.accept_the_rest()
    door.acceptor.on_deadline(0.0)
    assert len(door.connections) == 100 and not door.acceptor.interest & ~READ


def test_the_rest_of_a_listener_that_pauses_stays_where_it_is() -> None:
    door = Door(capacity=2)
    door.listener.connect(3)
    door.acceptor.accept_the_rest()
    door.acceptor.accept_the_rest()
    assert len(door.connections) == 1
    door.acceptor.on_rescue(True)


def test_a_backlog_that_never_ends_is_not_accepted_for_ever() -> None:
    door = Door(limit_backlog=32)
    door.listener.connect(100)
    door.acceptor.accept_the_rest()
    assert len(door.connections) == 48


@pytest.mark.parametrize(
    ("host", "let_in"),
    [
        *((host, 3) for host in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "unix:")),
        *((host, 1) for host in ("192.0.2.1", "::2", "128.0.0.1", "12.7.0.1")),
    ],
)
def test_this_computer_is_no_one_client(host: str, let_in: int) -> None:
    door = Door(limit_per_address=1)
    door.listener.connect(3, host)
    door.acceptor.on_ready()
    assert len(door.connections) == let_in
