"""The environ of a WSGI request: PEP 3333, "environ Variables", and of RFC 3875 §4.1 what it takes over.

It has parts that live for different times. What is constant is made once for an application. What a header section and
its connection say is made once and kept on the section, for a client that keeps its connection repeats it: a request
then costs one copy of a dict and what its own line says, and not even that where it repeats the line. Text is latin-1,
one character an octet.
"""

from __future__ import annotations

from io import SEEK_END, BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from salver.gateway.meta_variables import (
    NEVER,
    remote_address,
    server_address,
    server_name_and_port,
    variables_of,
)
from salver.gateway.wsgi_errors import ErrorsToLog
from salver.gateway.wsgi_file import FileWrapper
from salver.protocol.framing import CHUNKED
from salver.protocol.heads import Section
from salver.request import ClientAddress, Forwarded, Request

_LEFT_OUT = NEVER | {"transfer-encoding"}  # the coding is said where the body still has it

Environ = dict[str, Any]


class _Kept:
    """What is kept on a section for the `client` of its connection: an environ without a request's line, and with the
    last `line` that came twice: its method, its target, and the environ for both, which like the other never changes.

    `said` is what a trusted proxy has said, scheme and host, None where none has: all of a connection's requests have
    the same then. `target` is the last one.
    """

    __slots__ = ("client", "environ", "line", "maker", "said", "target")

    def __init__(self, maker: EnvironMaker, client: ClientAddress, said: tuple[str, str] | None, made: Environ) -> None:
        self.maker = maker
        self.client = client
        self.said = said
        self.environ = made
        self.line: tuple[str, str, Environ] = "", "", made
        self.target = ""


class EnvironMaker:
    """Makes the environs of one application. Safe to use from several threads: what is kept is never changed."""

    __slots__ = ("_constants",)

    def __init__(self, *, multiprocess: bool) -> None:
        """`multiprocess`: other processes may be running the same application (PEP 3333)."""
        self._constants: Environ = {
            "SERVER_SOFTWARE": "Salver",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "wsgi.version": (1, 0),
            "wsgi.errors": ErrorsToLog(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,  # reads end where the body does, however it was framed
        }

    def make(self, request: Request) -> Environ:
        """The environ for `request`, the application's own to change."""
        section, exchange, target = request.head.section, request.apparent_exchange, request.target
        client = exchange.client
        said = None if exchange.__class__ is not Forwarded else (request.scheme, request.host)
        kept: _Kept | None = section.environ  # type: ignore[assignment]  # nobody else puts anything there
        if (
            kept is None
            or kept.maker is not self
            or (kept.client is not client and kept.client != client)
            or kept.said != said
        ):
            kept = section.environ = _Kept(self, client, said, self._made_of(section, request))
        known_method, known_target, known = kept.line
        if target == known_target and request.method == known_method and not request.prefix:
            environ = known.copy()
        else:
            environ = self._with_line(kept, request)
        if section.body_length:
            self._add_body(environ, request, section)
        else:
            environ["wsgi.input"] = BytesIO()
        return environ

    @staticmethod
    def _with_line(kept: _Kept, request: Request) -> Environ:
        environ, target = kept.environ.copy(), request.target
        path = target
        if "?" in target:
            path, _, environ["QUERY_STRING"] = target.partition("?")
        if target[0] != "/":  # RFC 9112 §3.2.2: the absolute-form
            path = request.raw_path
        if request.prefix:
            environ["SCRIPT_NAME"] = _decoded(request.prefix)
            path = path[len(request.prefix) :]
        environ["PATH_INFO"] = _decoded(path) if "%" in path else path
        environ["REQUEST_METHOD"] = request.method
        environ["REQUEST_URI"] = target  # not of the PEP, but of most servers: the only way to see "%2F"
        if target == kept.target and not request.prefix:
            kept.line = request.method, target, environ.copy()
        kept.target = target
        return environ

    def _made_of(self, section: Section, request: Request) -> Environ:
        """What does not change as long as the section and the connection are the same."""
        client, scheme, host = request.client, request.scheme, request.host
        environ = {**self._constants, **_variables(section)}
        name, port = server_name_and_port(host, scheme, server_address(request))
        environ["SERVER_NAME"] = name
        environ["SERVER_PORT"] = port
        environ["SERVER_PROTOCOL"] = request.version
        environ["REMOTE_ADDR"] = remote_address(client)
        environ["REMOTE_PORT"] = str(client.port)
        environ["wsgi.url_scheme"] = scheme
        if host:
            environ["HTTP_HOST"] = host
        if scheme == "https":
            environ["HTTPS"] = "on"
        return environ

    @staticmethod
    def _add_body(environ: Environ, request: Request, section: Section) -> None:
        """A collected body has a length, whatever its framing was: most applications know no other way to its end. And
        it begins at its beginning, although a hook or a middleware may have read it."""
        body, length = request.stream(), section.body_length
        environ["wsgi.input"] = body
        if body.seekable():
            length = body.seek(0, SEEK_END) if length == CHUNKED else length
            body.seek(0)
        if length == CHUNKED:
            environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        else:
            environ["CONTENT_LENGTH"] = str(length)


def _variables(section: Section) -> Environ:
    """What the fields come to."""
    found: Environ = variables_of(section.headers.fields, _LEFT_OUT)
    types = section.headers.get("content-type")
    if types is not None:
        found["CONTENT_TYPE"] = types
    if section.body_length == 0 and "content-length" in section.headers:
        found["CONTENT_LENGTH"] = "0"
    return found


def _decoded(path: str) -> str:
    return unquote_to_bytes(path).decode("latin-1")
