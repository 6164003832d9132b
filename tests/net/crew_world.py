"""A small world for the crew: a poller without a kernel, members that do what they are sent, and books on all of it.

Each item that is sent to a member ends in exactly one way (handled, refused, or lost because its member was closed);
each member knows whether somebody is inside it. Any thread that breaks a rule fails the whole run.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from salver.net.crew import Crew, CrewSettings
from salver.net.poller import READ
from tests.net.interleaving import Managed, Schedule, Threading

TRACED = tuple(f"salver/net/{name}.py" for name in ("crew", "rounds", "roster", "overseer", "poll_set", "errands"))
BLOCK = 0.03  # virtual seconds


@dataclass
class Item:
    """Something sent to a member, and how it ended."""

    action: str
    ended: list[str] = field(default_factory=list)


class World:
    """The descriptors, what has arrived at them, the poller, and the crew."""

    def __init__(
        self, schedule: Schedule, settings: CrewSettings, on_tick: Callable[[float], None] | None = None
    ) -> None:
        self.schedule = schedule
        self.items: list[Item] = []
        self.pending: dict[int, list[Item]] = {}
        self.poller = ModelPoller(self)
        self.settings = settings
        self.crew = Crew(self.poller, settings, clock=lambda: schedule.now, on_tick=on_tick)
        self.deadline_calls = 0

    def open(self, fd: int) -> ModelMember:
        self.pending[fd] = []
        return ModelMember(self, fd)

    def send(self, fd: int, action: str) -> None:
        """As a client: something arrives, if the connection is open."""
        item = Item(action)
        self.items.append(item)
        if fd in self.pending:
            self.pending[fd].append(item)
        else:
            item.ended.append("closed")

    def closed(self, fd: int) -> None:
        """As the kernel: whatever was in the buffers is gone, and the poll set forgets."""
        for item in self.pending.pop(fd):
            item.ended.append("closed")
        self.poller.watched.pop(fd, None)

    def settled(self) -> bool:
        return all(item.ended for item in self.items)

    def check_threads(self) -> None:
        most = self.settings.max_threads + self.settings.reserve
        self.schedule.check(self.crew.threads <= most, "more threads than allowed")
        self.schedule.check(self.crew.waiting <= self.settings.queue, "more waits than allowed")


class ModelPoller:
    """Level-triggered, with epoll's errors. Notices when two threads poll at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.watched: dict[int, int] = {}
        self.polling = 0
        self.woken = False
        self.is_closed = False
        self.reported: list[list[int]] = []

    def add(self, fd: int, mask: int, exclusive: bool = False) -> None:
        if fd not in self.world.pending:
            raise OSError(errno.EBADF, "closed")
        if fd in self.watched:
            raise FileExistsError(errno.EEXIST, "watched already")
        self.watched[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        if fd not in self.watched:
            raise FileNotFoundError(errno.ENOENT, "not watched")
        self.watched[fd] = mask

    def remove(self, fd: int) -> None:
        if fd not in self.watched:
            raise FileNotFoundError(errno.ENOENT, "not watched")
        del self.watched[fd]

    def _ready(self) -> list[tuple[int, int]]:
        pending = self.world.pending
        return [(fd, READ) for fd, mask in self.watched.items() if mask & READ and pending.get(fd)]

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        self.world.schedule.check(not self.polling, "two threads poll")
        self.world.schedule.check(not self.is_closed, "polling goes on after the end")
        self.polling += 1
        self.world.schedule.block(lambda: self.woken or bool(self._ready()), timeout)
        self.woken = False
        self.polling -= 1
        events = self._ready()
        for fd, _ in events:
            member = self.world.crew.members.get(fd)
            self.world.schedule.check(member is None or not member.detached, "a detached member is in the poll set")
        return events

    def wake(self) -> None:
        self.woken = True

    def close(self) -> None:
        self.is_closed = True


class ModelMember:
    """Does what the items that arrive tell it to."""

    def __init__(self, world: World, fd: int) -> None:
        self.world = world
        self.fd = fd
        self.interest = READ
        self.detached = False
        self.deadline = math.inf
        self.inside: Managed | None = None
        self.due: list[Item] = []
        self.rescues: list[bool] = []

    @contextmanager
    def served(self) -> Iterator[None]:
        schedule = self.world.schedule
        schedule.check(self.inside is None, "two threads in one member")
        schedule.check(self.fd >= 0, "a closed member is called")
        self.inside = schedule.me()
        try:
            schedule.switch()
            yield
            schedule.switch()
        finally:
            self.inside = None

    def on_ready(self) -> None:
        with self.served():
            for _ in range(2):
                pending = self.world.pending.get(self.fd)
                if not pending or not self.interest:
                    return
                if self._do(pending.pop(0)) == "leave":
                    return

    def _do(self, item: Item) -> str | None:
        action: Callable[[Item], str | None] = getattr(self, f"do_{item.action}")
        return action(item)

    def do_fast(self, item: Item) -> None:
        item.ended.append("handled")

    def do_slow(self, item: Item) -> None:
        self.world.check_threads()
        self.world.schedule.sleep(BLOCK)
        item.ended.append("handled")

    def do_stuck(self, item: Item) -> None:
        self.world.schedule.sleep(1.0)
        item.ended.append("handled")

    def do_hand(self, item: Item) -> str | None:
        crew = self.world.crew
        if crew.hand_over():
            serial = self.world.settings.max_threads == 1
            self.world.schedule.check(serial or crew._stopping or not self._leads(), "still leads after a hand-over")
            self.do_slow(item)
            return None
        if not crew.defer(self, lambda: self._deferred(item)):
            item.ended.append("refused")
            return None
        return "leave"

    def _leads(self) -> bool:
        term = self.world.crew._term
        return term is not None and term.ident == self.world.schedule.me().ident and not term.deposed

    def _deferred(self, item: Item) -> None:
        self.world.check_threads()
        if self.inside is self.world.schedule.me():  # deposed before it could defer: it does the work itself
            self.do_slow(item)
            return
        with self.served():
            self.world.schedule.check(self.detached, "deferred work on a member that is polled")
            self.do_slow(item)

    def do_raise(self, item: Item) -> None:
        item.ended.append("handled")
        raise ValueError("as planned")

    def do_close(self, item: Item) -> str:
        item.ended.append("handled")
        self.close()
        return "leave"

    def do_reopen(self, item: Item) -> str:
        """The descriptor is closed, and reused at once by another connection."""
        fd = self.fd
        self.do_close(item)
        self.world.crew.add(self.world.open(fd))
        return "leave"

    def do_spawn(self, item: Item) -> None:
        """As a listener: another connection."""
        fd = max(self.world.pending) + 1
        member = self.world.open(fd)
        self.world.send(fd, "fast")
        self.world.crew.add(member)
        item.ended.append("handled")

    def do_accept(self, item: Item) -> None:
        """As a listener whose clients come with a request, of any kind, and stay or go."""
        fd = max(self.world.pending) + 1
        member = self.world.open(fd)
        for action in ("slow", "hand", "fast")[fd % 3 :]:
            self.world.send(fd, action)
        if fd % 4 == 0:
            self.world.send(fd, "close")
        member.interest = 0
        self.world.crew.welcome(member, member.begin)
        item.ended.append("handled")

    def begin(self) -> None:
        """The first call of one that was accepted."""
        with self.served():
            schedule = self.world.schedule
            schedule.check(self.fd not in self.world.poller.watched, "watched before its first call")
            pending = self.world.pending[self.fd]
            left = bool(pending) and self._do(pending.pop(0)) == "leave"
            if self.fd >= 0:
                self.world.crew.watch(self, READ)
            schedule.check(not left or self.fd < 0 or self.detached, "served by another thread, and watched")

    def do_pause(self, item: Item) -> str:
        """Wait for nothing, until a function that the leader runs says otherwise."""
        self.world.crew.set_interest(self, 0)
        self.world.crew.call_soon(lambda: self._resume(item), self)
        return "leave"

    def _resume(self, item: Item) -> None:
        with self.served():
            self.world.crew.set_interest(self, READ)
            item.ended.append("handled")

    def do_errand(self, item: Item) -> None:
        def errand() -> None:
            with self.served():
                self._do(Item("hand", item.ended))

        self.due.append(item)
        self.world.crew.call_soon(errand, self)

    def do_deadline(self, item: Item) -> None:
        self.due.append(item)
        self.deadline = self.world.crew.now + 0.5

    def on_deadline(self, now: float) -> None:
        with self.served():
            self.world.schedule.check(self.deadline <= now, "called before its deadline")
            self.deadline = math.inf
            self.world.deadline_calls += 1
            for item in self.due:
                if not item.ended and item.action == "deadline":
                    item.ended.append("handled")

    def on_rescue(self, blocked: bool) -> None:
        self.rescues.append(blocked)

    def close(self) -> None:
        if self.fd >= 0:
            fd = self.fd
            self.world.crew.remove(self)
            self.world.schedule.switch()
            self.fd = -1
            self.world.closed(fd)
            for item in self.due:
                if not item.ended:
                    item.ended.append("closed")


def in_schedule(monkeypatch: pytest.MonkeyPatch, schedule: Schedule) -> None:
    """Let the crew's modules make their threads and locks in this schedule."""
    fake: Any = Threading(schedule)
    for name in ("crew", "rounds", "roster", "overseer", "poll_set", "terms"):
        monkeypatch.setattr(f"salver.net.{name}.threading", fake)
