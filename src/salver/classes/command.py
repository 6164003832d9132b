"""`python -m salver.server`, with the options of `python -m http.server` and what it prints; and `test`, which serves
one handler class until it is interrupted.

The options are those of the newest Python, and `--cgi` of those before it. What cannot be (an address taken, a key that
does not belong to its certificate) is one line, and no traceback.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from functools import partial
from typing import Any, NoReturn

from salver.classes.cgi import CGIHTTPRequestHandler
from salver.classes.heads import field_line
from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.http_server import HTTPServer, ThreadingHTTPServer
from salver.classes.https_server import Password, ThreadingHTTPSServer
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
    tls_cert: str | os.PathLike[str] | None = None,
    tls_key: str | os.PathLike[str] | None = None,
    tls_password: Password = None,
) -> None:
    """Serve `HandlerClass` on `bind` (None: every address) and `port` until Ctrl-C, which exits with status 0. With
    `tls_cert`, `ServerClass` is one that takes a certificate."""
    HandlerClass.protocol_version = protocol
    tls = (tls_cert, tls_key, tls_password) if tls_cert else None
    _serve(_make_server(ServerClass, HandlerClass, bind, port, tls), "https" if tls else "http")


def _make_server(server_class: Any, handler_class: Any, bind: str | None, port: int, tls: Any) -> Any:
    server_class.address_family, target = _get_best_family(bind, port)
    if tls is None:
        return server_class(target, handler_class)
    cert, key, password = tls
    return server_class(target, handler_class, certfile=cert, keyfile=key, password=password)


def _serve(made: Any, scheme: str) -> None:
    with made as server:
        host, port = server.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"Serving {scheme.upper()} on {host} port {port} ({scheme}://{shown}:{port}/) ...", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nKeyboard interrupt received, exiting.")
            sys.exit(0)


class DualStack(HTTPServer):
    """On every address, IPv4 and IPv6."""

    def server_bind(self) -> None:
        """Bind an IPv6 socket for IPv4, too."""
        if self.address_family == socket.AF_INET6:
            try:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            except OSError:
                pass
        super().server_bind()


class DualStackServer(DualStack, ThreadingHTTPServer):
    """HTTP on every address."""


class DualStackTLSServer(DualStack, ThreadingHTTPSServer):
    """HTTPS on every address."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = _parser()
    given = parser.parse_args(arguments)
    tls = _tls_of(parser, given)
    handler = partial(_handler_class(given), directory=given.directory, extra_response_headers=_extra(parser, given))
    try:
        server = _make_server(DualStackTLSServer if tls else DualStackServer, handler, given.bind, given.port, tls)
    except (OSError, OverflowError) as error:  # OverflowError: a port that is none
        _fail(parser, given, error)
    _serve(server, "https" if tls else "http")


def _handler_class(given: argparse.Namespace) -> type[SimpleHTTPRequestHandler]:
    base = CGIHTTPRequestHandler if given.cgi else SimpleHTTPRequestHandler

    class Chosen(base):  # type: ignore[valid-type, misc]  # one of two
        protocol_version = given.protocol
        default_content_type = given.content_type

    return Chosen


def _extra(parser: argparse.ArgumentParser, given: argparse.Namespace) -> list[tuple[str, str]]:
    fields = [(name, value) for name, value in given.header or ()]
    for name, value in fields:
        try:
            field_line(name, value)
        except ValueError as error:
            parser.error(f"--header: {error}")
    return fields


def _tls_of(parser: argparse.ArgumentParser, given: argparse.Namespace) -> tuple[str, str | None, str | None] | None:
    if not given.tls_cert:
        for value, name in ((given.tls_key, "--tls-key"), (given.tls_password_file, "--tls-password-file")):
            if value:
                parser.error(f"{name} requires --tls-cert to be set")
        return None
    password = None
    if given.tls_password_file:
        try:
            with open(given.tls_password_file, encoding="utf-8") as file:
                password = file.read().strip()
        except (OSError, ValueError) as error:
            parser.error(f"Failed to read TLS password file: {error}")
    return given.tls_cert, given.tls_key, password


def _fail(parser: argparse.ArgumentParser, given: argparse.Namespace, error: Exception) -> NoReturn:
    import ssl

    reason = getattr(error, "strerror", None) or str(error)
    if given.tls_cert and (isinstance(error, ssl.SSLError) or getattr(error, "filename", None)):
        text = str(error) if isinstance(error, ssl.SSLError) else reason
    else:
        text = f"cannot listen on {given.bind or 'every address'}, port {given.port}: {reason}; give another one"
    parser.exit(1, f"{parser.prog}: error: {text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--cgi", action="store_true", help="run as CGI server")
    add("-b", "--bind", metavar="ADDRESS", help="bind to this address (default: all interfaces)")
    add("-d", "--directory", default=os.getcwd(), help="serve this directory (default: current directory)")
    add(
        "-p",
        "--protocol",
        metavar="VERSION",
        default="HTTP/1.0",
        help="conform to this HTTP version (default: %(default)s)",
    )
    add("--tls-cert", metavar="PATH", help="path to the TLS certificate chain file")
    add("--tls-key", metavar="PATH", help="path to the TLS key file")
    add("--tls-password-file", metavar="PATH", help="path to the password file for the TLS key")
    add(
        "-H",
        "--header",
        nargs=2,
        action="append",
        metavar=("NAME", "VALUE"),
        help="add a field to every response that serves a file or a listing (may be given several times)",
    )
    add(
        "--content-type",
        default=SimpleHTTPRequestHandler.default_content_type,
        help="the content type of files whose name tells none (default: %(default)s)",
    )
    add("port", default=8000, type=int, nargs="?", help="bind to this port (default: %(default)s)")
    return parser
