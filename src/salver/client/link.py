"""One connection to a server: a wire and the protocol on it. Sends a request, reads its response; knows no pool, no
redirect and no URL.

A short body of bytes leaves with its head in one piece. A longer one is sent part by part, and between the parts one
look is taken whether the server has answered already: one that refuses an upload need not be sent the rest of it (RFC
9112 §9.5); one that has only begun to answer, and reads on, is sent it. What the wire or the server does wrong comes
out as the client's own errors.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from salver.client.content import PART, Content
from salver.client.errors import (
    BrokenResponse,
    ClientError,
    ConnectionLost,
    InvalidRequest,
    ReadTimedOut,
    ResponseTooLarge,
    TotalTimedOut,
    WriteTimedOut,
)
from salver.client.timeouts import Deadline
from salver.client.wire import Wire, is_timeout
from salver.protocol.client_connection import ClientConnection, PreparedHead
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.heads import ResponseHead

_READ_FIRST = 65_536  # bytes: the heap has them at hand, where larger ones cost three system calls for a small response
_READ_ON = 262_144  # bytes, once a read was full: a gigabyte comes in some thousand reads
_INTERIM_MAX = 32  # 1xx responses before a final one: past it, the server plays with us
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, a handshake: RFC 8446 §5.1
_CONTINUE_SECONDS = 1.0  # RFC 9110 §10.1.1: a client should not wait for a 100 for ever
_REFUSING = 300  # the statuses from here on are not about the rest of the content
_TOO_LARGE = 431


class Outgoing(NamedTuple):
    """A request as a connection sends it, any number of times. `expects`: wait for a 100 before the content."""

    head: PreparedHead
    content: bytes | Content = b""
    expects: bool = False


class Link:
    """A connection in use, or idle in the pool. One thread at a time. `owner` is for whoever opened it."""

    __slots__ = ("_interim", "_size", "_wire", "idle_until", "key", "owner", "protocol")

    def __init__(self, wire: Wire, key: Hashable) -> None:
        self._wire = wire
        self.key = key
        self.idle_until = 0.0
        self.owner: object = None
        self.protocol = ClientConnection()
        self._interim = 0
        self._size = _READ_FIRST

    # A request and its response

    def exchange(self, request: Outgoing, deadline: Deadline) -> ResponseHead:
        """Send `request` and wait for the final head of its response; the body is then had by `read`. Raises
        `ConnectionLost`, `TimedOut`, `BrokenResponse`, `InvalidRequest`; afterwards, the link is to be closed."""
        if deadline.is_set:
            self._limit(deadline)
        else:
            self._wire.limit(deadline.timeout.read, deadline.timeout.write)
        self._interim = 0
        self._size = _READ_FIRST
        content = request.content
        data = self.protocol.send_prepared(request.head)
        at_once = isinstance(content, bytes) and not request.expects and len(content) <= PART
        if content and isinstance(content, bytes) and at_once:
            data += self._framed(content)
        early = self._send(data, deadline)
        if early is None and not at_once:
            early = self._send_content(content, request.expects, deadline)
        return early if early is not None else self._final_head(deadline)

    def _framed(self, content: bytes) -> bytes:
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(f"content is made of bytes, not of {type(content).__name__}")
        try:
            return self.protocol.send_body(content)
        except LocalProtocolError as error:
            raise InvalidRequest(f"the body is not what its length says: {error}") from None

    def _send(self, data: bytes, deadline: Deadline, begun: ResponseHead | None = None) -> ResponseHead | None:
        """Send it; the response, where the server would not take the rest but has answered. `begun`: the head of it
        that was read already."""
        if deadline.is_set:
            self._limit(deadline)
        try:
            self._wire.send_all(data)
        except ClientError:  # some of them are an OSError, too
            raise
        except OSError as error:
            if is_timeout(error) and not self._wire.is_readable():
                raise self._too_late(deadline, WriteTimedOut("the server takes no more of the request")) from None
            return self._without_the_rest(begun or self._answer_to_a_part(deadline, error))
        return None

    def _answer_to_a_part(self, deadline: Deadline, error: OSError) -> ResponseHead:
        try:
            return self._final_head(deadline)
        except ConnectionLost:
            raise ConnectionLost("the connection was lost while the request was sent") from error

    def _send_content(self, content: bytes | Content, expects: bool, deadline: Deadline) -> ResponseHead | None:
        if expects:
            head = self._await_continue(deadline)
            if head is not None:
                return self._without_the_rest(head)
        begun: ResponseHead | None = None
        try:
            for part in _parts(content):
                if part == b"":
                    continue
                if begun is None and self._wire.is_readable():
                    begun = self._early_head(deadline)
                    if begun is not None and begun.status >= _REFUSING:
                        return self._without_the_rest(begun)
                refused = self._send(self._framed(part), deadline, begun)
                if refused is not None:
                    return refused
            return self._send(self.protocol.end_body(), deadline, begun) or begun
        except LocalProtocolError as error:
            raise InvalidRequest(f"the body is not what its length says: {error}") from None

    def _await_continue(self, deadline: Deadline) -> ResponseHead | None:
        """The final response, where the server gives one instead of a 100; None to go on."""
        patience = deadline.reading_for(_CONTINUE_SECONDS)
        self._limit(patience)
        try:
            return self._early_head(patience)
        except ReadTimedOut:
            return None
        finally:
            self._limit(deadline)

    def _early_head(self, deadline: Deadline) -> ResponseHead | None:
        """What the server says before it has everything: a final response ends the sending; None after a 1xx, or
        where a head has not come as a whole."""
        self._receive(deadline)
        head = self._next_head()
        while head is not None and head.status < 200:
            self._pass_over(head)
            head = self._next_head()
        return head

    def _without_the_rest(self, head: ResponseHead) -> ResponseHead:
        self.protocol.keep_alive = False  # whoever reads on takes what follows for our body: RFC 9112 §9.5
        return head

    def _final_head(self, deadline: Deadline) -> ResponseHead:
        while True:
            head = self._next_head()
            if head is None:
                self._receive(deadline)
            elif head.status >= 200:
                return head
            else:
                self._pass_over(head)

    def _pass_over(self, interim: ResponseHead) -> None:
        if interim.status == 101:
            raise BrokenResponse("the server switches to another protocol, for which it was not asked")
        self._interim += 1
        if self._interim > _INTERIM_MAX:
            raise BrokenResponse(f"the server sent more than {_INTERIM_MAX} interim responses (1xx)")

    def _next_head(self) -> ResponseHead | None:
        received = self.protocol.unread
        try:
            return self.protocol.next_response()
        except RemoteProtocolError as error:
            if received.startswith(_TLS_RECORDS):
                raise BrokenResponse("the server speaks TLS on this port; is it https:// that is meant?") from None
            if error.status == _TOO_LARGE:
                raise ResponseTooLarge(f"the head of the response is too large: {error}") from None
            raise BrokenResponse(f"the response is malformed: {error}") from None

    # The body

    def read(self, deadline: Deadline) -> bytes:
        """Some of the response's body, b"" at its end. Raises `ConnectionLost`, `TimedOut`, `BrokenResponse`."""
        protocol = self.protocol
        while not protocol.body_complete:
            if not protocol.unread and not protocol.eof:
                self._receive(deadline)
            try:
                data = protocol.read_body()
            except RemoteProtocolError as error:
                if protocol.eof:
                    raise ConnectionLost("the connection ended in the middle of the response") from None
                raise BrokenResponse(f"the response is malformed: {error}") from None
            if data:
                return data
        return b""

    def _receive(self, deadline: Deadline) -> None:
        if deadline.is_set:
            if deadline.is_over:  # a server that goes on sending lets no limit of the wire pass
                raise TotalTimedOut(f"the exchange took more than {deadline.timeout.total} s")
            self._limit(deadline)
        try:
            data = self._wire.recv(self._size)
        except ClientError:  # as above
            raise
        except OSError as error:
            if is_timeout(error):
                raise self._too_late(deadline, ReadTimedOut("the server sent nothing for too long")) from None
            raise ConnectionLost("the connection was lost while the response was awaited") from error
        if data:
            self.protocol.receive(data)
            if len(data) == self._size:
                self._size = _READ_ON
        elif self.protocol.body_complete:  # it is a head that is waited for
            raise ConnectionLost("the server closed the connection without a whole response")
        else:
            self.protocol.receive_eof()

    def _limit(self, deadline: Deadline) -> None:
        timeout = deadline.timeout
        self._wire.limit(deadline.within(timeout.read), deadline.within(timeout.write))

    def _too_late(self, deadline: Deadline, otherwise: Exception) -> Exception:
        if deadline.is_over:
            return TotalTimedOut(f"the exchange took more than {deadline.timeout.total} s")
        return otherwise

    # Its life

    @property
    def is_reusable(self) -> bool:
        """Another request may follow: both sides have said so, and all of the last exchange is over."""
        protocol = self.protocol
        return protocol.keep_alive and protocol.body_complete and not protocol.unread and not protocol.eof

    @property
    def is_stale(self) -> bool:
        """While idle, the server has closed it, or sent what nobody asked for."""
        return self._wire.is_readable()

    def close(self) -> None:
        """Close the connection; idempotent, from any thread."""
        self._wire.close()


def _parts(content: bytes | Content) -> Iterator[bytes]:
    """What is sent at once: small enough for a look at the server, and at the clock, in between."""
    if isinstance(content, bytes):
        for start in range(0, len(content), PART):
            yield content[start : start + PART]
    else:
        yield from content
