"""What a test client is given, as a server to connect to: the one place that tells classes from handlers.

A handler class is served in memory where its plumbing is the base class's. One with plumbing of its own, or of the
standard library, gets a thread and a socket pair; so does any whose answer is streamed, since its methods write when
they like, and a thread is what lets the test read meanwhile.
"""

from __future__ import annotations

import functools
import socketserver
from collections.abc import Callable
from typing import Any

from salver.adapting import as_any_handler
from salver.classes.adapter import ClassHandler, Elsewhere, takes_fast_way
from salver.handler import Handler
from salver.service.settings import Settings
from salver.testing.blocking_class import BlockingClassServer
from salver.testing.memory import InMemoryServer, Link

__all__ = ["Servers"]


class TestedServer(Elsewhere):
    """The `server` that instances of a handler class see."""

    server_address = ("127.0.0.1", 80)
    server_name = "testserver"
    server_port = 80


class Servers:
    """Makes connections to one application."""

    def __init__(self, app: Any, client: tuple[str, int], *, settings: Settings | None, raises: bool) -> None:
        """See `TestClient`."""
        self._client = client
        self._raises = raises
        self._connect: Callable[[str], Link]
        self._connect_stream: Callable[[str], Link]
        if _is_handler_class(app):
            server = TestedServer()
            blocking = BlockingClassServer(app, server)
            self._connect_stream = self._connect = lambda scheme: blocking.connect(client)
            if takes_fast_way(app):
                self._connect = self._in_memory(ClassHandler(app, server, mounted=False), settings)
        else:
            self._connect_stream = self._connect = self._in_memory(as_any_handler(app), settings)

    def _in_memory(self, handler: Handler, settings: Settings | None) -> Callable[[str], Link]:
        memory, client = InMemoryServer(handler, settings=settings, logs_failures=not self._raises), self._client
        return lambda scheme: memory.connect(client, scheme=scheme)

    @property
    def streams_elsewhere(self) -> bool:
        """A response that is streamed needs a connection of its own."""
        return self._connect_stream is not self._connect

    def connect(self, scheme: str, *, streams: bool) -> Link:
        """A new connection; `streams`: the body of its response will be read as it comes."""
        return self._connect_stream(scheme) if streams else self._connect(scheme)


def _is_handler_class(app: object) -> bool:
    """A request handler of socketserver's kind, or a `functools.partial` of one."""
    while isinstance(app, functools.partial):
        app = app.func
    return isinstance(app, type) and issubclass(app, socketserver.BaseRequestHandler)
