"""The server's side of a connection: requests in, responses out.

The fast way in: a keep-alive client repeats its field lines byte for byte, so the section of the last head is kept,
and a request that ends in the same bytes is parsed by one pattern. Clients that open a connection for each request
repeat themselves across connections (`LastSection`). The fast way out: a set of fields that recurs is
encoded once. Both give exactly what the long way gives; the tests hold the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from salver.protocol.connection import DEFAULT_LIMITS, OWN_FIELDS, REMEMBERED_MAX, Connection, write_framing
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE
from salver.protocol.grammar import ORIGIN_LINE_START, REQUEST_LINE_START
from salver.protocol.heads import RequestHead, Section, check_target, parse_request_line, parse_request_section
from salver.protocol.limits import Limits
from salver.protocol.writer import NOT_REMEMBERED, STATUS_LINES, encode_fields, encode_status_line

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# What `respond` writes in one piece: a final status whose body is what it is given, for a method whose is, too.
_PLAIN_LINES = {
    status: line for status, line in STATUS_LINES.items() if status >= 200 and status not in (204, 205, 304)
}
_CLOSE, _KEEP_ALIVE = b"Connection: close\r\n", b"Connection: keep-alive\r\n"  # RFC 9112 §9.3: what is not the rule
_OTHER_WAYS = frozenset(("HEAD", "CONNECT"))
_NO_LINE = (b"", b"", 1)
WHOLE_MAX = 1_024  # bytes of a head that is remembered as a whole
_CREDENTIALS = re.compile(rb"\n(?:cookie|(?:proxy-)?authorization):", re.IGNORECASE)
_PLAIN_MAX = 1_024  # characters of fields that are worth remembering as a set


class LastSection:
    """The last short section of all connections that carry one request, for the next connection to begin with.

    Only of those: a section collects what others have made of it for its connection, which two that live at once would
    keep overwriting. And none with credentials, so that nothing of what they are compared to could ever be timed.
    Any number of connections, in any threads, may share one of these.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: tuple[Section | None, bytes] = (None, b"")  # the section, and how a head ends that repeats it

    def offer(self, section: Section, tail: bytes) -> None:
        """Keep it, where it is worth it and may be kept."""
        if not section.keep_alive and len(tail) <= WHOLE_MAX and not _CREDENTIALS.search(tail):
            self.known = section, tail


