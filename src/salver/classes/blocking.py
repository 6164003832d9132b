"""The blocking way of an HTTP handler: an instance that owns a socket, and a thread to wait in.

For classes that override `setup`, `handle`, `handle_one_request`, `parse_request` or `finish`, for servers that do
something of their own with a connection, and for `handle_request`. The parser and its limits are those of the fast
way; so is what follows from the framing: `rfile` ends where the body ends, what is left unread of it is read away or
the connection ends, a response that is too long is cut, and one that is too short ends the connection.

Deadlines: the head must be complete within `Timeouts.head` of its first byte, a body must keep its rate, and silence
ends with the handler's `timeout`, in reading as in writing.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler as _Original
from time import monotonic
from typing import TYPE_CHECKING, Any

from salver.classes.blocking_io import BadBody, SlowBody, TimedReader, WatchedWriter
from salver.classes.heads import Framing
from salver.classes.lingering import linger
from salver.problem import HTTPError, problem_of
from salver.protocol.errors import RemoteProtocolError
from salver.protocol.server_connection import ServerConnection
from salver.service.bodies import buffered
from salver.service.settings import Settings

if TYPE_CHECKING:
    from salver.protocol.heads import RequestHead
    from salver.response import Response

logger = logging.getLogger("salver")

_DEFAULTS = Settings()
_LINGER_ZERO = struct.pack("ii", 1, 0)
_LONGEST_LINE = 65_536  # bytes that one readline takes; the parser's own limits are narrower
_PATIENCE_AFTER_BYTE = 5.0  # seconds: who sent something later than that is not told 408, as on the fast way
_BEYOND_SECTION = 16  # bytes that are read at a time of a head that the parser is about to refuse


class BlockingHTTP:
    """What `BaseHTTPRequestHandler` does with a socket of its own."""

    _reader: TimedReader | None = None
    _outer_rfile: Any = None  # the connection's, while a method runs whose request has no body
    _received = 0  # bytes of the body of the request in hand
    _length_limit = 0  # bytes that it may have
    _linger = False  # input was refused that may still be on its way
    _length = 0  # of the body of the request in hand: bytes, or one of the protocol's words

    command: Any
    rfile: Any
    wfile: Any
    close_connection: bool

    @property
    def _settings(self) -> Settings:
        settings = getattr(getattr(self, "server", None), "settings", None)
        return settings if isinstance(settings, Settings) else _DEFAULTS

    def setup(self) -> None:
        """As the standard library's, with a reader that knows deadlines."""
        super().setup()  # type: ignore[misc]  # StreamRequestHandler's
        connection = self.connection  # type: ignore[attr-defined]
        if isinstance(connection, socket.socket):
            self.rfile.close()
            self._reader = TimedReader(connection)
            size = self.rbufsize if self.rbufsize > 1 else 65_536  # type: ignore[attr-defined]
            self.rfile = io.BufferedReader(self._reader, size) if self.rbufsize else self._reader  # type: ignore[attr-defined]

    def handle_one_request(self) -> None:
        """Read one request and call its method."""
        try:
            if self._read_request_line() and self.parse_request():
                self._run_blocking()
        except TimeoutError as error:
            self.log_error("Request timed out: %r", error)  # type: ignore[attr-defined]
            self.close_connection = True
        finally:
            self._set_deadline(None)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._reader is not None:
            self._reader.deadline = None if seconds is None else monotonic() + seconds

    def _read_request_line(self) -> bool:
        """Wait for a request, and from its first byte on for its head; False where there is none."""
        reader = self._reader
        if reader is not None and isinstance(self.rfile, io.BufferedReader) and not self.rfile.peek(1):
            self.close_connection = True
            return False
        self._set_deadline(self._settings.timeouts.head)
        most = _LONGEST_LINE if self.dangerous_leniency else self._settings.limits.request_line + 1  # type: ignore[attr-defined]
        self.raw_requestline = self._read_line(most + 1)
        if self.dangerous_leniency and len(self.raw_requestline) > _LONGEST_LINE:  # type: ignore[attr-defined]
            self.requestline = self.command = ""
            self.request_version = "HTTP/1.1"
            self.close_connection = True
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)  # type: ignore[attr-defined]
            return False
        if not self.raw_requestline:
            self.close_connection = True
        return bool(self.raw_requestline)

    def parse_request(self) -> bool:
        """Read and check the head whose first line is `raw_requestline`. False where it has been refused.

        The attributes are set as the standard library sets them.
        """
        if self.dangerous_leniency:  # type: ignore[attr-defined]
            return self._parse_leniently()
        self.command = None
        self.request_version = "HTTP/1.1"  # for a refusal: HTTP/0.9 is not answered
        self.close_connection = True
        self._length = 0
        self.requestline = str(self.raw_requestline, "iso-8859-1").rstrip("\r\n")
        protocol = ServerConnection(self._settings.limits.of_heads())
        try:
            head = self._read_head(protocol)
        except RemoteProtocolError as error:
            self._refuse(error)
            return False
        if head is None:
            return False
        self._take_head(head, protocol)
        return self._may_continue(head)

    def _read_head(self, protocol: ServerConnection) -> RequestHead | None:
        line = self.raw_requestline
        while line:
            head = protocol.receive_request(line)
            if head is not None:
                return head
            taken = len(protocol.unread) - len(self.raw_requestline)
            # Never so much that the end of a line is waited for that is too long already.
            line = self._read_line(max(self._settings.limits.header_section - taken, 0) + _BEYOND_SECTION)
        return None

    def _read_line(self, most: int) -> bytes:
        """The next line of a head, or `most` bytes of it. Raises TimeoutError, when its sender has been told."""
        try:
            line: bytes = self.rfile.readline(most)
        except TimeoutError:
            self._refuse_late()
            raise
        return line

    def _refuse_late(self) -> None:
        """408 for a head that stopped. Who trickles is just cut off: it would be answered into the next byte."""
        reader = self._reader
        lenient: bool = self.dangerous_leniency  # type: ignore[attr-defined]
        if lenient or reader is None or monotonic() - reader.last_byte < _PATIENCE_AFTER_BYTE:
            return
        self.command, self.requestline, self.request_version = None, "", "HTTP/1.1"
        self._linger = True
        self.send_error(HTTPStatus.REQUEST_TIMEOUT, None, "the request did not arrive in time")  # type: ignore[attr-defined]

    def _refuse(self, error: RemoteProtocolError) -> None:
        self._linger = True
        if error.status == HTTPStatus.BAD_REQUEST:
            message = f"Bad request syntax ({self.requestline!r})"
        elif error.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            message = "Too many headers" if "fields" in str(error) else "Line too long"
        else:
            message = None
        self.send_error(error.status, message, str(error))  # type: ignore[attr-defined]

    def _take_head(self, head: RequestHead, protocol: ServerConnection) -> None:
        from salver.classes.http_handler import message_of

        section, target = head.section, head.target
        self.command = head.method
        self.path = "/" + target.lstrip("/") if target.startswith("//") else target
        self.request_version = head.version
        self.headers = message_of(section.headers.fields, self.MessageClass)  # type: ignore[attr-defined]
        self.close_connection = not section.keep_alive or self.protocol_version < "HTTP/1.1"  # type: ignore[attr-defined]
        self._length = section.body_length
        self._protocol = protocol
        if self._length:
            self.close_connection = True  # until its end has been seen: see `_run_blocking`
        self._length_limit = self._most_body()
        self._keeps = section.keep_alive and self.protocol_version >= "HTTP/1.1"  # type: ignore[attr-defined]

    def _most_body(self) -> int:
        said = self.salver_options.max_body  # type: ignore[attr-defined]
        return self._settings.limits.body if said is None else int(said)

    def _may_continue(self, head: RequestHead) -> bool:
        section = head.section
        if self._length > self._length_limit:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)  # type: ignore[attr-defined]
            self._linger = True
            return False
        if section.expects_other:
            self.send_error(HTTPStatus.EXPECTATION_FAILED)  # type: ignore[attr-defined]
            return False
        if section.expects_continue and self.protocol_version >= "HTTP/1.1":  # type: ignore[attr-defined]
            return bool(self.handle_expect_100())  # type: ignore[attr-defined]
        return True

    def _parse_leniently(self) -> bool:
        self._length = 0
        parsed = bool(_Original.parse_request(self))  # type: ignore[arg-type]
        self._keeps = not self.close_connection
        return parsed

    # One request

    def _run_blocking(self) -> None:
        """Call the method between a reader that ends with the body and a writer that counts."""
        rfile, wfile = self.rfile, self.wfile
        self._set_deadline(None)
        self.__dict__.pop("_framing", None)
        self.__dict__.pop("_body", None)
        watched = self.wfile = WatchedWriter(wfile)
        self._received = 0
        if self._length:
            self.rfile = buffered(partial(self._read_more, rfile, monotonic()))
            self.close_connection = not self._keeps
        elif not self.dangerous_leniency and self.command != "CONNECT":  # type: ignore[attr-defined]
            self._outer_rfile, self.rfile = rfile, io.BytesIO()
        try:
            self._answer_or_refuse(watched)
            self.wfile.flush()
            if not self.close_connection and not (watched.settled and not watched.room and self._read_away()):
                self.close_connection = True
        except BadBody as error:
            if watched.wrote:
                self._reset()
                raise
            self._refuse_body(error)
        except BaseException:
            if watched.is_half:
                self._reset()
            raise
        finally:
            self.rfile, self.wfile = rfile, wfile
            self._outer_rfile = None

    def _refuse_body(self, error: BadBody) -> None:
        self.__dict__.pop("_headers_buffer", None)
        self.close_connection = self._linger = True
        self.send_error(error.status, None, str(error))  # type: ignore[attr-defined]

    def finish(self) -> None:
        """End, as the standard library does; where input was refused, once the client may have read why."""
        connection = self.connection  # type: ignore[attr-defined]
        if self._linger and isinstance(connection, socket.socket) and connection.fileno() != -1:
            self.wfile.flush()
            linger(connection, self._settings.timeouts.linger)
        super().finish()  # type: ignore[misc]  # StreamRequestHandler's

    def _reset(self) -> None:
        """End the connection so that no client takes half of a response for a whole one; nothing more can be sent."""
        connection = self.connection  # type: ignore[attr-defined]
        if isinstance(connection, socket.socket) and connection.fileno() != -1:
            try:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            except OSError:  # no TCP, or gone already
                pass
            os.close(connection.detach())

    def _answer_or_refuse(self, watched: WatchedWriter) -> None:
        """Call the method; an `HTTPError` is an answer, as long as there is no other."""
        try:
            self._answer()  # type: ignore[attr-defined]
        except HTTPError as error:
            if watched.wrote:
                raise
            self._headers_buffer: list[bytes] = []
            self._send_page(problem_of(None, error))

    def _send_page(self, page: Response) -> None:
        handler: Any = self
        body = page.body if isinstance(page.body, bytes) else b""
        handler.send_response(page.status)
        for name, value in page.headers.fields:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin_blocking_body(self, framing: Framing) -> None:
        """The head has been written: the body is counted from here."""
        watched = self.wfile
        if not isinstance(watched, WatchedWriter) or (framing.status < 200 and framing.status != 101):
            return
        if framing.status == 101 and self._outer_rfile is not None:
            self.rfile = self._outer_rfile  # what comes now is no body
        if self.dangerous_leniency:  # type: ignore[attr-defined]
            watched.settled = True  # whether it is or not: that is the leniency
        elif self.command == "HEAD" or framing.status in (204, 304):
            watched.room, watched.settled, watched.bodiless = 0, True, True
        elif not framing.chunked:
            watched.room, watched.settled = framing.length, framing.length is not None

    def _read_more(self, rfile: Any, started: float) -> bytes:
        """The next decoded bytes of the body. Raises TimeoutError for one that comes too slowly, ConnectionError for
        one that breaks off or is malformed."""
        protocol = self._protocol
        try:
            while not (data := protocol.read_body()) and not protocol.body_complete:
                if protocol.body_announced > self._length_limit:
                    break
                self._receive(rfile, started)
        except TimeoutError as error:
            self.close_connection = True
            raise SlowBody(HTTPStatus.REQUEST_TIMEOUT, str(error)) from None
        except RemoteProtocolError as error:
            self.close_connection = True
            raise BadBody(error.status, f"the request's body: {error}") from None
        self._received += len(data)
        if self._received + protocol.body_announced > self._length_limit:
            raise BadBody(413, f"a body may have {self._length_limit} bytes here")
        return data

    def _receive(self, rfile: Any, started: float) -> None:
        """Never more than the body's own: what follows it is the next request."""
        timeouts, elapsed = self._settings.timeouts, monotonic() - started
        if elapsed >= timeouts.body and self._received < elapsed * timeouts.body_rate:
            raise TimeoutError("the body did not arrive in time")
        self._set_deadline(timeouts.body)
        announced = self._protocol.body_announced
        read = getattr(rfile, "read1", rfile.read)  # one without a buffer has but the latter, which reads once as well
        data = read(min(announced, 65_536)) if announced else rfile.readline(_LONGEST_LINE)
        if data:
            self._protocol.receive(data)
        else:
            self._protocol.receive_eof()

    def _read_away(self) -> bool:
        """Whether the request's body has been read to its end, what the method left of it included."""
        if not self._length:
            return True
        left = self._protocol.body_left
        if not self._protocol.body_complete and (left is None or left > self._settings.limits.drain):
            return False
        while self.rfile.read1(65_536):
            pass
        return True
