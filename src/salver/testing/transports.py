"""The client, `salver.client`, upon an application in the same process: redirects, cookies, codings, retries and all,
without a socket.

    with Client(transport=HandlerTransport(app), base_url="http://testserver") as client: ...

Every origin leads to the one application. A handler runs in the thread that waits for its response, and what it raises
is raised there. `TestClient` is the better one for tests of an application: it sends what a test has written as it is,
`/../` too, and leaves codings on; this is for programs that use a client, and for tests of those.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from salver.client.connections import Route
from salver.client.timeouts import Deadline
from salver.client.wire import Passed, Wire
from salver.gateway.wsgi import WSGI, WSGIApplication
from salver.service.settings import Settings
from salver.testing.blocking_class import SocketLink
from salver.testing.memory import Link
from salver.testing.servers import Servers

__all__ = ["HandlerTransport", "WSGITransport"]

_log = logging.getLogger("salver.testing")


class HandlerTransport:
    """Connections to one application, for `Client(transport=…)`. Safe to use from several threads, as the application
    must be."""

    def __init__(
        self,
        app: Any,
        *,
        client: tuple[str, int] = ("127.0.0.1", 50_000),
        raise_server_exceptions: bool = True,
        settings: Settings | None = None,
    ) -> None:
        """`app`, `client`, `raise_server_exceptions`, `settings`: as `TestClient` takes them. Raises TypeError for what
        cannot be served."""
        self._servers = Servers(app, client, settings=settings, raises=raise_server_exceptions)
        self._raises = raise_server_exceptions

    def connect(self, route: Route, deadline: Deadline) -> Wire:
        """A new connection; for https the application sees that scheme, and nothing is encrypted."""
        return MemoryWire(self._servers.connect(route.origin.scheme, streams=False), raises=self._raises)

    def close(self) -> None:
        """There is nothing of its own to close."""


class WSGITransport(HandlerTransport):
    """As `HandlerTransport`, for a WSGI application, also one that does not show that it is one."""

    def __init__(
        self,
        app: WSGIApplication,
        *,
        client: tuple[str, int] = ("127.0.0.1", 50_000),
        raise_server_exceptions: bool = True,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(WSGI(app), client=client, raise_server_exceptions=raise_server_exceptions, settings=settings)


class MemoryWire:
    """A link as the client's `Wire`. Owns the link.

    Reading runs the server, and a handler that streams must have its body by then: so the server is not run between
    the parts of a request, and a client that would wait for a 100 Continue is told at once that none comes.
    """

    def __init__(self, link: Link, *, raises: bool) -> None:
        self._link = link
        self._raises = raises
        self._closed = False
        self._sending = False
        self._expects = False
        self.recv: Callable[[int], bytes] = self._recv
        self.send_all: Callable[[bytes], object] = self._send_all

    def _send_all(self, data: bytes) -> None:
        self._sending = True
        self._expects = data.endswith(b"\r\n\r\n") and b"\r\nExpect: 100-continue\r\n" in data
        self._link.send(data)

    def _recv(self, size: int) -> bytes:
        """What a handler has raised comes as `Passed`, which the client takes off."""
        if self._expects:
            self._expects = False
            raise TimeoutError("the content is to be sent first")
        self._sending = False
        try:
            return self._link.recv(size)
        finally:
            failures = self._link.failures
            if failures and self._raises:
                raise Passed(failures.pop(0))

    def limit(self, read: float | None, write: float | None) -> None:
        """In memory nobody waits; a handler class with a thread of its own is waited for as a server is."""
        if isinstance(self._link, SocketLink):
            self._link.settimeout(read)

    def is_readable(self) -> bool:
        """The server has ended the connection, or may have."""
        if not self._sending:
            self._link.settle()
        return not self._link.is_open

    def close(self) -> None:
        """See `Wire`. What a handler raises because its client leaves is only logged."""
        if self._closed:
            return
        self._closed = True
        self._link.close()
        while self._raises and self._link.failures:
            _log.error("a handler failed behind its response", exc_info=self._link.failures.pop(0))
