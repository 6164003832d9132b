"""The client's side of a connection: requests out, responses in. The same body code as the server's, with the roles
exchanged; framing of a response needs the method it answers, so that is remembered from `send_head` on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from salver.protocol.connection import DEFAULT_LIMITS, Connection, write_framing
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE
from salver.protocol.heads import ResponseHead, parse_response_section, parse_status_line
from salver.protocol.limits import Limits
from salver.protocol.writer import encode_request_line

_WHOLE_MAX = 1_024  # bytes of a response's head that is remembered as a whole


class PreparedHead(NamedTuple):
    """A request's head, encoded and checked: to be sent as often as wanted, on any connection. `promised`: bytes of
    body, or CHUNKED; `close`: the connection ends with it."""

    data: bytes
    method: str
    promised: int
    close: bool


class ClientConnection(Connection):
    """The client's side: writes requests, reads responses."""

    __slots__ = ("_last", "_last_head", "_last_method", "_method", "_status_line")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._method = ""
        self._status_line = (0, "", 1)
        self._last_head = b""  # the last head as it came, if it was short, and what it was parsed to:
        self._last: ResponseHead | None = None  # servers repeat theirs until a second has passed
        self._last_method = ""

    def send_head(
        self, method: str, target: str, fields: Iterable[tuple[str, str]], body_length: int | None = 0
    ) -> bytes:
        """A request's head; see `prepare_head` and `send_prepared`, whose errors it raises."""
        return self.send_prepared(prepare_head(method, target, fields, body_length))

    def send_prepared(self, head: PreparedHead) -> bytes:
        """The bytes of a head that was prepared beforehand. Raises `LocalProtocolError` where the last exchange is not
        over; nothing has changed then."""
        self.start_next()
        self._to_write = head.promised
        self._method = head.method
        self.keep_alive = not head.close
        return head.data

    def next_response(self) -> ResponseHead | None:
        """The next response's head (a 1xx too), None until it is complete; None at `eof` where not a byte of it came.

        Behind a 101, and behind a 2xx to CONNECT, there is no HTTP any more: no other head is read, and what is
        `buffered` belongs to the other protocol. Raises `RemoteProtocolError`.
        """
        if not self._method or not self.unread:
            return None
        last = self._last
        if last is not None and self._is_repeated():
            self.unread = self.unread[len(self._last_head) :]
            return self._begin(last)
        try:
            return self._parse_response()
        except RemoteProtocolError:
            self._fail()
            self._method = ""
            raise

    def _is_repeated(self) -> bool:
        """What has come begins with the last response's head, byte for byte, and is framed by the same rules."""
        return not self._scanned and self._method == self._last_method and self.unread.startswith(self._last_head)

    def _parse_response(self) -> ResponseHead | None:
        before = self.unread if not self._scanned else b""
        raw = self._take_head()
        if raw is None:
            if self.eof:
                raise RemoteProtocolError("the connection ended inside a head")
            return None
        status, reason, minor = self._status_line
        head = ResponseHead(
            status, reason, parse_response_section(raw, minor, self._limits.fields, status, self._method)
        )
        if status < 200 and status != 101:
            return head
        self._remember(before[: len(before) - len(self.unread)], head)
        return self._begin(head)

    def _remember(self, whole: bytes, head: ResponseHead) -> None:
        if 0 < len(whole) <= _WHOLE_MAX and head.status >= 200 and self._method != "CONNECT":
            self._last_head, self._last, self._last_method = whole, head, self._method
        else:
            self._last = None

    def _begin(self, head: ResponseHead) -> ResponseHead:
        """A final response, or the end of HTTP here: how its body is read, and whether the connection outlives it."""
        status, section = head.status, head.section
        tunnel = status == 101 or (self._method == "CONNECT" and status < 300)
        self._left = section.body_length
        self.trailers = ()
        self.keep_alive &= section.keep_alive and self._left != UNTIL_CLOSE and not tunnel
        self._method = ""
        return head

    def forget(self) -> None:
        super().forget()
        self._last = None
        self._last_head = b""

    def _take_line(self, line: bytes) -> None:
        self._status_line = parse_status_line(line)

    def _long_line_status(self) -> int:
        return 400

    def start_next(self) -> None:
        """The exchange is over: another request may be sent. Raises `LocalProtocolError` where it is not, where the
        connection ends with it, or where the server has sent more than it was asked for."""
        if self._left or self._to_write or self._method or self.unread or self.eof or not self.keep_alive:
            raise LocalProtocolError("the connection cannot carry another request")


def prepare_head(
    method: str, target: str, fields: Iterable[tuple[str, str]], body_length: int | None = 0
) -> PreparedHead:
    """A request's head; the body is `body_length` bytes long, or chunked where that is None. 0 sends no Content-Length
    for methods that need none (RFC 9110 §8.6).

    Raises `LocalProtocolError`, also where `fields` has not one Host (RFC 9112 §3.2).
    """
    fields = list(fields)
    line = encode_request_line(method, target)
    lines, promised, close = write_framing(fields, None if body_length == 0 else body_length)
    if [name.lower() for name, _ in fields].count("host") != 1:
        raise LocalProtocolError("a request has one Host field")
    if promised is None:
        promised = body_length
    ending = b"Connection: close\r\n\r\n" if close else b"\r\n"
    data = b"".join((line, lines, _framing(method, promised), ending))
    return PreparedHead(data, method, CHUNKED if promised is None else promised, close)


def _framing(method: str, promised: int | None) -> bytes:
    if promised is None:
        return b"Transfer-Encoding: chunked\r\n"
    if promised or method in ("POST", "PUT", "PATCH"):
        return b"Content-Length: %d\r\n" % promised
    return b""
