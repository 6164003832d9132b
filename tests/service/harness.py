"""A server without sockets, threads or a clock: one connection on an in-memory stream, and a crew that the test moves.

`Conversation` is the client's view: say bytes, pass time, read what came. The connection, the protocol and the handler
are the real ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from salver.net.poller import READ, WRITE
from salver.request import ClientAddress
from salver.service.connection import HTTPConnection
from salver.service.context import Context
from salver.service.settings import Settings


class ScriptedStream:
    """A stream whose other end is the test. `room` is how many bytes it takes before it would block (None: all)."""

    def __init__(self) -> None:
        self.inbox: list[bytes] = []
        self.outbox = b""
        self.room: int | None = None
        self.most = 1 << 30  # bytes a send takes at once
        self.waiting = 0  # bytes that the kernel would still hold
        self.ended = False  # the client has sent its last
        self.failure: OSError | None = None
        self.closed = self.was_reset = self.write_shut = False

    def getsockname(self) -> str:
        return ""

    def fileno(self) -> int:
        return -1 if self.closed else 7

    def recv(self, size: int) -> bytes:
        if self.failure is not None:
            raise self.failure
        if not self.inbox:
            if self.ended:
                return b""
            raise BlockingIOError
        data = self.inbox.pop(0)
        if len(data) > size:
            self.inbox.insert(0, data[size:])
        return data[:size]

    def send(self, data: Any, flags: int = 0) -> int:
        if self.failure is not None:
            raise self.failure
        assert not self.closed and not self.write_shut, "sent after the end"
        allowed = min(len(data), self.most)
        if self.room is not None:
            if not self.room:
                raise BlockingIOError
            allowed = min(allowed, self.room)
            self.room -= allowed
        self.outbox += bytes(data[:allowed])
        return allowed

    def unsent(self) -> int:
        return self.waiting

    def send_file(self, fd: int, offset: int, length: int) -> int:
        data = os.pread(fd, min(length, 1 << 20), offset)
        return self.send(data) if data else 0

    def shutdown_write(self) -> None:
        self.write_shut = True

    def reset(self) -> None:
        self.was_reset = True
        self.closed = True

    def close(self) -> None:
        self.closed = True


class ScriptedCrew:
    """The crew's promises without its threads: everything runs when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.members: dict[int, Any] = {}
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.may_hand_over = True
        self.handed_over = 0
        self.deferred: list[Callable[[], None]] = []
        self.queue_room = 10
        self.newcomers: list[Callable[[], None]] = []
        self.watch_failure: OSError | None = None

    def welcome(self, member: Any, first: Callable[[], None]) -> None:
        self.add(member)
        self.newcomers.append(first)

    def begin_with_newcomers(self) -> None:
        """The end of the round."""
        while self.newcomers:
            self.newcomers.pop(0)()

    def watch(self, member: Any, mask: int) -> None:
        if self.watch_failure is not None:
            raise self.watch_failure
        member.interest = mask

    def add(self, member: Any) -> None:
        self.members[member.fd] = member

    def remove(self, member: Any) -> None:
        self.members.pop(member.fd, None)

    def set_interest(self, member: Any, interest: int) -> None:
        member.interest = interest

    def hand_over(self) -> bool:
        self.handed_over += self.may_hand_over
        return self.may_hand_over

    def defer(self, member: Any, work: Callable[[], None]) -> bool:
        if len(self.deferred) >= self.queue_room:
            return False
        member.detached = True
        self.deferred.append(work)
        return True

    def call_soon(self, function: Callable[[], None], member: Any = None) -> None:
        self.soon.append(function)

    def call_at(self, when: float, function: Callable[[], None], member: Any = None) -> None:
        self.later.append((when, function))

    def take_timers(self) -> None:
        """What is due becomes an errand."""
        self.soon += [function for when, function in self.later if when <= self.now]
        self.later = [timer for timer in self.later if timer[0] > self.now]


class LoggedRequests:
    """An access log that keeps its lines as tuples."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def add(self, *line: Any) -> None:
        self.lines.append(line)

    def tick(self) -> None:
        """Nothing to do."""


class Conversation:
    """One client, one connection."""

    def __init__(self, handler: Callable[..., Any], *, host: str = "192.0.2.1", **settings: Any) -> None:
        self.crew = ScriptedCrew()
        self.log = LoggedRequests()
        self.context = Context(handler, Settings.of(**settings), self.crew, self.log)  # type: ignore[arg-type]
        self.stream = ScriptedStream()
        self.connection = HTTPConnection(self.stream, ClientAddress(host, 40_000), self.context)
        self.crew.add(self.connection)

    def say(self, *parts: bytes) -> Conversation:
        """Send each part as one event of its own."""
        for part in parts:
            if part:
                self.stream.inbox.append(part)
                self.run()
        return self

    def end(self) -> Conversation:
        """The client shuts its sending side."""
        self.stream.ended = True
        self.run()
        return self

    def run(self) -> None:
        """Let events happen until nothing more does."""
        for _ in range(10_000):
            connection = self.connection
            if self.stream.closed or connection.detached:
                return
            while self.crew.soon and not self.stream.closed:
                self.crew.soon.pop(0)()
            writable = connection.interest & WRITE and self.stream.room != 0
            readable = connection.interest & READ and (self.stream.inbox or self.stream.ended)
            if not (writable or readable or self.stream.failure):
                return
            connection.on_ready()
        raise AssertionError("the connection does not come to rest")

    def run_deferred(self) -> None:
        """A thread became free: it runs what waited."""
        while self.crew.deferred:
            self.crew.deferred.pop(0)()
            self.connection.detached = False
        self.run()

    def pass_time(self, seconds: float, step: float = 1.0) -> Conversation:
        """Let the clock run, with a sweep at every step."""
        until = self.crew.now + seconds
        while self.crew.now < until and not self.stream.closed:
            self.crew.now = min(until, self.crew.now + step)
            self.crew.take_timers()
            if self.connection.deadline <= self.crew.now:
                self.connection.on_deadline(self.crew.now)
            self.run()
        return self

    @property
    def reply(self) -> bytes:
        """Everything the server has sent."""
        return self.stream.outbox

    @property
    def statuses(self) -> list[int]:
        """The final statuses, read from the bytes by their start lines."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 ([2-5][0-9]{2}) [^\r]*\r\n", self.reply)]

    @property
    def closed(self) -> bool:
        """The server has closed, or will not send any more and waits for the client to close."""
        return self.stream.closed or self.stream.write_shut
