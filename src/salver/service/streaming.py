"""A request body read by its handler while it arrives.

The handler's thread does not lead, and waits here on the socket with a plain poll. The same rules hold as for a
collected body: a least average rate, a largest size, and `100 Continue` only once somebody really reads. What counts
against the rate is the time that was waited here, not the handler's own.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.server_connection import CONTINUE, ServerConnection
from salver.request import RequestBodyError
from salver.service.settings import Timeouts

if TYPE_CHECKING:
    from salver.net.stream import Stream

_LOOK = 1.0  # seconds between two looks at the rate while nothing comes


class StreamedBody:
    """One body, pulled from the connection by `read_more`. Owned by the connection, used by the handler's thread.

    `owes_continue`: the client waits for 100 Continue and nobody has read yet.
    """

    __slots__ = (
        "_hand_over",
        "_limit",
        "_over",
        "_protocol",
        "_received",
        "_stream",
        "_timeouts",
        "_waited",
        "owes_continue",
    )

    def __init__(
        self,
        stream: Stream,
        protocol: ServerConnection,
        timeouts: Timeouts,
        limit: int | None,
        expects_continue: bool,
        hand_over: Callable[[], bool],
    ) -> None:
        """`limit` in bytes, None for none; `hand_over` is called before anything is waited for."""
        self._stream = stream
        self._protocol = protocol
        self._timeouts = timeouts
        self._limit = limit
        self._hand_over = hand_over
        self._received = 0
        self._waited = 0.0  # seconds
        self._over = False
        self.owes_continue = expects_continue and not protocol.buffered

    def read_more(self) -> bytes:
        """The next decoded bytes, waiting for at least one; b"" at the body's end.

        Raises `RequestBodyError`: 400 malformed, broken off or too late, 408 too slow, 413 too large.
        """
        protocol = self._protocol
        while True:
            if self._over:  # what comes now belongs to another request
                raise RequestBodyError(400, "the response has been sent, and the body is gone")
            try:
                data = protocol.read_body()
            except RemoteProtocolError as error:
                raise RequestBodyError(error.status, str(error)) from None
            if data or protocol.body_complete:
                return self._counted(data)
            if self._limit is not None and self._received + protocol.body_announced > self._limit:
                raise self._too_large()
            try:
                self._say_continue()
                self._receive()
            except RequestBodyError:
                raise
            except OSError as error:
                raise RequestBodyError(400, f"the client went away: {error}") from None

    def close(self) -> None:
        """The response has been sent: nobody reads any more."""
        self._over = True

    def _counted(self, data: bytes) -> bytes:
        self._received += len(data)
        if self._limit is not None and self._received > self._limit:
            raise self._too_large()
        return data

    def _too_large(self) -> RequestBodyError:
        return RequestBodyError(413, f"a body may have {self._limit} bytes here")

    def _say_continue(self) -> None:
        rest = CONTINUE if self.owes_continue else b""
        self.owes_continue = False
        while rest:
            try:
                rest = rest[self._stream.send(rest) :]
            except BlockingIOError:
                if not self._poll(select.POLLOUT, self._timeouts.stalled):
                    raise RequestBodyError(408, "the client does not read") from None

    def _receive(self) -> None:
        while True:
            try:
                data = self._stream.recv(65_536)
            except BlockingIOError:
                began = monotonic()
                self._poll(select.POLLIN, _LOOK)
                self._waited += monotonic() - began
                self._check_rate()
                continue
            if data:
                self._protocol.receive(data)
            else:
                self._protocol.receive_eof()
            return

    def _poll(self, event: int, seconds: float) -> bool:
        self._hand_over()
        poller = select.poll()
        poller.register(self._stream.fileno(), event)
        return bool(poller.poll(seconds * 1_000))

    def _check_rate(self) -> None:
        waited = self._waited
        if waited >= self._timeouts.body and self._received < waited * self._timeouts.body_rate:
            raise RequestBodyError(408, "the body did not arrive in time")
