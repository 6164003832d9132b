"""The client's side of a connection: requests out, responses in. The same body code as the server's, with the roles
exchanged; framing of a response needs the method it answers, so that is remembered from `send_head` on.
"""

from __future__ import annotations

from collections.abc import Iterable

from salver.protocol.connection import DEFAULT_LIMITS, Connection
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE
from salver.protocol.heads import ResponseHead, parse_response_section, parse_status_line
from salver.protocol.limits import Limits
from salver.protocol.writer import encode_request_line


class ClientConnection(Connection):
    """The client's side: writes requests, reads responses."""

    __slots__ = ("_method", "_status_line")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._method = ""
        self._status_line = (0, "", 1)

    def send_head(
        self, method: str, target: str, fields: Iterable[tuple[str, str]], body_length: int | None = 0
    ) -> bytes:
        """A request's head; the body is `body_length` bytes long, or chunked where that is None. 0 sends no
        Content-Length for methods that need none (RFC 9110 §8.6).

        Raises `LocalProtocolError`, also where `fields` has not one Host (RFC 9112 §3.2), or where the last exchange
        is not over; nothing has changed then.
        """
        self.start_next()
        fields = list(fields)
        line = encode_request_line(method, target)
        lines, promised, close = self._write_framing(fields, None if body_length == 0 else body_length)
        if [name.lower() for name, _ in fields].count("host") != 1:
            raise LocalProtocolError("a request has one Host field")
        if promised is None:
            promised = body_length
        self._to_write = CHUNKED if promised is None else promised
        self._method = method
        self.keep_alive = not close
        return b"".join((line, lines, _framing(method, promised), b"Connection: close\r\n\r\n" if close else b"\r\n"))

    def next_response(self) -> ResponseHead | None:
        """The next response's head (a 1xx too), None until it is complete; None at `eof` where not a byte of it came.

        Behind a 101, and behind a 2xx to CONNECT, there is no HTTP any more: no other head is read, and what is
        `buffered` belongs to the other protocol. Raises `RemoteProtocolError`.
        """
        if not self._method or not self.unread:
            return None
        try:
            return self._parse_response()
        except RemoteProtocolError:
            self._fail()
            self._method = ""
            raise

    def _parse_response(self) -> ResponseHead | None:
        raw = self._take_head()
        if raw is None:
            if self.eof:
                raise RemoteProtocolError("the connection ended inside a head")
            return None
        status, reason, minor = self._status_line
        section = parse_response_section(raw, minor, self._limits.fields, status, self._method)
        if status >= 200 or status == 101:
            tunnel = status == 101 or (self._method == "CONNECT" and status < 300)
            self._left = section.body_length
            self.trailers = ()
            self.keep_alive &= section.keep_alive and self._left != UNTIL_CLOSE and not tunnel
            self._method = ""
        return ResponseHead(status, reason, section)

    def _take_line(self, line: bytes) -> None:
        self._status_line = parse_status_line(line)

    def _long_line_status(self) -> int:
        return 400

    def start_next(self) -> None:
        """The exchange is over: another request may be sent. Raises `LocalProtocolError` where it is not, where the
        connection ends with it, or where the server has sent more than it was asked for."""
        if self._left or self._to_write or self._method or self.unread or self.eof or not self.keep_alive:
            raise LocalProtocolError("the connection cannot carry another request")


def _framing(method: str, promised: int | None) -> bytes:
    if promised is None:
        return b"Transfer-Encoding: chunked\r\n"
    if promised or method in ("POST", "PUT", "PATCH"):
        return b"Content-Length: %d\r\n" % promised
    return b""
