"""Readiness of file descriptors: one narrow interface, two implementations, chosen by name.

Level-triggered on purpose: what a leader could not look at any more (it was replaced in the middle of its batch) is
reported again to the next one, so no event needs to be carried from thread to thread. The rejected way, edge-triggered
polling, saves `epoll_ctl` calls that we do not make anyway and loses events exactly there.

Registering and removing is allowed from any thread while another one polls; polling itself is one thread's at a time.
This file does not know what a descriptor belongs to, and it never closes one that it was given.
"""

from __future__ import annotations

import errno
import os
import select
import selectors
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["READ", "WRITE", "EpollPoller", "Poller", "SelectorsPoller", "make_poller"]

READ = 1
"""Interest in, or readiness for, reading. The bit is epoll's EPOLLIN."""
WRITE = 4
"""Interest in, or readiness for, writing. The bit is epoll's EPOLLOUT."""

# More than this in one batch would make the last of them wait behind all the others; fewer costs more system calls.
BATCH = 256

_BOTH = READ | WRITE


class Poller(Protocol):
    """What the crew needs to know about readiness. All methods but `poll` and `close` may be called from any thread."""

    def add(self, fd: int, mask: int, exclusive: bool = False) -> None:
        """Watch `fd` for the bits of `mask`.

        `exclusive` asks that of several processes that watch the same listening socket only one is woken
        (EPOLLEXCLUSIVE); where that does not exist it is ignored. Raises FileExistsError when `fd` is watched
        already, OSError when it is closed or cannot be watched.
        """

    def modify(self, fd: int, mask: int) -> None:
        """Watch `fd` for other bits. Raises FileNotFoundError when it is not watched, OSError when it is closed."""

    def remove(self, fd: int) -> None:
        """Watch `fd` no longer. Raises FileNotFoundError when it was not watched, OSError when it is closed."""

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """What is ready, as `(fd, mask)`; empty after `timeout` seconds (None: never) or when woken.

        An error or a hang-up is reported as READ|WRITE, so that whoever waits for either finds it out.
        """

    def wake(self) -> None:
        """Make the `poll` under way, or else the next one, return now. From any thread and from signal handlers."""

    def close(self) -> None:
        """Give up the poller's own descriptors; idempotent. Nobody may be polling."""


class _Bell:
    """A descriptor that becomes readable when rung, and how often it was rung and not yet heard.

    `rings` gets its entry before the descriptor is written, and `hear` takes out as many entries as it read. So
    `rings` is never empty while the descriptor is readable: the poller tells with one look at a deque whether it must
    search its batch for the bell, and needs no lock, which a signal handler could find held by its own thread.
    """

    __slots__ = ("_read_fd", "_write_fd", "rings")

    def __init__(self) -> None:
        self.rings: deque[None] = deque()
        if hasattr(os, "eventfd"):
            self._read_fd = self._write_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._read_fd, self._write_fd = os.pipe()
            os.set_blocking(self._read_fd, False)
            os.set_blocking(self._write_fd, False)

    def fileno(self) -> int:
        return self._read_fd

    def ring(self) -> None:
        self.rings.append(None)
        try:
            os.write(self._write_fd, _ONE if self._read_fd == self._write_fd else b"\0")
        except OSError:  # a full pipe wakes as well; a closed bell has nobody to wake
            self.rings.pop()

    def hear(self) -> None:
        try:
            data = os.read(self._read_fd, 4096)
        except OSError:
            return
        heard = int.from_bytes(data, _ORDER) if self._read_fd == self._write_fd else len(data)
        for _ in range(heard):
            self.rings.pop()

    def close(self) -> None:
        for fd in {self._read_fd, self._write_fd} - {-1}:
            os.close(fd)
        self._read_fd = self._write_fd = -1


_ORDER = sys.byteorder
_ONE = (1).to_bytes(8, _ORDER)


