"""The half of a served connection that answers: a response becomes bytes, they leave as the socket takes them, and
the connection goes on to the next request or ends, cleanly or not.

    SENDING until the response is gone → DRAIN while an unread body can still be read away → HEAD
    LINGER where the connection ends with input unread: a plain close would reset it, and the reply could be lost.

What is aborted is reset, so that no client takes half a response for a whole one. The inbound half is in
`connection.py`; the two are one object, and only one thread at a time is inside it.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from salver.net.poller import READ, WRITE
from salver.problem import problem
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.server_connection import ServerConnection
from salver.request import ClientAddress, Request
from salver.response import FileSegment, Response
from salver.service.bodies import BodyCollector
from salver.service.sending import BodyError, Sending, close_body
from salver.service.streaming import StreamedBody

if TYPE_CHECKING:
    from salver.net.stream import Stream
    from salver.service.context import Context
    from salver.service.direct import Attachment

logger = logging.getLogger("salver")

HEAD, BODY, RUNNING, SENDING, DRAIN, LINGER, CLOSED = range(7)

_BODILESS = frozenset((204, 304))


class Outbound(ABC):
    """State of a served connection, and its answering half. See `HTTPConnection`."""

    __slots__ = (
        "_body",
        "_context",
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
        self._protocol = ServerConnection(context.heads)
        self._phase = HEAD
        self._request: Request | None = None
        self._body: BodyCollector | StreamedBody | None = None
        self._sending: Sending | None = None
        self._linger = False  # the input is not wanted to its end
        self._last_byte = 0.0  # crew time of the last byte of an incomplete message, 0.0 between messages
        self._started = 0.0
        self._status = 0
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

    # Answering

    def _reply(self, request: Request | None, response: Response) -> None:
        """Answer with any response. What cannot be sent becomes a 500, as long as nothing has left."""
        try:
            sending = self._prepare(response)
        except Exception as error:
            close_body(response.body)
            if request is None:
                self._abort(f"its refusal could not be sent: {error}")
                return
            sending = self._prepare(self._context.failed(request, error))
        self._send(sending)

    def _prepare(self, response: Response) -> Sending:
        """The response as a queue, its head in front; the first piece of an iterable body is made before the head
        is taken as sent, so that a generator that raises at once still becomes a 500."""
        context, protocol = self._context, self._protocol
        if context.crew.now >= context.ready_until:
            context.refresh(context.crew.now)
        status, body = response.status, response.body
        if isinstance(status, int) and status < 200:
            raise LocalProtocolError(f"a handler's status is 200 or more, not {status}")
        self._settle_request_body()
        wanted = status not in _BODILESS and (self._request is None or self._request.method != "HEAD")
        sending = Sending(protocol)
        keep_alive = protocol.keep_alive
        lines = response.lines
        ready, fields = (context.ready, response.headers.fields) if lines is None else (context.ready + lines, [])
        head = protocol.send_head(status, fields, response.body_length, ready, response.reason)
        try:
            sending.add(head)
            sending.head_size = len(head)
            sending.add_body(body, wanted=wanted)
            sending.start()
        except Exception:
            protocol.unsend_head(keep_alive)
            sending.close()
            raise
        self._status = int(status)
        return sending

    def _settle_request_body(self) -> None:
        """Say `Connection: close` where what is unread of the request's body is not worth reading."""
        protocol = self._protocol
        if self._context.closing:
            protocol.keep_alive = False
        if not protocol.body_complete:
            self._drain_some()
            if not self._may_drain():
                protocol.keep_alive = False
                self._linger = True

    def _drain_some(self) -> None:
        try:
            while protocol_gave(self._protocol):
                pass
        except RemoteProtocolError:
            self._protocol.keep_alive = False
            self._linger = True

    def _may_drain(self) -> bool:
        """Whether an unread body is read away: not where the client still waits for 100 Continue."""
        protocol, body = self._protocol, self._body
        if protocol.body_complete:
            return True
        unasked = isinstance(body, StreamedBody) and body.owes_continue
        left = protocol.body_left
        return not unasked and left is not None and left <= self._context.limits.drain

    def _send(self, sending: Sending) -> None:
        self._sending = sending
        self._phase = SENDING
        self._continue_sending()

    def _send_file(self, status: int, lines: bytes, segment: FileSegment) -> None:
        """The short way for a file's segment under lines that were encoded beforehand: two calls, where the socket
        takes all of it."""
        protocol, sending = self._protocol, Sending(self._protocol)
        try:
            head = protocol.head_encoded(status, lines, segment.length, self._context.ready)
        except LocalProtocolError:
            segment.close()
            raise
        sending.add(head)
        sending.head_size = len(head)
        sending.add_body(segment, wanted=protocol.room == segment.length)
        self._status = status
        self._send(sending)

    def _send_rest(self, data: bytes, gone: int, head_size: int) -> None:
        """The socket took only `gone` bytes of a whole response: keep the rest."""
        sending = Sending(self._protocol)
        sending.add(memoryview(data)[gone:])
        sending.sent = gone
        sending.head_size = head_size
        self._sending = sending
        self._phase = SENDING
        self._want(WRITE)
        self.deadline = self._context.crew.now + self._context.timeouts.stalled

    def _continue_sending(self) -> None:
        sending = self._sending
        if sending is None:
            return
        before = sending.sent
        try:
            gone = sending.push(self._stream)
        except BodyError as error:
            self._abort(str(error))
        except OSError as error:
            self._lose(error)
        except Exception as error:
            logger.error("the body of a response raised", exc_info=error)
            self._abort("its body could not be made")
        else:
            if gone:
                self._sent(sending)
                return
            if sending.sent != before or self.interest != WRITE:
                self.deadline = self._context.crew.now + self._context.timeouts.stalled
            self._want(WRITE)

    def _sent(self, sending: Sending) -> None:
        if sending.cut:
            logger.error("a body was longer than its Content-Length, and was cut")
            self._protocol.keep_alive = False
        self._sending = None
        sending.close()
        self._want(READ)
        self._finish(sending.sent - sending.head_size)

    def _want(self, interest: int) -> None:
        if self.interest != interest:
            self._context.crew.set_interest(self, interest)

    # After the answer

    def _finish(self, size: int) -> None:
        """The response has left, `size` bytes of body with it: note it, and go on or end."""
        context, protocol = self._context, self._protocol
        if context.access_log is not None:
            self._note(size)
        self._request = None
        if not protocol.keep_alive:
            self._end()
        elif self._body is None or protocol.body_complete:
            protocol.start_next()
            if self._body is not None:
                self._release_body()
            self._phase = HEAD
            self.deadline = context.crew.now + context.timeouts.idle
            if context.closing:  # began while this response was on its way, whose head could not say so any more
                self.let_end(context.patience)
        else:
            self._phase = DRAIN
            self.deadline = context.crew.now + context.timeouts.head

    def _note(self, size: int) -> None:
        request, log = self._request, self._context.access_log
        if log is None:
            return
        if request is None:
            log.add(self._peer.host, "", "", 1, self._status, size, 0.0, None)
            return
        if request.method == "HEAD" or self._status in _BODILESS:
            size = 0
        section, seconds = request.head.section, perf_counter() - self._started
        log.add(self._peer.host, request.method, request.target, section.minor, self._status, size, seconds, section)

    def _drain(self, data: bytes) -> None:
        """Read away what is left of a body that the handler did not want."""
        protocol = self._protocol
        try:
            protocol.receive(data)
            while protocol_gave(protocol):
                pass
        except RemoteProtocolError:
            self._linger = True
            self._end()
            return
        if protocol.body_complete:
            protocol.start_next()
            self._release_body()
            self._phase = HEAD
            self.deadline = self._context.crew.now + self._context.timeouts.idle
            self._go_on()
            if self._context.closing:
                self.let_end(self._context.patience)

    @abstractmethod
    def let_end(self, patience: float) -> None:
        """The server is stopping: what is idle ends."""

    @abstractmethod
    def _go_on(self) -> None:
        """Another request may be waiting in the buffer."""

    def _end(self) -> None:
        """Close after a response; where input is unread, say so first and wait for the client to have read."""
        if not (self._linger or self._protocol.buffered or not self._protocol.body_complete):
            self.close()
            return
        self._phase = LINGER
        self.deadline = self._context.crew.now + self._context.timeouts.linger
        self._let_go()
        try:
            self._stream.shutdown_write()
        except OSError as error:
            self._lose(error)

    def _continue(self) -> None:
        """An event in one of the phases behind the handler."""
        if self._phase == SENDING:
            self._continue_sending()
            if self._phase < RUNNING:
                self._go_on()
            return
        try:
            data = self._stream.recv(self._context.read_ahead)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self.close()
        elif self._phase == DRAIN:
            self._drain(data)

    # Ends

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a status of the server's own, and read nothing more of this connection."""
        self._protocol.keep_alive = False
        self._linger = True
        self._last_byte = 0.0
        if self._request is None:
            self._started = perf_counter()
        self._reply(self._request, problem(self._request, status, detail))

    def _abort(self, reason: str) -> None:
        """End in a way that no client can take for the end of a response."""
        logger.warning("response to %s aborted: %s", self._peer.host, reason)
        self._reset()

    def _lose(self, error: OSError) -> None:
        """The peer is gone: its business, not a fault of ours."""
        logger.debug("%s went away: %s", self._peer.host, error)
        self._reset()

    def _reset(self) -> None:
        if self._request is not None and self._context.access_log is not None:
            self._note(max(0, self._sending.sent - self._sending.head_size) if self._sending is not None else 0)
        self._close(self._stream.reset)

    def close(self) -> None:
        """Close now, without a word; safe to call twice."""
        self._close(self._stream.close)

    def _close(self, end: Callable[[], None]) -> None:
        """The crew forgets the descriptor before it is closed: its number may be another connection's at once."""
        if self._phase == CLOSED:
            return
        self._phase = CLOSED
        self._let_go()
        self._context.forget(self, self._peer.host)
        self.fd = -1
        end()

    def _release_body(self) -> None:
        body, self._body = self._body, None
        if isinstance(body, BodyCollector):
            body.close()

    def _let_go(self) -> None:
        self._request = None
        self._release_body()
        sending, self._sending = self._sending, None
        if sending is not None:
            try:
                sending.close()
            except Exception as error:
                logger.error("closing the body of a response raised", exc_info=error)


def protocol_gave(protocol: ServerConnection) -> bool:
    """Drop what has arrived of a body; True while there was some."""
    return not protocol.body_complete and bool(protocol.read_body())
