"""A reference service without a socket: it answers every request of a `ServerConnection`, and keeps a record.

It does what a service has to do and nothing more: one status for what a handler would get, the statuses of a
service's own (405, 413, 417, 501), and the status of a `RemoteProtocolError`; then it closes where the protocol says
so. What came of a run is an `Outcome`, which can be compared: the same bytes, split in any way, must give the same
one. It does not judge; the tests do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.heads import RequestHead
from salver.protocol.limits import Limits
from salver.protocol.server_connection import ServerConnection

MAX_BODY = 16 * 2**20
DOCUMENTED = frozenset((400, 413, 414, 417, 431, 501, 505))
_ALLOWED = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_METHODS = frozenset((*_ALLOWED, "TRACE"))  # known; TRACE is refused by 405


@dataclass(frozen=True)
class Delivered:
    """One request as a handler would have got it, its body complete."""

    method: str
    target: str
    version: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    trailers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outcome:
    """What a connection came to: the statuses sent, what was delivered, whether the server closed first, every byte
    that was sent. A 100 is not among them: whether one is due depends on what has arrived already."""

    statuses: tuple[int, ...]
    delivered: tuple[Delivered, ...]
    closed: bool
    sent: bytes


class ReferenceService:
    """One connection's worth of a service. `feed` what comes, `end` it, then read `outcome`."""

    def __init__(
        self, limits: Limits | None = None, answer: int = 200, forgetful: bool = False, any_method: bool = False
    ) -> None:
        """`answer`: the status for what a handler gets. `forgetful`: remember nothing between two requests, so that
        each goes the long way. `any_method`: deliver methods that it does not know, too."""
        self._connection = ServerConnection() if limits is None else ServerConnection(limits)
        self._status = answer
        self._forgetful = forgetful
        self._any_method = any_method
        self._head: RequestHead | None = None
        self._body: list[bytes] = []
        self._received = 0
        self._delivered: list[Delivered] = []
        self._statuses: list[int] = []
        self._sent: list[bytes] = []
        self.closed = False

    @property
    def outcome(self) -> Outcome:
        """What has come of it so far."""
        return Outcome(tuple(self._statuses), tuple(self._delivered), self.closed, b"".join(self._sent))

    def feed(self, data: bytes) -> None:
        """Bytes from the client; dropped once the connection is closed."""
        if self.closed:
            return
        self._connection.receive(data)
        try:
            while not self.closed and self._step():
                pass
        except RemoteProtocolError as error:
            self._refuse(error.status)

    def end(self) -> None:
        """The client has sent its last byte; whatever is incomplete ends here, in silence."""
        if not self.closed:
            self._connection.receive_eof()
            if self._head is not None:
                self._end_inside_body()

    def _end_inside_body(self) -> None:
        try:
            self._connection.read_body()
        except RemoteProtocolError:
            return
        raise AssertionError("a body that ends too early was taken for complete")

    def _step(self) -> bool:
        """One head or one piece of a body; False where more has to come."""
        if self._head is None:
            head = self._connection.next_request()
            if head is None:
                return False
            self._begin(head)
            return True
        return self._collect(self._head)

    def _begin(self, head: RequestHead) -> None:
        section = head.section
        if section.expects_other:
            self._refuse(417)
        elif section.body_length > MAX_BODY:
            self._refuse(413)
        elif head.method == "CONNECT" or not (self._any_method or head.method in _METHODS):
            self._refuse(501)
        else:
            self._head, self._body, self._received = head, [], 0

    def _collect(self, head: RequestHead) -> bool:
        connection = self._connection
        data = connection.read_body()
        self._body.append(data)
        self._received += len(data)
        if self._received + connection.body_announced > MAX_BODY:
            self._refuse(413)
            return False
        if not connection.body_complete:
            return False
        self._answer(head)
        return True

    def _answer(self, head: RequestHead) -> None:
        fields = tuple(head.headers.fields)
        trailers = tuple(self._connection.trailers)
        self._delivered.append(
            Delivered(head.method, head.target, head.version, fields, b"".join(self._body), trailers)
        )
        self._respond(405 if head.method == "TRACE" else self._status)
        self._head = None
        if not self._connection.keep_alive:
            self.closed = True
            return
        self._connection.start_next()
        if self._forgetful:
            self._connection.forget()

    def _refuse(self, status: int) -> None:
        self._connection.keep_alive = False
        self._respond(status)
        self.closed = True

    def _respond(self, status: int) -> None:
        fields = [("Allow", ", ".join(_ALLOWED))] if status == 405 else []
        self._sent.append(self._connection.respond(status, fields, b"%d" % status))
        self._statuses.append(status)


def run(pieces: Iterable[bytes], **how: object) -> Outcome:
    """Feed the pieces to a new connection, end it, and give what came of it. `how`: as for `ReferenceService`."""
    service = ReferenceService(**how)  # type: ignore[arg-type]
    for piece in pieces:
        service.feed(piece)
        if service.closed:
            break
    service.end()
    return service.outcome


def in_bytes(data: bytes) -> list[bytes]:
    """The bytes one by one."""
    return [data[index : index + 1] for index in range(len(data))]


def offsets(size: int) -> list[int]:
    """Where to split `size` bytes in two: everywhere; past 2,000 bytes everywhere near the ends and near the limits
    of the defaults, and at every 499th byte between."""
    if size <= 2_000:
        return list(range(1, size))
    marks = (30, 4_096 + 60, 8_192, 32_768 + 30, size - 30)
    near = {mark + delta for mark in marks for delta in range(-40, 40)}
    return sorted(offset for offset in near | set(range(1, size, 499)) if 0 < offset < size)