class ServerConnection(Connection):
    """The server's side: reads requests, writes responses."""

    __slots__ = ("_head", "_last", "_line", "_others", "_skipped_blank", "_tail", "_whole")

    def __init__(self, limits: Limits = DEFAULT_LIMITS, others: LastSection | None = None) -> None:
        """`others`: what the connections of one server, with the same limits, share."""
        super().__init__(limits)
        self._others = others
        self._head: RequestHead | None = None  # the request in hand
        self._line = _NO_LINE
        self._skipped_blank = False
        self._tail = b""  # " HTTP/1.x", CRLF and the last section: how a repeated head ends
        if others is not None:
            self._section, self._tail = others.known
        self._whole = b""  # a recent head as it came, if it was short, and what it was parsed to: who asks for one
        self._last: RequestHead | None = None  # thing again and again is not parsed again, whatever comes behind it

    def next_request(self) -> RequestHead | None:
        """The next request's head, None until it is complete, or while one is in hand or the connection is ending.

        Raises `RemoteProtocolError` with the status to answer: 400, 414, 431, 501, 505.
        """
        if self._head is not None or not self.keep_alive:
            return None
        buffer, section = self.unread, self._section
        if section is not None and buffer.endswith(self._tail) and not self._scanned:
            start = len(buffer) - len(self._tail)
            matched = ORIGIN_LINE_START.fullmatch(buffer, 0, start)
            if matched is not None and start + 9 <= self._limits.request_line:
                self.unread = b""
                head = RequestHead(matched[1].decode("ascii"), matched[2].decode("ascii"), section)
                if len(buffer) <= WHOLE_MAX:
                    self._whole, self._last = buffer, head
                return self._take(head)
        if not buffer:
            return None
        if self._last is not None and buffer.startswith(self._whole) and not self._scanned:
            self.unread = buffer[len(self._whole) :]
            return self._take(self._last)
        try:
            return self._parse_request()
        except RemoteProtocolError:
            self._fail()
            raise

    def _parse_request(self) -> RequestHead | None:
        if self.unread[0] == 13 and not self._skipped_blank and not self._skip_blank_line():
            return None
        buffer = self.unread
        raw = self._take_head()
        if raw is None:
            return None
        method, target, minor = self._line
        section, repeated = self._section, True
        if section is None or section.raw != raw or section.minor != minor:
            section, repeated = parse_request_section(raw, minor, self._limits.fields), False
            self._remember(section)
        check_target(method, target, section.host)
        head = RequestHead(method.decode("ascii"), target.decode("ascii"), section)
        size = len(buffer) - len(self.unread)
        if repeated and size <= WHOLE_MAX:  # what came with it, a body, or other requests, kept it from the fast way
            self._whole, self._last = buffer[:size], head
        return self._take(head)

    def _remember(self, section: Section) -> None:
        if len(section.raw) > REMEMBERED_MAX:
            self.forget()
            return
        self._section = section
        self._tail = b" HTTP/1.%d\r\n%b" % (section.minor, section.raw)
        if self._others is not None:
            self._others.offer(section, self._tail)

    def _take(self, head: RequestHead) -> RequestHead:
        section = head.section
        self._head = head
        self.keep_alive = section.keep_alive
        self._left = section.body_length
        self._skipped_blank = False
        return head

    def _skip_blank_line(self) -> bool:
        """RFC 9112 §2.2: at least one empty line before the request line is ignored; more than one is not. False
        where it has to be waited for."""
        if self.unread.startswith(b"\r\n"):
            self.unread = self.unread[2:]
            self._skipped_blank = True
            return bool(self.unread)
        return self.unread != b"\r"

    def _take_line(self, line: bytes) -> None:
        self._line = parse_request_line(line)

    def _long_line_status(self) -> int:
        return 414 if REQUEST_LINE_START.match(self.unread, 0, self._limits.request_line) else 400

    def forget(self) -> None:
        """As `Connection.forget`; the next request is then parsed the long way."""
        super().forget()
        self._tail = self._whole = b""
        self._last = None
        if not self._section_start:
            self._line = _NO_LINE

    def start_next(self) -> None:
        """The response is sent and the request read to its end: `next_request` may give the next one.

        Raises `LocalProtocolError` where one of the two is not so; the connection must then be closed.
        """
        if self._left or self._to_write:
            raise LocalProtocolError("the exchange is not complete")
        self._head = None
        self.trailers = ()

    def receive_request(self, data: bytes) -> RequestHead | None:
        """`receive` and `next_request` in one call: the hot way in."""
        last = self._last
        if data == self._whole and last is not None and not self.unread and self._head is None and self.keep_alive:
            return self._take(last)
        self.unread = self.unread + data if self.unread else data
        return self.next_request()

    def respond(self, status: int, fields: Iterable[tuple[str, str]], body: bytes, ready: bytes = b"") -> bytes:
        """A whole response, head and body, in one piece. The hot way; `ready` as in `send_head`."""
        fields = tuple(fields)
        try:
            lines = _remembered_lines(fields)
        except (_NotRemembered, TypeError):  # TypeError: pairs that cannot be keys, such as lists
            return self._respond_in_steps(status, fields, body, ready)
        return self.respond_encoded(status, lines, body, ready)

    def respond_encoded(self, status: int, lines: bytes, body: bytes, ready: bytes = b"") -> bytes:
        """As `respond`, with field lines that `encode_fields` has made before; none of them the connection's own."""
        head, line = self._head, _PLAIN_LINES.get(status)
        if line is None or head is None or head.method in _OTHER_WAYS:
            return self._respond_in_steps(status, (), body, ready + lines)
        if self.keep_alive and head.section.minor:
            return b"%b%b%bContent-Length: %d\r\n\r\n%b" % (line, ready, lines, len(body), body)
        persistence = _KEEP_ALIVE if self.keep_alive else _CLOSE
        return b"%b%b%bContent-Length: %d\r\n%b\r\n%b" % (line, ready, lines, len(body), persistence, body)

    def head_encoded(self, status: int, lines: bytes, length: int, ready: bytes = b"") -> bytes:
        """As `send_head` for a body of `length` bytes, with field lines that `encode_fields` has made before."""
        head, line = self._head, _PLAIN_LINES.get(status)
        if line is None or head is None or head.method in _OTHER_WAYS:
            return self.send_head(status, (), length, ready + lines)
        self._to_write = length
        if self.keep_alive and head.section.minor:
            return b"%b%b%bContent-Length: %d\r\n\r\n" % (line, ready, lines, length)
        persistence = _KEEP_ALIVE if self.keep_alive else _CLOSE
        return b"%b%b%bContent-Length: %d\r\n%b\r\n" % (line, ready, lines, length, persistence)

    def _respond_in_steps(self, status: int, fields: Iterable[tuple[str, str]], body: bytes, ready: bytes) -> bytes:
        head = self.send_head(status, fields, len(body), ready)
        data = self.send_body(body) if self._to_write else b""
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

        `ready`: field lines that need no check (the server's Date and Server), in whose place the caller's own of the
        same name go. No body follows on 1xx, 204, 205, 304
        and for HEAD: `room` is then 0, and a `body_length` of 0 does not contradict the caller's Content-Length, which
        tells what GET would have. To HTTP/1.0 a 1xx is nothing at all (RFC 9110 §15.2). Raises `LocalProtocolError`;
        nothing has been sent then.
        """
        fields = tuple(fields)
        ready = _without(ready, fields)
        line = STATUS_LINES.get(status) if reason is None else None
        line = line or encode_status_line(status, reason)
        for_head = self._head is not None and self._head.method == "HEAD"
        unsaid = status < 200 or status in (204, 304) or (for_head and not body_length)
        lines, promised, close = write_framing(fields, None if unsaid else body_length)
        if status < 200:
            return b"" if self._is_http_1_0() else b"%b%b%b\r\n" % (line, ready, lines)
        if close:
            self.keep_alive = False
        framing = self._frame(status, body_length if promised is None else promised)
        persistence = b""
        if not self.keep_alive:
            persistence = _CLOSE
        elif self._is_http_1_0():
            persistence = _KEEP_ALIVE
        return b"".join((line, ready, lines, framing, persistence, b"\r\n"))

    def _frame(self, status: int, promised: int | None) -> bytes:
        """The framing field, with what is to be written noted; RFC 9110 §8.6, RFC 9112 §6.1 and §6.3."""
        method = "" if self._head is None else self._head.method
        self._to_write = 0
        if status in (204, 304):
            return b""
        if method == "CONNECT" and status < 300:
            return self._write_until_close()
        if status == 205:
            promised = 0  # RFC 9110 §15.3.6
        if promised is not None:
            self._to_write = 0 if method == "HEAD" else promised
            return b"Content-Length: %d\r\n" % promised
        if method == "HEAD":
            return b""
        if self._is_http_1_0() or self._head is None:
            return self._write_until_close()
        self._to_write = CHUNKED
        return b"Transfer-Encoding: chunked\r\n"

    def _write_until_close(self) -> bytes:
        self._to_write = UNTIL_CLOSE
        self.keep_alive = False
        return b""

    def _is_http_1_0(self) -> bool:
        return self._head is not None and not self._head.section.minor


class _NotRemembered(Exception):
    """A set of fields that the long way has to write. An exception, since those are not kept by an lru_cache: what
    is secret, large, or concerns framing must not stay there as a key either."""


@lru_cache(512)
def _remembered_lines(fields: tuple[tuple[str, str], ...]) -> bytes:
    """The encoded lines of a set of fields that recurs. Raises `_NotRemembered`."""
    size = 0
    for name, value in fields:
        if not isinstance(name, str) or not isinstance(value, str) or name.lower() in _LONG_WAY:
            raise _NotRemembered
        size += len(name) + len(value)
    if size > _PLAIN_MAX:
        raise _NotRemembered
    return encode_fields(fields)


def _without(ready: bytes, fields: Sequence[tuple[str, str]]) -> bytes:
    """`ready` less the lines that the caller has sent in its own words."""
    own = [name.lower() for name, _ in fields if isinstance(name, str) and name.lower() in _MAY_BE_READY]
    if not own:
        return ready
    lines = ready.split(b"\r\n")[:-1]
    return b"".join(line + b"\r\n" for line in lines if line.partition(b":")[0].decode("ascii").lower() not in own)


_MAY_BE_READY = frozenset(("date", "server"))
_LONG_WAY = OWN_FIELDS | NOT_REMEMBERED | _MAY_BE_READY
