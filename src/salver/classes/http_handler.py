"""`BaseHTTPRequestHandler`: the standard library's class, its requests read by the strict parser and its responses
checked as they are written.

One class, two ways, chosen once for a class and a server (`adapter.py`): on the fast way an instance is called back
for each request of its connection, its attributes are filled in from the request when they are asked for, and `wfile`
keeps what is written until it must leave (`writing.py`). On the blocking way (`blocking.py`) the instance owns a
socket and runs `setup`, `handle`, `finish`, as it does in the standard library. What a subclass sees is the same:
this file is what the two have in common.
"""

from __future__ import annotations

import http.client
import http.server as _http
import io
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, ClassVar

from salver.classes.blocking import BlockingHTTP
from salver.classes.heads import Framing, NotRemembered, field_line, opening_lines, remembered_line, status_line
from salver.classes.logging_lines import escaped, log_date
from salver.classes.stream import StreamRequestHandler
from salver.classes.tutorial import TutorialHTTP
from salver.classes.writing import ResponseWriter
from salver.handler import HandlerOptions
from salver.protocol.reasons import REASONS
from salver.request import Request
from salver.semantics.dates import format_date

_format_date = lru_cache(4)(format_date)
_USUAL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # RFC 9110 §9, RFC 5789


class FromRequest:
    """An attribute that is made from the request when it is first asked for, and that an instance may assign to."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self.__doc__ = make.__doc__
        self.name = make.__name__

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        if instance._request is None:  # on the blocking way it is set where it is known
            raise AttributeError(f"{type(instance).__name__!r} object has no attribute {self.name!r}")
        value = self._make(instance)
        setattr(instance, self.name, value)  # not through __dict__: see `_take`
        instance._made += (self.name,)
        return value


class BaseHTTPRequestHandler(TutorialHTTP, BlockingHTTP, StreamRequestHandler, _http.BaseHTTPRequestHandler):
    """`http.server.BaseHTTPRequestHandler`. See its documentation, and `docs/compatibility.md`."""

    server_version = "Salver"
    sys_version = ""  # which Python this is, is nobody's business
    timeout: ClassVar[float | None] = 75.0  # seconds of silence that end a connection, on the blocking way
    responses = {status: (phrase, "") for status, phrase in REASONS.items()}  # noqa: RUF012 - as in the original
    responses.update(_http.BaseHTTPRequestHandler.responses)  # the interpreter's own phrases, where it has one

    #: Read requests as leniently as the interpreter's own http.server does (HTTP/0.9, a missing Host, bare line
    #: feeds, a target without its slash). Whoever stands in front of it may read them otherwise.
    dangerous_leniency = False

    #: How requests are run on the fast way: with `stream_body`, `rfile` is read while the body arrives.
    salver_options: ClassVar[HandlerOptions] = HandlerOptions()

    command: Any
    wfile: Any
    _request: Any = None  # on the fast way, the request in hand
    _framing: Framing | None = None  # of the head under way
    _allowed: str | None = None  # what Allow says in the head under way

    @FromRequest
    def headers(self) -> Any:
        """The request's fields, of `MessageClass`."""
        return message_of(self._request.headers.fields, self.MessageClass)

    @FromRequest
    def rfile(self) -> Any:
        """The request's body, which ends where the body ends; behind 101 Switching Protocols, what comes from the
        client."""
        if self.wfile.__class__ is ResponseWriter and self.wfile.status == 101:
            return self.wfile.leave_http()
        return self._request.stream()

    @FromRequest
    def raw_requestline(self) -> bytes:
        """The request line's bytes."""
        line: str = self.requestline
        return line.encode("latin-1") + b"\r\n"

    @FromRequest
    def connection(self) -> Any:
        """The connection as a socket: a `HeldSocket`, or None where there is none (a test, another server)."""
        return self._held_socket()

    request = FromRequest(lambda self: self.connection)
    request.name = "request"

    def _held_socket(self) -> Any:
        from salver.classes.held_socket import HeldSocket

        writer = self.wfile if isinstance(self.wfile, ResponseWriter) else None
        stream = None if writer is None or writer._direct is None else writer._direct.stream
        if stream is None:
            return None
        session = getattr(stream, "session", None)  # TLS's: its stream has the socket inside
        return HeldSocket(self, writer, stream if session is None else stream.socket, session)  # type: ignore[attr-defined]

    # The fast way: once a request

    def _take(self, request: Request, wfile: ResponseWriter) -> None:
        """Become the handler of `request`.

        Whoever asks for an instance's `__dict__` once makes all its attributes slower for ever, by 16 ns each time, in
        an interpreter that keeps them without one: so nothing does that here.
        """
        if self._made:
            self._forget_made()
        self._headers_buffer: list[bytes] = []
        self._framing = None
        self._request = request
        self.wfile = wfile
        self.command = request.method
        path = request.target if not request.prefix else _behind_prefix(request)
        self.path = "/" + path.lstrip("/") if path.startswith("//") else path  # gh-87389: no host in a path
        self.request_version = version = request.head.version
        self.requestline = f"{request.method} {path} {version}"  # asked for by every line of the log
        section = request.head.section
        self.close_connection = not section.keep_alive or self.protocol_version < "HTTP/1.1"
        wfile.start(self.command, keep_alive=section.keep_alive, announce=version == "HTTP/1.0")

    def _forget_made(self) -> None:
        made, self._made = self._made, ()
        for name in made:
            try:
                delattr(self, name)
            except AttributeError:  # the handler has done so itself
                pass

    def _answer(self) -> Any:
        """Call the method for the command; what it returns counts only where it is a response of ours."""
        method = getattr(self, "do_" + self.command, None)
        return self._without_method() if method is None else method()

    def _without_method(self) -> None:
        """405 for a method that a server usually has, where this one has others; 501 for any other. A class without
        `do_GET` is no usual server, and says 501 as the standard library does."""
        command = self.command
        greet = getattr(self.server, "default_GET", None) if command in ("GET", "HEAD") else None
        if greet is not None:
            greet(self)
        elif command in _USUAL and hasattr(self, "do_GET"):
            methods = [name for name in _USUAL if name == "OPTIONS" or hasattr(self, "do_" + name)]
            if command == "OPTIONS":
                self.send_response(HTTPStatus.NO_CONTENT)
                self.send_header("Allow", ", ".join(methods))
                self.end_headers()
            else:
                self._allowed = ", ".join(methods)
                self._made += ("_allowed",)
                self.send_error(HTTPStatus.METHOD_NOT_ALLOWED, f"Unsupported method ({command!r})")
        else:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, f"Unsupported method ({command!r})")

    # Heads

    @property
    def _head_is_open(self) -> bool:
        return bool(getattr(self, "_headers_buffer", None))

    def send_response(self, code: int, message: str | None = None) -> None:
        """Log the request, and begin the head with its status line, Server and Date."""
        self.log_request(code)
        if self._request is not None and self._opens_plainly():
            self._open(int(code), message)
            return
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())
        self.send_header("Date", self.date_time_string())

    def _opens_plainly(self) -> bool:
        """Whether nobody, class or instance, has put something else in the place of what `send_response` calls."""
        try:
            return (
                self.send_header.__func__ is _SEND_HEADER  # type: ignore[attr-defined]  # a bound method has it
                and self.send_response_only.__func__ is _SEND_RESPONSE_ONLY  # type: ignore[attr-defined]
                and self.version_string.__func__ is _VERSION_STRING  # type: ignore[attr-defined]
                and self.date_time_string.__func__ is _DATE_TIME_STRING  # type: ignore[attr-defined]
                and not self.sys_version
            )
        except AttributeError:  # and what is no method has not
            return False

    def _open(self, code: int, message: str | None) -> None:
        """What the four calls behind `log_request` come to, where nobody has put others in their place."""
        if message is None:
            message = self.responses[code][0] if code in self.responses else ""
        lines = opening_lines(self.protocol_version, code, message, self.server_version, int(time.time()))
        self._framing = Framing(code)
        self._headers_buffer.extend(lines)

    def send_response_only(self, code: int, message: str | None = None) -> None:
        """Begin the head with its status line alone. Raises ValueError for a line break in `message`."""
        if self.request_version == "HTTP/0.9":
            return
        if message is None:
            message = self.responses[code][0] if code in self.responses else ""
        line = status_line(self.protocol_version, int(code), message)
        self._framing = Framing(int(code))
        try:
            self._headers_buffer.append(line)
        except AttributeError:
            self._headers_buffer = [line]

    def send_header(self, keyword: str, value: Any) -> None:
        """Add a field to the head. Raises ValueError for CR, LF or another control in it, and for a Content-Length
        that is no number, or another one than before."""
        if value.__class__ is not str:
            value = str(value)
        try:
            line, concerns, length = remembered_line(keyword, value)
        except NotRemembered:
            line, concerns, length = field_line(keyword, value)
        if concerns:
            framing = self._framing or self._own_framing()
            if concerns == "content-length":
                if not framing.note_length(length):
                    return
            else:
                framing.note(concerns, value)
                if framing.persistence in ("close", "keep-alive"):
                    self.close_connection = framing.persistence == "close"
        if self.request_version != "HTTP/0.9":
            try:
                self._headers_buffer.append(line)
            except AttributeError:
                self._headers_buffer = [line]

    def _own_framing(self) -> Framing:
        if self._framing is None:
            self._framing = Framing(0)  # behind a head: lines of a part of the body, which concern nothing else
        return self._framing

    def end_headers(self) -> None:
        """End the head. On the fast way it leaves together with what is written next."""
        if self.request_version == "HTTP/0.9":
            return
        lines = self._headers_buffer
        if self._allowed is not None:
            lines.append(field_line("Allow", self._allowed)[0])
            self._allowed = None
        if self.wfile.__class__ is ResponseWriter and lines and lines[0].startswith(b"HTTP/"):
            self._headers_buffer = []
            self.wfile.begin(lines, self._own_framing())
            self._framing = None
            return
        lines.append(b"\r\n")
        self.flush_headers()
        self._begin_blocking_body(self._own_framing())
        self._framing = None

    def flush_headers(self) -> None:
        """Write the lines of the head that there are."""
        lines = getattr(self, "_headers_buffer", None)
        if lines:
            self._headers_buffer = []
            self.wfile.write(b"".join(lines))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error page, log it, and end the connection. Line breaks in `message` are blanks in the reason."""
        if message is not None:
            message = " ".join(message.split("\n")).replace("\r", " ")
        super().send_error(code, message, explain)

    # Words

    def version_string(self) -> str:
        """What the Server field says: `server_version`, and `sys_version` where a class sets that."""
        return f"{self.server_version} {self.sys_version}" if self.sys_version else self.server_version

    def date_time_string(self, timestamp: float | None = None) -> str:
        """`timestamp` (seconds since 1970; None: now) as an HTTP date."""
        return _format_date(int(time.time() if timestamp is None else timestamp))

    def log_date_time_string(self) -> str:
        """The present, as the log has it."""
        return log_date()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log a request that is being answered."""
        if code.__class__ is HTTPStatus:
            code = code.value
        self.log_message('"%s" %s %s', self.requestline, str(code), str(size))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Write a line to standard error: client, time, and `format % args`, without control characters."""
        error = sys.stderr
        if error is not None:
            line = escaped(format % args)
            error.write(f"{self.address_string()} - - [{self.log_date_time_string()}] {line}\n")


# As they are here: whoever replaces one, be it in the base class, is heard.
_SEND_HEADER = BaseHTTPRequestHandler.send_header
_SEND_RESPONSE_ONLY = BaseHTTPRequestHandler.send_response_only
_VERSION_STRING = BaseHTTPRequestHandler.version_string
_DATE_TIME_STRING = BaseHTTPRequestHandler.date_time_string


def message_of(fields: Any, message_class: type[Any]) -> Any:
    """The fields as an object of `message_class`, an `email.message.Message` as `http.client` makes them."""
    if message_class is http.client.HTTPMessage:
        message = message_class()
        message._headers = list(fields)  # as its parser leaves them; add_header would look at each again
        return message
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
    return http.client.parse_headers(io.BytesIO(lines.encode("latin-1")), _class=message_class)


def _behind_prefix(request: Request) -> str:
    """The target as what is mounted sees it; never empty, because scripts compare it with "/"."""
    path, query = request.raw_path[len(request.prefix) :] or "/", request.query_string
    return f"{path}?{query}" if query else path
