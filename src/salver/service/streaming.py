"""A request body read by its handler while it arrives.

The handler's thread does not lead, and waits here on the socket with a plain poll. The same rules hold as for a
collected body: a least average rate, a largest size, and `100 Continue` only once somebody really reads.
"""

from __future__ import annotations

import select
from time import monotonic
from typing import TYPE_CHECKING

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.server_connection import CONTINUE, ServerConnection
from salver.request import RequestBodyError
from salver.service.settings import Timeouts

if TYPE_CHECKING:
    from salver.net.stream import Stream


class StreamedBody:
    """One body, pulled from the connection by `read_more`. Owned by the connection, used by the handler's thread.

    `owes_continue`: the client waits for 100 Continue and nobody has read yet.
    """

    __slots__ = ("_limit", "_protocol", "_received", "_started", "_stream", "_timeouts", "owes_continue")

    def __init__(
        self, stream: Stream, protocol: ServerConnection, timeouts: Timeouts, limit: int | None, expects_continue: bool
    ) -> None:
        """`limit` in bytes, None for none."""
        self._stream = stream
        self._protocol = protocol
        self._timeouts = timeouts
        self._limit = limit
        self._received = 0
        self._started = monotonic()
        self.owes_continue = expects_continue and not protocol.buffered

    def read_more(self) -> bytes:
        """The next decoded bytes, waiting for at least one; b"" at the body's end.

        Raises `RequestBodyError`: 400 malformed or broken off, 408 too slow, 413 too large.
        """
        protocol = self._protocol
        while True:
            try:
                data = protocol.read_body()
            except RemoteProtocolError as error:
                raise RequestBodyError(error.status, str(error)) from None
            if data or protocol.body_complete:
                return self._counted(data)
            if self.owes_continue:
                self.owes_continue = False
                self._stream.send(CONTINUE)
            self._receive()

    def _counted(self, data: bytes) -> bytes:
        self._received += len(data)
        if self._limit is not None and self._received > self._limit:
            raise RequestBodyError(413, f"a body may have {self._limit} bytes here")
        return data

    def _receive(self) -> None:
        poller = select.poll()
        poller.register(self._stream.fileno(), select.POLLIN)
        while True:
            try:
                data = self._stream.recv(65_536)
            except BlockingIOError:
                if not poller.poll(1_000):
                    self._check_rate()
                continue
            except OSError as error:
                raise RequestBodyError(400, f"the client went away: {error}") from None
            if data:
                self._protocol.receive(data)
            else:
                self._protocol.receive_eof()
            return

    def _check_rate(self) -> None:
        elapsed = monotonic() - self._started
        if elapsed >= self._timeouts.body and self._received < elapsed * self._timeouts.body_rate:
            raise RequestBodyError(408, "the body did not arrive in time")
