"""The client's side of a connection: requests out, responses in. The same body code as the server's, with the roles
exchanged; framing of a response needs the method it answers, so that is remembered from `send_head` on.
"""

from __future__ import annotations

from collections.abc import Iterable

from salver.protocol.connection import DEFAULT_LIMITS, Connection
from salver.protocol.errors import LocalProtocolError
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
        """A request's head; the body is `body_length` bytes long, or chunked where that is None. `fields` must hold
        Host (RFC 9112 §3.2); 0 sends no Content-Length for methods that need none. Raises `LocalProtocolError`."""
        lines, promised, close = self._write_framing(fields, body_length)
        framing = b"Content-Length: %d\r\n" % promised if promised else b""
        if promised is None:
            framing = b"Transfer-Encoding: chunked\r\n"
        elif not promised and method in ("POST", "PUT", "PATCH"):
            framing = b"Content-Length: 0\r\n"  # RFC 9110 §8.6
        head = encode_request_line(method, target) + lines + framing
        self._to_write = CHUNKED if promised is None else promised
        self._method = method
        self.keep_alive = not close
        return head + (b"Connection: close\r\n\r\n" if close else b"\r\n")

    def next_response(self) -> ResponseHead | None:
        """The next response's head (a 1xx too), None until it is complete. Raises `RemoteProtocolError`."""
        if not self._method or not self._buffer:
            return None
        end = self._find_head(self._limits.request_line, 400)
        if not end:
            return None
        buffer, self._buffer = self._buffer, self._buffer[end:]
        status, reason, minor = self._status_line
        raw = buffer[buffer.index(b"\r\n") + 2 : end]
        section = parse_response_section(raw, minor, self._limits.fields, status, self._method)
        if status >= 200:
            self._left = section.body_length
            self.trailers = ()
            self.keep_alive = self.keep_alive and section.keep_alive and section.body_length != UNTIL_CLOSE
            self._method = ""
        return ResponseHead(status, reason, section)

    def _check_line(self, line: bytes) -> None:
        self._status_line = parse_status_line(line)

    def start_next(self) -> None:
        """The exchange is over: another request may be sent. Raises `LocalProtocolError` where it is not."""
        if self._left or self._to_write or self._method or not self.keep_alive or self._buffer:
            raise LocalProtocolError("the connection cannot carry another request")
