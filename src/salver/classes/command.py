"""`python -m salver.server`, with the options of `python -m http.server` and what it prints; and `test`, which serves
one handler class until it is interrupted."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from functools import partial
from typing import Any

from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.http_server import ThreadingHTTPServer
from salver.classes.simple import SimpleHTTPRequestHandler


def _get_best_family(host: str | None, port: int) -> tuple[Any, Any]:
    """The family and socket address that a host (None: every address) and a port are bound to first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, target = found[0]
    return family, target


def test(
    HandlerClass: Any = BaseHTTPRequestHandler,  # noqa: N803 - the standard library's name
    ServerClass: Any = ThreadingHTTPServer,  # noqa: N803
    protocol: str = "HTTP/1.0",
    port: int = 8000,
    bind: str | None = None,
) -> None:
    """Serve `HandlerClass` on `bind` (None: every address) and `port` until Ctrl-C, which exits with status 0."""
    ServerClass.address_family, target = _get_best_family(bind, port)
    HandlerClass.protocol_version = protocol
    with ServerClass(target, HandlerClass) as server:
        host, port = server.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"Serving HTTP on {host} port {port} (http://{shown}:{port}/) ...", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nKeyboard interrupt received, exiting.")
            sys.exit(0)


class DualStackServer(ThreadingHTTPServer):
    """On every address, IPv4 and IPv6."""

    def server_bind(self) -> None:
        """Bind an IPv6 socket for IPv4, too."""
        if self.address_family == socket.AF_INET6:
            try:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            except OSError:
                pass
        super().server_bind()


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    given = _parser().parse_args(arguments)

    class Handler(SimpleHTTPRequestHandler):
        extra = tuple(given.header or ())

    if given.content_type is not None:
        Handler.extensions_map = {**Handler.extensions_map, "": given.content_type}
    if Handler.extra:
        Handler.end_headers = _with_extra(Handler.end_headers, Handler.extra)  # type: ignore[method-assign]
    Handler.protocol_version = given.protocol
    test(_Bound(Handler, given.directory), DualStackServer, given.protocol, given.port, given.bind)


class _Bound(partial[Any]):
    """A handler class with its folder, that takes an attribute as a class does."""

    def __new__(cls, handler_class: Any, directory: str) -> _Bound:
        return super().__new__(cls, handler_class, directory=directory)


def _with_extra(end_headers: Any, extra: tuple[tuple[str, str], ...]) -> Any:
    def end(self: Any) -> None:
        for name, value in extra:
            self.send_header(name, value)
        end_headers(self)

    return end


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="salver.server")
    add = parser.add_argument
    add("-b", "--bind", metavar="ADDRESS", help="bind to this address (default: all interfaces)")
    add("-d", "--directory", default=os.getcwd(), help="serve this directory (default: current directory)")
    add(
        "-p",
        "--protocol",
        metavar="VERSION",
        default="HTTP/1.0",
        help="conform to this HTTP version (default: %(default)s)",
    )
    add("--content-type", help="sets default content type for unknown extensions")
    add(
        "-H",
        "--header",
        nargs=2,
        action="append",
        metavar=("HEADER", "VALUE"),
        help="add a custom response header (can be used multiple times)",
    )
    add("port", default=8000, type=int, nargs="?", help="bind to this port (default: %(default)s)")
    return parser
