"""The connections of one client: the pool's decisions carried out, by many threads.

The lock is held for decisions alone, never while something connects, is closed or is sent. A connection is looked at
before it is used again: one that the server has closed meanwhile, or has spoken on, is not used. After a fork, the
child begins with a pool of its own: two processes on one connection would read each other's responses.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Hashable, Iterable
from functools import cache
from typing import NamedTuple, Protocol

from salver.client.errors import ClientError, ConnectTimedOut, PoolTimedOut, TotalTimedOut
from salver.client.link import Link
from salver.client.pool import Pool, PoolLimits
from salver.client.timeouts import Deadline
from salver.client.url import Origin
from salver.client.wire import Wire
from salver.protocol.heads import ResponseHead

_KEEP_ALIVE_TIMEOUT = re.compile(r"(?:^|,)[ \t]*timeout=([0-9]{1,6})", re.IGNORECASE)
_SAFETY = 1.0  # seconds that a connection is given up before the server says it will close it


class Route(NamedTuple):
    """Whom to connect to, and by which way: `proxy` is the URL of one, "" for none."""

    origin: Origin
    proxy: str = ""


class Transport(Protocol):
    """Where connections come from. Used by several threads."""

    def connect(self, route: Route, deadline: Deadline) -> Wire:
        """A new connection for requests to `route.origin`, TLS included. Raises `ConnectFailed`, `TimedOut`."""

    def close(self) -> None:
        """Nothing more will be connected."""


class Connections:
    """Safe to use from several threads. `closed` ones open nothing any more.

    Who finds no place waits in a queue, and each place that becomes free wakes the first who can use it: not any
    waiter, who might want another origin and leave the place to nobody.
    """

    def __init__(self, transport: Transport, limits: PoolLimits) -> None:
        self._transport = transport
        self._limits = limits
        self._lock = threading.Lock()
        self._queue: deque[_Waiter] = deque()
        self._abandoned: deque[Hashable] = deque()
        self._pool: Pool[Link] = Pool(limits)
        self._forks = _forks()
        self._generation = self._forks.count
        self._closed = False

    def take(self, route: Route, deadline: Deadline) -> Link:
        """A connection for one exchange; the caller gives it back, or discards it. Raises `ConnectFailed`,
        `TimedOut`."""
        if self._generation != self._forks.count:
            self._begin_anew()
        end: float | None = None  # of the waiting for a place, from its beginning
        while True:
            with self._lock:
                link, closing = self._pool.take(route, time.monotonic())
            if closing:
                self._close(closing)
            if link is None:
                waiter = self._reserve(route)
                if waiter is None:
                    return self._open(route, deadline)
                end = end or _end(deadline)
                self._wait(waiter, end, deadline)
            elif link.is_stale:
                self.discard(link)
            else:
                return link

    def _reserve(self, route: Route) -> _Waiter | None:
        """None where a place has been taken for a new connection, else our place in the queue: of the same moment, so
        that nothing that becomes free in between is missed."""
        with self._lock:
            if self._closed:
                raise ClientError("the client is closed; make another one")
            if self._pool.has_idle(route):  # given back since we looked
                waiter = _Waiter(route)
                waiter.woken.set()
                return waiter
            may, closing = self._pool.may_open(route)
            if not may:
                self._queue.append(waiter := _Waiter(route))
                return waiter
        self._close(closing)
        return None

    def _wait(self, waiter: _Waiter, end: float | None, deadline: Deadline) -> None:
        try:
            self._settle_abandoned()  # what was abandoned while we held the lock has woken nobody
            waiter.woken.wait(None if end is None else max(0.0, end - time.monotonic()))
        except BaseException:
            self._leave(waiter, wakes_another=True)
            raise
        if not waiter.woken.is_set() and self._leave(waiter, wakes_another=False):
            raise _waited_too_long(deadline)

    def _leave(self, waiter: _Waiter, *, wakes_another: bool) -> bool:
        """Out of the queue; False where it was woken already, and then what woke it is for the next."""
        with self._lock:
            if waiter in self._queue:
                self._queue.remove(waiter)
                return True
            if wakes_another:
                self._wake()
            return False

    def _wake(self) -> None:
        """A place may be free: the first who can have it is to look. The lock is held."""
        for waiter in self._queue:
            if self._pool.has_room(waiter.key):
                self._queue.remove(waiter)
                waiter.woken.set()
                return

    def _open(self, route: Route, deadline: Deadline) -> Link:
        """A new connection, for which the pool has counted one."""
        pool = self._pool
        try:
            link = Link(self._transport.connect(route, deadline), route)
        except BaseException as error:
            self._drop(route)
            if isinstance(error, ConnectTimedOut) and deadline.is_over:
                raise TotalTimedOut(f"the exchange took more than {deadline.timeout.total} s") from error
            raise
        link.owner = pool
        return link

    def give_back(self, link: Link, head: ResponseHead) -> None:
        """The exchange is over; the connection is kept where it may be used again. `head`: of the response."""
        if not link.is_reusable or not self._owns(link):
            self.discard(link)
            return
        seconds = _hint(head)
        with self._lock:
            if self._closed:
                seconds = 0.0
            closing = self._pool.give_back(link, time.monotonic(), seconds)
            if self._queue:
                self._wake()
        if closing or self._abandoned:
            self._close(closing)

    def discard(self, link: Link) -> None:
        """It is not to be used again."""
        link.close()
        if self._owns(link):
            self._drop(link.key)

    def abandon(self, link: Link) -> None:
        """As `discard`, for a `__del__`: that may run in the middle of any of these methods, so it waits for no lock.
        Whoever holds the lock does the rest when it has let go of it."""
        link.close()
        if self._owns(link):
            self._abandoned.append(link.key)
            self._settle_abandoned()

    def _owns(self, link: Link) -> bool:
        """It is of this process: a stream of the parent's has no place in a child's pool."""
        return link.owner is self._pool and self._generation == self._forks.count

    def _settle_abandoned(self) -> None:
        while self._abandoned and self._lock.acquire(blocking=False):
            try:
                self._pool.drop_key(self._abandoned.popleft())
                self._wake()
            except IndexError:  # another thread was faster
                pass
            finally:
                self._lock.release()

    def _drop(self, key: Hashable) -> None:
        with self._lock:
            self._pool.drop_key(key)
            if self._queue:
                self._wake()
        self._settle_abandoned()

    def _close(self, links: Iterable[Link]) -> None:
        """What a decision has taken out of the pool, outside the lock."""
        for each in links:
            each.close()
        self._settle_abandoned()

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it is given back."""
        if self._generation != self._forks.count:
            self._begin_anew()  # the lock may have been held by a thread that the child has not
        with self._lock:
            self._closed = True
            closing = self._pool.clear()
            waiting = list(self._queue)
            self._queue.clear()
        for waiter in waiting:
            waiter.woken.set()
        self._close(closing)
        self._transport.close()

    def _begin_anew(self) -> None:
        """In a child process: the parent's connections are not ours; our copies of their descriptors are closed."""
        inherited = self._pool
        self._lock = threading.Lock()
        self._queue, self._abandoned = deque(), deque()
        self._pool, self._generation = Pool(self._limits), self._forks.count
        for each in inherited.clear():
            each.close()


