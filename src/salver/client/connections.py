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
from typing import NamedTuple, Protocol

from salver.client.errors import ClientError, PoolTimedOut, TotalTimedOut
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
    """Safe to use from several threads. `closed` ones open nothing any more."""

    def __init__(self, transport: Transport, limits: PoolLimits) -> None:
        self._transport = transport
        self._limits = limits
        self._changed = threading.Condition(threading.Lock())
        self._waiting = 0
        self._pool: Pool[Link] = Pool(limits)
        self._process = os.getpid()
        self._closed = False

    def take(self, route: Route, deadline: Deadline) -> Link:
        """A connection for one exchange; the caller gives it back, or discards it. Raises `ConnectFailed`,
        `TimedOut`."""
        if self._process != os.getpid():
            self._begin_anew()
        while True:
            with self._changed:
                link, closing = self._pool.take(route, time.monotonic())
            for each in closing:
                each.close()
            if link is None:
                if self._may_open(route, deadline):
                    return self.open(route, deadline)
            elif link.is_stale:
                self.discard(link)
            else:
                return link

    def _may_open(self, route: Route, deadline: Deadline) -> bool:
        """True where a place has been taken for a new connection; False where an idle one may be there now."""
        end = deadline.within(deadline.timeout.pool)
        with self._changed:
            if self._closed:
                raise ClientError("the client is closed; make another one")
            may, closing = self._pool.may_open(route)
            if not may:
                self._waiting += 1
                try:
                    if not self._changed.wait(end):
                        raise _waited_too_long(deadline)
                finally:
                    self._waiting -= 1
        for each in closing:
            each.close()
        return may

    def open(self, route: Route, deadline: Deadline) -> Link:
        """A new connection, for which the pool has counted one."""
        try:
            return Link(self._transport.connect(route, deadline), route)
        except BaseException:
            self._drop(route)
            raise

    def give_back(self, link: Link, head: ResponseHead) -> None:
        """The exchange is over; the connection is kept where it may be used again. `head`: of the response."""
        if not link.is_reusable or self._process != os.getpid():
            self.discard(link)
            return
        seconds = _hint(head)
        with self._changed:
            if self._closed:
                seconds = 0.0
            closing = self._pool.give_back(link, time.monotonic(), seconds)
            if self._waiting:
                self._changed.notify()
        for each in closing:
            each.close()

    def discard(self, link: Link) -> None:
        """It is not to be used again."""
        link.close()
        if self._process == os.getpid():
            self._drop(link.key)

    def _drop(self, key: object) -> None:
        with self._changed:
            self._pool.drop_key(key)
            if self._waiting:
                self._changed.notify()

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it is given back."""
        with self._changed:
            self._closed = True
            closing = self._pool.clear()
            self._changed.notify_all()
        for each in closing:
            each.close()
        self._transport.close()

    def _begin_anew(self) -> None:
        """In a child process: the parent's connections are not ours; our copies of their descriptors are closed."""
        inherited = self._pool
        self._changed = threading.Condition(threading.Lock())
        self._pool, self._process, self._waiting = Pool(self._limits), os.getpid(), 0
        for each in inherited.clear():
            each.close()


def _hint(head: ResponseHead) -> float | None:
    """Seconds that the server says it keeps an idle connection (RFC 2068 §19.7.1.1, as all servers still do)."""
    if b"eep-" not in head.section.raw:  # Keep-Alive, spelt as it may be
        return None
    matched = _KEEP_ALIVE_TIMEOUT.search(head.headers.get("keep-alive", ""))
    return None if matched is None else max(0.0, float(matched[1]) - _SAFETY)


def _waited_too_long(deadline: Deadline) -> ClientError:
    if deadline.is_over:
        return TotalTimedOut(f"the exchange took more than {deadline.timeout.total} s")
    return PoolTimedOut("every connection that the limits allow is in use; close responses that are streamed")
