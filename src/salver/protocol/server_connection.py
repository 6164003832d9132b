"""The server's side of a connection: requests in, responses out.

The fast way in: a keep-alive client repeats its field lines byte for byte, so the section of the last head is kept,
and a request that ends in the same bytes is parsed by one pattern. The fast way out: a set of fields that recurs is
encoded once. Both give exactly what the long way gives; the tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from salver.protocol.connection import DEFAULT_LIMITS, OWN_FIELDS, Connection
from salver.protocol.errors import LocalProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE
from salver.protocol.grammar import ORIGIN_LINE_START
from salver.protocol.heads import RequestHead, Section, check_target, parse_request_line, parse_request_section
from salver.protocol.limits import Limits
from salver.protocol.writer import STATUS_LINES, encode_fields, encode_status_line

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_BODILESS = frozenset((204, 304))


class ServerConnection(Connection):
    """The server's side: reads requests, writes responses."""

    __slots__ = ("_head", "_line", "_skipped_blank", "_tail")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._head: RequestHead | None = None  # the request in hand
        self._line: tuple[bytes, bytes, int] = (b"", b"", 1)
        self._skipped_blank = False
        self._tail = b"\r\n"  # " HTTP/1.x", CRLF and the last section: how a repeated head ends

    def next_request(self) -> RequestHead | None:
        """The next request's head, None until it is complete, or while one is in hand or the connection is ending.

        Raises `RemoteProtocolError` with the status to answer: 400, 414, 431, 501, 505.
        """
        if self._head is not None or not self.keep_alive:
            return None
        buffer, section = self._buffer, self._section
        if section is not None and buffer.endswith(self._tail):
            start = len(buffer) - len(self._tail)
            matched = ORIGIN_LINE_START.fullmatch(buffer, 0, start)
            if matched is not None and start + 9 <= self._limits.request_line:
                self._buffer = b""
                self._scanned = 0
                return self._take(matched[1], matched[2], section)
        return self._parse_request() if buffer else None

    def _parse_request(self) -> RequestHead | None:
        self._skip_blank_line()
        if not self._buffer:
            return None
        end = self._find_head(self._limits.request_line, 414)
        if not end:
            return None
        buffer, self._buffer = self._buffer, self._buffer[end:]
        method, target, minor = self._line
        section_start = buffer.index(b"\r\n") + 2
        raw = buffer[section_start:end]
        section = self._section
        if section is None or section.raw != raw or section.minor != minor:
            section = parse_request_section(raw, minor, self._limits.fields)
            self._section = section
            self._tail = b" HTTP/1.%d\r\n%b" % (minor, raw)
        check_target(method, target, section.host)
        return self._take(method, target, section)

    def _take(self, method: bytes, target: bytes, section: Section) -> RequestHead:
        head = RequestHead(method.decode("ascii"), target.decode("ascii"), section)
        self._head = head
        self.keep_alive = section.keep_alive
        self._left = section.body_length
        self._skipped_blank = False
        return head

    def _skip_blank_line(self) -> None:
        """RFC 9112 §2.2: at least one empty line before the request line is ignored; more than one is not."""
        if not self._skipped_blank and self._buffer.startswith(b"\r\n"):
            self._buffer = self._buffer[2:]
            self._scanned = 0
            self._skipped_blank = True

    def _check_partial_line(self, line_limit: int, long_line: int) -> None:
        if self._buffer == b"\r" and not self._skipped_blank:
            return
        super()._check_partial_line(line_limit, long_line)

    def _check_line(self, line: bytes) -> None:
        self._line = parse_request_line(line)

    def start_next(self) -> None:
        """The response is sent and the request read to its end: `next_request` may give the next one.

        Raises `LocalProtocolError` where one of the two is not so; the connection must then be closed.
        """
        if self._left or self._to_write:
            raise LocalProtocolError("the exchange is not complete")
        self._head = None
        self.trailers = ()

    def respond(self, status: int, fields: Iterable[tuple[str, str]], body: bytes, ready: bytes = b"") -> bytes:
        """A whole response, head and body, in one piece. The hot way; `ready` as in `send_head`."""
        head, section = self._head, self._section
        line = STATUS_LINES.get(status)
        if (
            line is None
            or head is None
            or section is None
            or status < 200
            or status in _BODILESS
            or head.method == "HEAD"
        ):
            return self._respond_in_steps(status, fields, body, ready)
        lines = _remembered_lines(tuple(fields))
        if lines is None or not self.keep_alive or not section.minor:
            return self._respond_in_steps(status, fields, body, ready)
        return b"%b%b%bContent-Length: %d\r\n\r\n%b" % (line, ready, lines, len(body), body)

    def _respond_in_steps(self, status: int, fields: Iterable[tuple[str, str]], body: bytes, ready: bytes) -> bytes:
        head = self.send_head(status, fields, len(body), ready)
        data = self.send_body(body[: self._to_write]) if self._to_write else b""
        return head + data + self.end_body()

    def send_head(
        self,
        status: int,
        fields: Iterable[tuple[str, str]],
        body_length: int | None,
        ready: bytes = b"",
        reason: str | None = None,
    ) -> bytes:
        """A response's head, and the decision how its body is framed: by `body_length` in bytes, else by the
        caller's Content-Length, else chunked (RFC 9112 §7.1), else (HTTP/1.0) by the close.

        `ready`: field lines that need no check (the server's Date and Server). No body follows on 1xx, 204, 304 and
        for HEAD: `room` is then 0. Raises `LocalProtocolError`; nothing has been sent then.
        """
        line = STATUS_LINES.get(status) if reason is None else None
        lines, promised, close = self._write_framing(fields, body_length)
        parts = [line or encode_status_line(status, reason), ready, lines]
        if status < 200:
            return b"".join([*parts, b"\r\n"])
        if close:
            self.keep_alive = False
        parts.append(self._frame(status, promised))
        if not self.keep_alive:
            parts.append(b"Connection: close\r\n")
        elif self._is_http_1_0():
            parts.append(b"Connection: keep-alive\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _frame(self, status: int, promised: int | None) -> bytes:
        self._to_write = 0
        bodiless = status in _BODILESS or (self._head is not None and self._head.method == "HEAD")
        if status == 204:
            return b""  # RFC 9110 §8.6: no Content-Length
        if promised is not None:
            self._to_write = 0 if bodiless else promised
            return b"" if status == 304 else b"Content-Length: %d\r\n" % promised
        if bodiless:
            return b""
        if self._is_http_1_0() or self._head is None:
            self._to_write = UNTIL_CLOSE
            self.keep_alive = False
            return b""
        self._to_write = CHUNKED
        return b"Transfer-Encoding: chunked\r\n"

    def _is_http_1_0(self) -> bool:
        return self._head is not None and not self._head.section.minor


@lru_cache(512)
def _remembered_lines(fields: tuple[tuple[str, str], ...]) -> bytes | None:
    """The encoded lines of a set of fields that recurs, None where the long way has to look at them."""
    if any(name.lower() in OWN_FIELDS for name, _ in fields):
        return None
    return encode_fields(fields)