class EpollPoller:
    """Linux: `epoll`, the bits passed through, so that a batch costs one call and no conversion."""

    __slots__ = ("_bell", "_epoll", "_exclusive", "_poll")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._poll = self._epoll.poll
        self._exclusive: set[int] = set()
        self._bell = _Bell()
        self._epoll.register(self._bell.fileno(), READ)

    def add(self, fd: int, mask: int, exclusive: bool = False) -> None:
        try:
            self._epoll.register(fd, mask | select.EPOLLEXCLUSIVE if exclusive else mask)
        except ValueError as error:  # a negative descriptor, or we are closed
            raise OSError(errno.EBADF, str(error)) from None
        if exclusive:
            self._exclusive.add(fd)

    def modify(self, fd: int, mask: int) -> None:
        if fd in self._exclusive:  # epoll_ctl(2): EPOLL_CTL_MOD on an exclusive descriptor is EINVAL
            self.remove(fd)
            self.add(fd, mask, exclusive=True)
            return
        try:
            self._epoll.modify(fd, mask)
        except ValueError as error:
            raise OSError(errno.EBADF, str(error)) from None

    def remove(self, fd: int) -> None:
        self._exclusive.discard(fd)
        try:
            self._epoll.unregister(fd)
        except ValueError as error:
            raise OSError(errno.EBADF, str(error)) from None

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        events = self._poll(timeout, BATCH)
        if self._bell.rings:
            events = self._without_bell(events)
        for _, mask in events:
            if mask > _BOTH:  # EPOLLERR, EPOLLHUP and everything else that we never asked for
                return [(fd, mask if mask <= _BOTH else _BOTH) for fd, mask in events]
        return events

    def _without_bell(self, events: list[tuple[int, int]]) -> list[tuple[int, int]]:
        bell = self._bell.fileno()
        others = [event for event in events if event[0] != bell]
        if len(others) < len(events):
            self._bell.hear()
        return others

    def wake(self) -> None:
        self._bell.ring()

    def close(self) -> None:
        self._epoll.close()
        self._bell.close()


class SelectorsPoller:
    """Everywhere else: the standard library's `selectors`, made safe to change from other threads.

    `select` and `poll` look at a copy of the set that was taken when they began; so a change from another thread wakes
    the polling one, which then begins again with the new set.
    """

    __slots__ = ("_bell", "_closed", "_lock", "_polling", "_selector")

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._selector = selector if selector is not None else selectors.DefaultSelector()
        self._lock = threading.RLock()
        self._polling = 0
        self._closed = False
        self._bell = _Bell()
        self._selector.register(self._bell.fileno(), selectors.EVENT_READ)

    def add(self, fd: int, mask: int, exclusive: bool = False) -> None:
        with self._changing(fd):
            if fd in self._selector.get_map():
                raise FileExistsError(errno.EEXIST, f"descriptor {fd} is watched already")
            self._selector.register(fd, _to_selectors(mask))

    def modify(self, fd: int, mask: int) -> None:
        with self._changing(fd):
            self._selector.modify(fd, _to_selectors(mask))

    def remove(self, fd: int) -> None:
        with self._changing(fd):
            self._selector.unregister(fd)

    @contextmanager
    def _changing(self, fd: int) -> Iterator[None]:
        """Under the lock, with `selectors`' errors made those of the interface, and the polling thread told."""
        with self._lock:
            if self._closed:
                raise OSError(errno.EBADF, "the poller is closed")
            try:
                yield
            except KeyError:
                raise FileNotFoundError(errno.ENOENT, f"descriptor {fd} is not watched") from None
            except ValueError as error:  # a negative number
                raise OSError(errno.EBADF, str(error)) from None
        if self._polling and self._polling != threading.get_ident():
            self._bell.ring()

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        self._polling = threading.get_ident()
        try:
            ready = self._selector.select(timeout)
        except OSError:
            self._prune()
            ready = []
        finally:
            self._polling = 0
        bell = self._bell.fileno()
        events = [(key.fd, _from_selectors(mask)) for key, mask in ready if key.fd != bell]
        if len(events) < len(ready):
            self._bell.hear()
        return events

    def _prune(self) -> None:
        """Forget descriptors that were closed while watched: `select` fails as a whole because of a single one."""
        with self._lock:
            watched = [] if self._closed else list(self._selector.get_map().values())
            closed = [key.fd for key in watched if not _is_open(key.fd)]
            for fd in closed:
                self._selector.unregister(fd)
        if not closed:
            raise OSError(errno.EBADF, "polling failed, and no closed descriptor is to blame")

    def wake(self) -> None:
        self._bell.ring()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._selector.close()
            self._bell.close()


def _to_selectors(mask: int) -> int:
    return (selectors.EVENT_READ if mask & READ else 0) | (selectors.EVENT_WRITE if mask & WRITE else 0)


def _from_selectors(mask: int) -> int:
    return (READ if mask & selectors.EVENT_READ else 0) | (WRITE if mask & selectors.EVENT_WRITE else 0)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def make_poller(kind: str = "auto") -> Poller:
    """A poller of the given kind: "epoll", "selectors", or "auto" for the best one here.

    The caller owns it and closes it. Raises ValueError for another kind, or "epoll" where there is none.
    """
    has_epoll = hasattr(select, "epoll")
    if kind == "selectors" or (kind == "auto" and not has_epoll):
        return SelectorsPoller()
    if kind in ("auto", "epoll") and has_epoll:
        return EpollPoller()
    raise ValueError(f'no poller {kind!r} here: use "auto" or "selectors"')
