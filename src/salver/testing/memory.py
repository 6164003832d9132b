"""A server without a socket and without a thread: whoever waits for its answer runs it.

`InMemoryServer(handler).connect()` is the client's end of a connection whose other end is the service's own, protocol,
limits, deadlines and all. The handler runs in the thread that calls `recv`, so that what it raises, prints or stops at
is where the test is; an iterable body is pulled a piece at a time, as the client asks for more. Each connection has a
crew and a context of its own, and two of them may be used by two threads.

What a handler cannot have here is a client that goes on sending while it runs: a body that is streamed must have been
sent before its answer is waited for. This file does not know requests and responses; it moves bytes.
"""

from __future__ import annotations

import sys
from typing import Protocol

from salver.handler import Handler
from salver.net.poller import READ, WRITE
from salver.net.stream import memory_pair
from salver.request import ClientAddress
from salver.service.settings import Settings
from salver.testing.service_side import MemoryConnection, MemoryContext, MemoryCrew, ServerEnd

_FILENOS = (1_000_001, 1_000_002)  # no descriptors, but what the service keeps its connections by


class Link(Protocol):
    """The client's end of a connection. Used by one thread at a time."""

    @property
    def failures(self) -> list[BaseException]:
        """What handlers have raised on this connection, whose client was told a 500, or a reset. Whoever raises one of
        them takes it out."""

    @property
    def is_open(self) -> bool:
        """The server will take another request, and that is certain."""

    def send(self, data: bytes, /) -> None:
        """Send all of `data`. Raises ConnectionError where the server has closed."""

    def recv(self, size: int, /) -> bytes:
        """At least one byte and at most `size`, as soon as the server has sent some; b"" where it has sent its last.
        Raises ConnectionError for a reset."""

    def settle(self) -> None:
        """Let the server do what it does behind an answer that has been read: close a body, end a connection."""

    def close(self) -> None:
        """Leave; idempotent. What of a response was not read is let go of by the server before this returns."""


class InMemoryServer:
    """A handler as a server in memory. Immutable; `connect` may be called from any thread."""

    def __init__(self, handler: Handler, *, settings: Settings | None = None, logs_failures: bool = True) -> None:
        """`settings`: a server's; those of its listeners, its threads and its log concern nothing here.
        `logs_failures` False: who connects looks at `Link.failures`, and the log need not show them as well."""
        self._handler = handler
        self._settings = settings or Settings()
        self._logs_failures = logs_failures

    def connect(self, client: tuple[str, int] = ("127.0.0.1", 50_000), *, scheme: str = "http") -> MemoryLink:
        """A new connection from the address `client`; with "https" as its `scheme` the service takes it for one that
        TLS has decrypted. The caller closes it."""
        crew = MemoryCrew()
        context = MemoryContext(self._handler, self._settings, crew, scheme, logs_failures=self._logs_failures)
        return MemoryLink(context, crew, ClientAddress(*client))


class MemoryLink:
    """A `Link` that runs its server: in `recv` until there is something to read, in `settle` until nothing is left to
    do. What is no Exception and was raised by a handler (KeyboardInterrupt, a test's own end) passes through both."""

    __slots__ = ("_connection", "_crew", "_far", "_near", "failures")

    def __init__(self, context: MemoryContext, crew: MemoryCrew, client: ClientAddress) -> None:
        self._near, far = memory_pair(sys.maxsize, filenos=_FILENOS)
        self._far = ServerEnd(far)
        self._crew = crew
        self.failures = context.failures
        self._connection = MemoryConnection(self._far, client, context)
        self._crew.add(self._connection)

    @property
    def is_open(self) -> bool:
        return self._connection.fd >= 0

    def send(self, data: bytes, /) -> None:
        if data:
            self._near.send(data)

    def recv(self, size: int, /) -> bytes:
        while not self._near.readable:
            if not self._step():
                self._crew.wait()
        return self._near.recv(size)

    def settle(self) -> None:
        while self._step():
            pass

    def close(self) -> None:
        self._near.close()
        self.settle()

    def _step(self) -> bool:
        """One event on the server's side; False where there is none."""
        connection = self._connection
        happened = self._crew.run_errand()
        if not happened and connection.fd >= 0:
            interest = connection.interest
            happened = bool(interest & WRITE) or bool(interest & READ and self._far.readable)
            if happened:
                connection.on_ready()
        if self.failures and not isinstance(self.failures[-1], Exception):
            raise self.failures.pop()
        return happened
