"""From a host and a port to a connected socket: the name looked up, both families tried, the first one taken.

RFC 8305, Happy Eyeballs: the addresses are sorted by family in turn, and the next attempt begins when the last has
had a quarter of a second, or has failed; whichever connects first wins, the others are closed. All attempts are
non-blocking sockets under one poll in the caller's thread. Only the look-up itself, which the system offers as a
blocking call alone, runs in a thread of its own, so that a name server which says nothing costs no more than the time
allowed. This file knows no TLS and no HTTP.
"""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from salver.client.errors import ConnectFailed, ConnectTimedOut, NameNotFound
from salver.semantics.addresses import is_loopback_name

_HEAD_START = 0.25  # seconds: RFC 8305 §5, Connection Attempt Delay
_UNDER_WAY = frozenset((0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EAGAIN)))


class Target(NamedTuple):
    """One address to try."""

    family: int
    address: Any


Lookup = Callable[[str, int], Sequence[Target]]


def system_lookup(host: str, port: int) -> Sequence[Target]:
    """The addresses of `host`, as the system's resolver sorts them. Blocks. Raises OSError.

    A name of the loopback is never asked for (RFC 6761 §6.3): what a name server says of `app.localhost` may be any
    address, and cookies that go over TLS alone go there, too.
    """
    if is_loopback_name(host):
        return [Target(socket.AF_INET6, ("::1", port, 0, 0)), Target(socket.AF_INET, ("127.0.0.1", port))]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Target(family, address) for family, _, _, _, address in found]


class Dialler:
    """Opens TCP connections. Safe to use from several threads."""

    def __init__(
        self, lookup: Lookup = system_lookup, *, local_address: str | None = None, head_start: float = _HEAD_START
    ) -> None:
        """`lookup` stands in for the system's resolver. `local_address`: the one to connect from."""
        self._lookup = lookup
        self._local = local_address
        self._head_start = head_start

    def connect(self, host: str, port: int, seconds: float | None) -> socket.socket:
        """A connected socket, blocking, with TCP_NODELAY. Raises `NameNotFound`, `ConnectFailed`, `ConnectTimedOut`."""
        end = None if seconds is None else time.monotonic() + seconds
        targets = alternating(self._addresses(host, port, end))
        if not targets:
            raise NameNotFound(f"the name {host} has no address")
        sock = self._race(targets, f"{host} port {port}", end)
        sock.setblocking(True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _addresses(self, host: str, port: int, end: float | None) -> Sequence[Target]:
        literal = _literal(host, port)
        if literal is not None:
            return [literal]
        results: queue.SimpleQueue[Sequence[Target] | OSError | UnicodeError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                results.put(self._lookup(host, port))
            except (OSError, UnicodeError) as error:
                results.put(error)

        try:
            threading.Thread(target=look_up, name="salver-lookup", daemon=True).start()
        except RuntimeError:  # none can be had: while the interpreter ends (3.12), or past a limit of the system's
            look_up()
        try:
            found = results.get(timeout=None if end is None else max(0.001, end - time.monotonic()))
        except queue.Empty:
            raise ConnectTimedOut(f"no name server answered for {host} in time") from None
        if isinstance(found, (OSError, UnicodeError)):
            reason = found.strerror if isinstance(found, OSError) and found.strerror else str(found)
            raise NameNotFound(f"cannot find the host {host}: {reason}; is the name right, and is there a network?")
        return found

    def _race(self, targets: Sequence[Target], whom: str, end: float | None) -> socket.socket:
        with selectors.DefaultSelector() as selector:
            race = _Race(selector, list(targets), self._local)
            try:
                return self._run(race, whom, end)
            finally:
                race.close()

    def _run(self, race: _Race, whom: str, end: float | None) -> socket.socket:
        next_turn = 0.0
        while True:
            now = time.monotonic()
            if race.waiting and (now >= next_turn or not race.running):
                next_turn = now + self._head_start
                winner = race.begin_next()
            elif not race.running:
                raise ConnectFailed(f"cannot connect to {whom}: {race.reason}; does a server listen there?")
            elif end is not None and now >= end:
                raise ConnectTimedOut(f"{whom} did not answer in time")
            else:
                limits = [each - now for each in (end, next_turn if race.waiting else None) if each is not None]
                winner = race.wait(min(limits, default=None))
            if winner is not None:
                return winner


class _Race:
    """The attempts of one connection. The winner's socket is the caller's; `close` ends all others."""

    def __init__(self, selector: selectors.BaseSelector, targets: list[Target], local: str | None) -> None:
        self.waiting = targets
        self.reason = "there is no address to try"
        self._selector = selector
        self._local = local
        self._sockets: list[socket.socket] = []

    @property
    def running(self) -> bool:
        """At least one attempt is under way."""
        return bool(self._sockets)

    def begin_next(self) -> socket.socket | None:
        """Begin with the next address; the socket where it connects at once, as on loopback it may."""
        target = self.waiting.pop(0)
        try:
            sock = socket.socket(target.family, socket.SOCK_STREAM)
        except OSError as error:  # a family that this machine does not have, or no descriptor
            self._note(error)
            return None
        try:
            sock.setblocking(False)
            if self._local is not None:
                sock.bind((self._local, 0))
            status = sock.connect_ex(target.address)
        except OSError as error:
            self._note(error)
            sock.close()
            return None
        if status == 0:
            return sock
        if status not in _UNDER_WAY:
            self._note(OSError(status, os.strerror(status)))
            sock.close()
            return None
        self._sockets.append(sock)
        self._selector.register(sock, selectors.EVENT_WRITE)
        return None

    def wait(self, seconds: float | None) -> socket.socket | None:
        """The first attempt that has come through within `seconds`; those that have failed are closed."""
        for key, _ in self._selector.select(seconds):
            sock = key.fileobj
            if not isinstance(sock, socket.socket):
                continue
            self._selector.unregister(sock)
            self._sockets.remove(sock)
            status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not status:
                return sock
            self._note(OSError(status, os.strerror(status)))
            sock.close()
        return None

    def _note(self, error: OSError) -> None:
        self.reason = (error.strerror or str(error)).lower()

    def close(self) -> None:
        """End what has not won."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()


def connect_unix(path: str, seconds: float | None) -> socket.socket:
    """A connected Unix socket, blocking. Raises `ConnectFailed`, `ConnectTimedOut`."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect("\0" + path[1:] if path.startswith("@") else path)
    except OSError as error:
        sock.close()
        if isinstance(error, TimeoutError):
            raise ConnectTimedOut(f"the socket {path} did not answer in time") from None
        raise ConnectFailed(f"cannot connect to the socket {path}: {(error.strerror or str(error)).lower()}") from None
    sock.settimeout(None)
    return sock


def alternating(targets: Sequence[Target]) -> list[Target]:
    """The families in turn, beginning with the one that the system prefers (RFC 8305 §4)."""
    if not targets:
        return []
    first = [each for each in targets if each.family == targets[0].family]
    others = [each for each in targets if each.family != targets[0].family]
    mixed: list[Target] = []
    for index in range(max(len(first), len(others))):
        mixed += first[index : index + 1] + others[index : index + 1]
    return mixed


def _literal(host: str, port: int) -> Target | None:
    """An address written as one needs no look-up; one with a zone does."""
    if "%" in host:
        return None
    for family, address in ((socket.AF_INET, (host, port)), (socket.AF_INET6, (host, port, 0, 0))):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return Target(family, address)
    return None
