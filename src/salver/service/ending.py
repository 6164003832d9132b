"""The state of a served connection, and the ways in which it ends.

A connection ends once, whoever ends it: what it holds is let go of, the request in hand gets its line in the log, the
crew forgets the descriptor, and then it is closed. A response that is under way is never closed but reset, so that no
client takes half of it for a whole one. This file does not know how requests come in or responses go out.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from salver.net.poller import READ
from salver.protocol.server_connection import ServerConnection
from salver.request import ClientAddress, Forwarded, Request
from salver.service.bodies import BodyCollector
from salver.service.sending import Sending
from salver.service.streaming import StreamedBody

if TYPE_CHECKING:
    from salver.net.stream import Stream
    from salver.response import FollowedBytes
    from salver.service.context import Context
    from salver.service.direct import Attachment

logger = logging.getLogger("salver")

# In this order: below RUNNING bytes are wanted from the client, from SENDING on an event is not (only) new requests.
HEAD, BODY, RUNNING, SENDING, WAITING, CONTINUING, DRAIN, LINGER, QUEUED, CLOSED = range(10)

BODILESS = frozenset((204, 205, 304))
# What the log says where a client (or the stop of the server) left a request without an answer, as nginx's does.
UNANSWERED = 499
# In the place of the last byte's time: idle for so long that what was remembered for speed is gone, or new.
RESTING = -1.0


class Ending(ABC):
    """State of a served connection, and its end. See `HTTPConnection`."""

    __slots__ = (
        "_body",
        "_context",
        "_entered",
        "_last_byte",
        "_linger",
        "_peer",
        "_phase",
        "_protocol",
        "_request",
        "_sending",
        "_started",
        "_status",
        "_stream",
        "attachment",
        "deadline",
        "detached",
        "fd",
        "interest",
    )

    def __init__(self, stream: Stream, peer: ClientAddress, context: Context) -> None:
        """`stream` becomes the connection's; the caller adds the connection to the crew."""
        self.fd = stream.fileno()
        self.interest = READ
        self.detached = False
        self.deadline = context.crew.now + context.timeouts.head
        self._stream = stream
        self._peer = peer
        self._context = context
        self._protocol = ServerConnection(context.heads, context.last_section)
        self._phase = HEAD
        self._request: Request | None = None
        self._body: BodyCollector | StreamedBody | None = None
        self._sending: Sending | None = None
        self._linger = False  # the input is not wanted to its end
        self._last_byte = RESTING  # crew time of the last byte of an incomplete message; 0.0 between messages, or this
        self._started = 0.0
        self._entered: tuple[float, float] | None = None  # when the handler was handed over: wall and CPU seconds
        self._status = UNANSWERED  # of the response to the request in hand
        self.attachment: Attachment | None = None  # what a handler keeps for as long as the connection lives

    @abstractmethod
    def on_ready(self) -> None:
        """See `Member`."""

    @abstractmethod
    def on_deadline(self, now: float) -> None:
        """See `Member`."""

    @abstractmethod
    def on_rescue(self, blocked: bool) -> None:
        """See `Member`."""

    def _want(self, interest: int) -> None:
        if self.interest != interest:
            self._context.crew.set_interest(self, interest)

    def _end(self) -> None:
        """Close after a response; where input is unread, say so first and wait for the client to have read."""
        self._phase = LINGER
        unread = self._linger or self._protocol.buffered or not self._protocol.body_complete
        if not unread or self._context.cut:
            self.close()
            return
        self.deadline = self._context.crew.now + self._context.timeouts.linger
        self._let_go()
        try:
            self._stream.shutdown_write()
        except OSError as error:
            self._lose(error)

    def _abort(self, reason: str, cause: BaseException | None = None) -> None:
        """End in a way that no client can take for the end of a response; a `cause` is a fault of the handler's."""
        level = logging.WARNING if cause is None else logging.ERROR
        logger.log(level, "response to %s aborted: %s", self._peer.host, reason, exc_info=cause)
        self._close(self._stream.reset)

    def _lose(self, error: OSError) -> None:
        """The peer is gone: its business, not a fault of ours."""
        logger.debug("%s went away: %s", self._peer.host, error)
        self._close(self._stream.reset)

    def close(self) -> None:
        """Close now, without a word; safe to call twice. Half a response ends in a reset."""
        self._close(self._stream.reset if SENDING <= self._phase <= WAITING else self._stream.close)

    def _close(self, end: Callable[[], None]) -> None:
        """The crew forgets the descriptor before it is closed: its number may be another connection's at once."""
        phase = self._phase
        if phase == CLOSED:
            return
        if BODY <= phase <= CONTINUING:
            self._note(self._sent_of_body())
        self._phase = CLOSED
        self.attachment = None  # it refers to the connection
        self._let_go()
        self._context.forget(self, self._peer.host)
        self.fd = -1
        end()

    def _sent_of_body(self) -> int:
        sending = self._sending
        return 0 if sending is None else max(0, sending.sent - sending.head_size)

    def _note(self, size: int) -> None:
        """The log's line for the request in hand, or for a refusal of what did not become one."""
        request, log, status = self._request, self._context.access_log, int(self._status)
        if log is None:
            return
        if request is None:
            log.add(self._peer.host, "", "", 1, status, size, 0.0, None)
            return
        if request.method == "HEAD" or status in BODILESS:
            size = 0
        section, seconds = request.head.section, perf_counter() - self._started
        exchange = request._exchange
        peer = exchange.client if isinstance(exchange, Forwarded) else self._peer  # whom a trusted proxy has named
        log.add(peer.host, request.method, request.target, section.minor, status, size, seconds, section)

    def _let_go(self) -> None:
        self._request = None
        self._release_body()
        sending, self._sending = self._sending, None
        if sending is not None:
            close_quietly(sending)

    def _release_body(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()


def close_quietly(sending: Sending | FollowedBytes) -> None:
    """Let go of a response; where its body's `close` raises, that is the handler's fault and changes nothing here."""
    try:
        sending.close()
    except BaseException as error:
        logger.error("closing the body of a response raised", exc_info=error)
