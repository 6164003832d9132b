"""A handler class as a Handler, and the choice between its two ways.

The fast way: our protocol has read the request, an instance is called back (`_take`, then `do_X`), and what it wrote
leaves with the event loop. It is for classes whose plumbing is the base class's own. Whoever overrides a part of the
plumbing (`BLOCKING_NAMES`), wants a socket that blocks (`rbufsize`), has a `do_CONNECT` or is lenient, gets the
blocking way, which is the standard library's. The choice depends on the class alone, and so is made once.

An instance belongs to a connection, as in the standard library: it is made through the class's own `__init__`, with a
link in the socket's place, and what it keeps on itself it finds again with the connection's next request.
"""

from __future__ import annotations

import functools
import logging
import socketserver
import sys
from collections.abc import Callable
from typing import Any

from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.stream import StreamRequestHandler
from salver.classes.tcp import BaseServer
from salver.classes.writing import NoResponse, ResponseWriter
from salver.handler import HandlerOptions, with_options
from salver.problem import HTTPError, note_failure, problem_of
from salver.request import Request, RequestBodyError
from salver.response import Response
from salver.service.connection import HTTPConnection

logger = logging.getLogger("salver")

BLOCKING_NAMES = ("setup", "handle", "handle_one_request", "parse_request", "finish", "handle_expect_100")


def takes_fast_way(factory: Any) -> bool:
    """Whether what a server was given as its handler class (a class, or a `functools.partial` of one) leaves the
    plumbing alone."""
    factory = _class_of(factory)
    if not isinstance(factory, type) or not issubclass(factory, BaseHTTPRequestHandler):
        return False
    if factory.dangerous_leniency or hasattr(factory, "do_CONNECT"):
        return False
    if factory.rbufsize != StreamRequestHandler.rbufsize:
        return False
    return all(getattr(factory, name) is getattr(BaseHTTPRequestHandler, name) for name in BLOCKING_NAMES)


class Link:
    """What an instance is given in the socket's place: it says who it is, and waits to be called back."""

    __slots__ = ("handler",)

    def __init__(self) -> None:
        self.handler: Any = None

    def adopt(self, handler: Any, client_address: Any, server: Any) -> None:
        """Called by the base class's `__init__`."""
        handler.client_address = client_address
        handler.server = server
        self.handler = handler


class Elsewhere:
    """The `server` of a handler that is mounted on a server which is no class of ours."""

    server_address: tuple[str, int] = ("", 0)
    server_name = ""
    server_port = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log the error under way."""
        logger.error("a handler failed for %s", client_address, exc_info=sys.exception())


class ClassHandler:
    """A handler class as a Handler. Safe to use from several threads."""

    def __init__(self, factory: Callable[..., Any], server: Any, *, mounted: bool) -> None:
        """`server` is what instances see as theirs. `mounted`: on another server, whose Date, Server and framing hold,
        and which may change a response on its way."""
        self._factory = factory
        self._server = server
        self._mounted = mounted
        self._alone = isinstance(server, BaseServer) and not isinstance(server, socketserver.ThreadingMixIn)
        options: HandlerOptions = _class_of(factory).salver_options
        # Where one thread serves everybody, none waits in it for a client's body.
        self.salver_options = with_options(options, stream_body=False) if self._alone else options

    def __call__(self, request: Request) -> Response:
        connection = request.exchange
        kept = getattr(connection, "attachment", None)  # another server's exchange has none
        writer = kept if kept.__class__ is ResponseWriter and kept.owner is self else self._welcome(request)
        handler = writer.handler
        handler._take(request, writer)
        try:
            result = handler._answer()
            if result is not None and isinstance(result, Response) and not writer.has_begun:
                return result
            if self._mounted:
                response = writer.as_response()
                if response is not None:
                    return response
            return writer.finish(close=handler.close_connection)
        except Exception as error:
            return self._failed(request, writer, error)
        except SystemExit:
            if not writer.has_begun:
                raise
            written = writer.finish(close=True)  # what was answered before stands
            if not self._alone:
                return written
            writer.send_last(written)  # the server ends with its one thread
            raise

    def _welcome(self, request: Request) -> ResponseWriter:
        """An instance for a new connection, with its writer."""
        connection = request.exchange
        link, client = Link(), request.client
        self._factory(link, (client.host, client.port), self._server)
        if link.handler is None:
            raise TypeError(f"{self._factory!r} did not call BaseHTTPRequestHandler.__init__")
        direct = connection.direct() if isinstance(connection, HTTPConnection) else None
        writer = ResponseWriter(direct)
        writer.handler, writer.owner = link.handler, self
        if isinstance(connection, HTTPConnection):
            connection.attachment = writer
        return writer

    def _failed(self, request: Request, writer: ResponseWriter, error: Exception) -> Response:
        """What the handler raised, told to the server; a 500 for the client, where nothing has left yet. An `HTTPError`
        is an answer, and nothing to tell."""
        handler = writer.handler
        if writer.has_failed:
            logger.debug("%s went away: %s", request.client.host, error)
            return writer.break_off()
        if not isinstance(error, (HTTPError, RequestBodyError)):
            note_failure(request, error)
        if isinstance(error, HTTPError) and not writer.has_left:
            handler.log_request(error.status)
        elif isinstance(error, NoResponse):
            logger.error("%s returned without a response to %s", type(handler).__name__, request.method)
        elif not isinstance(error, RequestBodyError):
            self._tell(handler, error, quietly=writer.has_left)
        if writer.has_left:
            return writer.break_off()
        writer.take_back()
        handler._headers_buffer = []
        if isinstance(error, RequestBodyError):  # of a body that is streamed: the connection's to answer
            raise error
        if isinstance(error, HTTPError):
            return problem_of(request, error)
        handler.send_error(500)
        return writer.finish(close=True)

    def _tell(self, handler: Any, error: Exception, *, quietly: bool) -> None:
        """Tell the server what a handler raised. Ours is silent about connections that break; where nothing has been
        sent yet, it was not the client's that broke, but one of the handler's own."""
        server = self._server
        broken = isinstance(error, (ConnectionError, TimeoutError)) and not quietly
        if broken and getattr(type(server), "handle_error", None) is BaseServer.handle_error:
            socketserver.BaseServer.handle_error(server, handler.connection, handler.client_address)
        else:
            server.handle_error(handler.connection, handler.client_address)


def _class_of(factory: Any) -> Any:
    while isinstance(factory, functools.partial):
        factory = factory.func
    return factory


def as_handler(handler_class: Any, *, server: Any = None) -> ClassHandler:
    """`handler_class` (or a `functools.partial` of one) as a Handler, to be mounted where other handlers are.

    `server` is what instances see as `self.server`. Raises TypeError for a class that takes the blocking way: it needs
    a socket of its own, and so a server of ours.
    """
    if not takes_fast_way(handler_class):
        raise TypeError(f"{handler_class!r} has plumbing of its own; serve it by ThreadingHTTPServer")
    return ClassHandler(handler_class, server if server is not None else Elsewhere(), mounted=True)
