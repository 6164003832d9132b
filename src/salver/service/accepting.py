"""Listeners as members of the crew: new connections in, and a pause where there is no room for more.

A server out of descriptors must neither spin on a listener that stays readable nor lose it: accepting stops until a
connection is closed, or for half a second (what ran out may be somebody else's), and says so once. Connections wait
in the kernel meanwhile.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from salver.net.listener import Listener
from salver.net.poller import READ
from salver.request import ClientAddress
from salver.semantics.addresses import is_loopback
from salver.service.connection import HTTPConnection

if TYPE_CHECKING:
    from salver.net.stream import SocketStream
    from salver.service.context import Context

    Connect = Callable[[SocketStream, ClientAddress, Context], HTTPConnection]

logger = logging.getLogger("salver")

# Accepted in a row before others get their turn; and with several workers on one listener, what one takes at once.
_BATCH = 16
_PAUSE = 0.5  # seconds
_QUIET = 10.0  # seconds between two warnings of one kind

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"


class Acceptor:
    """One listener being accepted from. A member of the crew: used by the leader alone."""

    __slots__ = ("_capacity", "_connect", "_context", "_listener", "_warned", "deadline", "detached", "fd", "interest")

    def __init__(self, listener: Listener, context: Context, capacity: int, connect: Connect = HTTPConnection) -> None:
        """`capacity`: how many members the crew may have in all. `connect` makes a connection of an accepted stream."""
        self.fd = listener.fileno()
        self.interest = READ
        self.detached = False
        self.deadline = math.inf
        self._listener = listener
        self._context = context
        self._capacity = capacity
        self._connect = connect
        self._warned = -math.inf

    def on_ready(self) -> None:
        """Accept what is there, a batch at most."""
        self._accept_batch()

    def _accept_batch(self) -> bool:
        """False where nothing is left to accept, or no room for it."""
        for _ in range(_BATCH):
            if len(self._context.crew.members) >= self._capacity:
                self._pause("the limit of connections is reached")
                return False
            try:
                stream, peer = self._listener.accept()
            except BlockingIOError:
                return False
            except OSError as error:
                self._pause(f"{error.strerror or error} (raise the limit of open files: ulimit -n)")
                return False
            if not self._welcome(stream, ClientAddress(*peer)):
                return False
        return True

    def accept_the_rest(self) -> None:
        """Take what has connected, before the listener is closed: it was told that the server is up. And where several
        workers watch one listener, the one that was woken for a connection must not leave it to nobody."""
        for _ in range(self._context.limits.backlog // _BATCH + 1):
            if self.fd < 0 or not self.interest:
                return
            if not self._accept_batch():
                return

    def _welcome(self, stream: SocketStream, peer: ClientAddress) -> bool:
        """False where no connection can be made of it, for want of memory: no reason to stop listening."""
        context = self._context
        if not self._has_room_for(peer.host):
            self._turn_away(stream, peer.host)
            return True
        try:
            connection = self._connect(stream, peer, context)
        except OSError as error:  # OpenSSL's
            stream.close()
            self._pause(f"a connection cannot be made: {error.strerror or error}")
            return False
        context.count(peer.host, 1)
        connection.interest = 0  # until it is known whether there is anything to wait for
        context.crew.welcome(connection, partial(self._begin, connection))
        return True

    def _begin(self, connection: HTTPConnection) -> None:
        """The connection's first call. Nothing more can be watched (`fs.epoll.max_user_watches`) is no reason to stop
        listening."""
        try:
            connection.begin()
        except OSError as error:
            connection.close()
            self._pause(f"a connection cannot be watched: {error.strerror or error}")

    def _has_room_for(self, host: str) -> bool:
        most = self._context.limits.per_address
        return not most or self._context.per_address.get(host, 0) < most or _is_home(host)

    def _turn_away(self, stream: SocketStream, host: str) -> None:
        try:
            if self._context.scheme == "http":  # a handshake would cost what there is no room for
                stream.send(_BUSY)
                stream.shutdown_write()
                stream.recv(self._context.read_ahead)  # unread input would turn the close into a reset
        except BlockingIOError:
            pass
        except OSError as error:
            logger.debug("a connection past its address's limit went away: %s", error)
        stream.close()
        if self._context.access_log is not None:
            self._context.access_log.add(host, "", "", 1, 503, 0, 0.0, None)

    def _pause(self, reason: str) -> None:
        now = self._context.crew.now
        self._context.crew.set_interest(self, 0)
        if self._resume not in self._context.paused:
            self._context.paused.append(self._resume)
        self.deadline = now + _PAUSE
        if now - self._warned >= _QUIET:
            self._warned = now
            logger.warning("accepting pauses on %s: %s", self._listener.address, reason)

    def on_deadline(self, now: float) -> None:
        """The pause is over."""
        self._resume()

    def _resume(self) -> None:
        if self.fd >= 0:
            self.deadline = math.inf
            self._context.crew.set_interest(self, READ)

    def on_rescue(self, blocked: bool) -> None:
        """Nothing to learn: accepting does not block."""

    def close(self) -> None:
        """Stop listening; connections that were accepted go on."""
        if self.fd >= 0:
            self._context.crew.remove(self)
            self.fd = -1
            self._listener.close()


def _is_home(host: str) -> bool:
    """What is no one client: this computer, which has proxies and load tests on it, and whoever comes by a Unix
    socket."""
    return host == "unix:" or is_loopback(host)
