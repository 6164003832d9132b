"""`BaseHTTPServer` and `SimpleHTTPServer`, as the tutorials name and build them: a class with a name and a version,
made with an address and, if one likes, a handler class. Everything else is `ThreadingHTTPServer`."""

from __future__ import annotations

from typing import Any

from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.http_server import ThreadingHTTPServer
from salver.classes.simple import SimpleHTTPRequestHandler

_HELLO = b"<h1>Hello World</h1>"


class BaseHTTPServer(ThreadingHTTPServer):
    """A server that greets: a GET for which its handler class has no method is answered `<h1>Hello World</h1>`."""

    server_name = "BaseHTTPServer"
    version = "0.1"

    def __init__(
        self,
        server_address: Any,
        RequestHandlerClass: Any = BaseHTTPRequestHandler,  # noqa: N803 - socketserver's name
        bind_and_activate: bool = True,
    ) -> None:
        """As `ThreadingHTTPServer`, with a handler class that need not be given."""
        super().__init__(server_address, RequestHandlerClass, bind_and_activate)

    @staticmethod
    def default_GET(handler: BaseHTTPRequestHandler) -> None:
        """Answer for a handler that has no `do_GET`."""
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html; charset=utf-8")
        handler.send_header("Content-Length", str(len(_HELLO)))
        handler.end_headers()
        handler.wfile.write(_HELLO)


class SimpleHTTPServer(BaseHTTPServer):
    """A server of files, from the current folder."""

    server_name = "SimpleHTTPServer"

    def __init__(
        self,
        server_address: Any,
        RequestHandlerClass: Any = SimpleHTTPRequestHandler,  # noqa: N803
        bind_and_activate: bool = True,
    ) -> None:
        """As `BaseHTTPServer`."""
        super().__init__(server_address, RequestHandlerClass, bind_and_activate)