class _Forks:
    """How many forks lie between the first process and this one: what `getpid` would tell, without a system call for
    each request."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def happened(self) -> None:
        self.count += 1


@cache
def _forks() -> _Forks:
    """The one counter, made with the first client: what is registered for forks stays so."""
    forks = _Forks()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forks.happened)
    return forks


class _Waiter:
    """A thread that waits for a place."""

    __slots__ = ("key", "woken")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.woken = threading.Event()


def _end(deadline: Deadline) -> float | None:
    seconds = deadline.within(deadline.timeout.pool)
    return None if seconds is None else time.monotonic() + seconds


def _hint(head: ResponseHead) -> float | None:
    """Seconds that the server says it keeps an idle connection (RFC 2068 §19.7.1.1, as all servers still do)."""
    if b"timeout=" not in head.section.raw.lower():
        return None
    matched = _KEEP_ALIVE_TIMEOUT.search(head.headers.get("keep-alive", ""))
    return None if matched is None else max(0.0, float(matched[1]) - _SAFETY)


def _waited_too_long(deadline: Deadline) -> ClientError:
    if deadline.is_over:
        return TotalTimedOut(f"the exchange took more than {deadline.timeout.total} s")
    return PoolTimedOut("every connection that the limits allow is in use; close responses that are streamed")
