"""One connection being served: events in from the crew, requests through the handler, responses out.

A connection is in one phase at a time, and each event goes to that phase's step:

    HEAD → (BODY →) RUNNING → (SENDING →) (DRAIN →) HEAD …            LINGER → CLOSED at the end
    SENDING → WAITING → SENDING   where a body has nothing to send for a while
    HEAD → QUEUED → HEAD      where more requests have arrived than its share of a turn
    BODY → CONTINUING → BODY  where 100 Continue has to wait for room in the socket

The common request never leaves `on_ready`: received, parsed, handled and sent in one go by whoever leads. Only one
thread at a time is ever inside a connection: the leader, or, after a hand-over or a rescue, the thread that was; the
crew sees to that. This is the only place that answers with a status of the server's own. This file has the events and
what is read; `running.py` calls the handler, `outbound.py` answers, `ending.py` ends.
"""

from __future__ import annotations

import logging
from time import perf_counter

from salver.handler import options_of
from salver.net.poller import READ
from salver.protocol.errors import RemoteProtocolError
from salver.protocol.heads import RequestHead
from salver.request import Request
from salver.response import Response
from salver.service.bodies import BodyCollector, BodyTooLarge
from salver.service.ending import BODY, DRAIN, HEAD, QUEUED, RESTING, RUNNING, SENDING, UNANSWERED, WAITING
from salver.service.running import Running
from salver.service.streaming import StreamedBody

logger = logging.getLogger("salver")

_SERVER_ALLOWS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_PATIENCE_AFTER_BYTE = 5.0  # seconds: a deadline answers 408 only this long after the last byte, else it just closes


class HTTPConnection(Running):
    """A member of the crew, and the `Exchange` of its requests. Used by one thread at a time."""

    __slots__ = ()

    # Events

    def on_ready(self) -> None:
        """The stream can be read or written: one step of the phase. Called by the crew; never raises."""
        if self._phase >= SENDING:
            self._continue()
            return
        try:
            data = self._stream.recv(self._context.read_ahead)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._end_of_input()
        elif self._phase == HEAD:
            self._take_first(data)
        else:
            self._protocol.receive(data)
            self._advance()

    def begin(self) -> None:
        """The first call, of a connection that has just been accepted and is not watched: its request has often come
        with it. Raises OSError where it cannot be watched; the caller closes it then."""
        self.on_ready()
        if not self.interest and self.fd >= 0 and self._phase != WAITING:
            self._context.crew.watch(self, READ)

    def on_deadline(self, now: float) -> None:
        """The phase has lasted too long. Called by the crew's sweep; never raises."""
        if self._phase == BODY and isinstance(self._body, BodyCollector) and self._is_fast_enough(self._body, now):
            return
        if self._phase in (HEAD, BODY) and self._last_byte > 0.0:
            if now - self._last_byte >= _PATIENCE_AFTER_BYTE or self._phase == BODY:
                self._refuse(408, "the request did not arrive in time")
            else:
                self.close()
        elif self._phase == WAITING:
            self._check_listener(now)
        elif self._sending is not None:
            self._check_reader(self._sending, now)
        elif self._phase == HEAD and self._last_byte != RESTING:
            self._rest(now)
        elif self._phase != QUEUED:
            self.close()

    def _rest(self, now: float) -> None:
        """Idle for a while: keep only what it costs to wait on."""
        self._protocol.forget()
        self._last_byte = RESTING
        self.deadline += self._context.timeouts.idle - self._context.rest
        if self.deadline <= now:
            self.close()

    def on_rescue(self, blocked: bool) -> None:
        """The overseer has taken this connection from the leader; `blocked`, rather than computing."""
        request, attachment = self._request, self.attachment
        if request is None or self._phase < RUNNING:  # it is no handler that takes so long
            return
        if attachment is not None:
            attachment.on_rescue()
        if blocked:
            self._context.sites.learn(request)

    def let_end(self, patience: float) -> None:
        """The server is stopping: close now if idle, or `patience` seconds later if no request has come by then. What
        has arrived already is still answered: it was sent to a server that was up. A call of this member."""
        if self._is_idle():
            if patience > 0:
                self._last_byte = RESTING
                self.deadline = min(self.deadline, self._context.crew.now + patience)
                return
            self.on_ready()
            if self._is_idle():
                self.close()
        elif self._phase == DRAIN:  # its response is out
            self._end()
        elif self._phase == WAITING:
            self._ask_again()

    def _is_idle(self) -> bool:
        return self._phase == HEAD and not self._protocol.buffered

    # Reading

    def _take_first(self, data: bytes) -> None:
        """The common case: bytes that are one whole request, or nearly."""
        try:
            head = self._protocol.receive_request(data)
        except RemoteProtocolError as error:
            self._refuse(error.status, str(error))
            return
        if head is None:
            self._await_head()
            return
        self._take(head)
        if self._protocol.unread:
            self._advance()

    def _advance(self) -> None:
        """Answer what else has arrived, up to this connection's share of requests in a row."""
        protocol, left = self._protocol, self._context.limits.pipelined
        while self._phase < RUNNING:
            if self._phase == BODY:
                if not self._collect():
                    return
                continue
            if not left and protocol.buffered:
                self._phase = QUEUED
                self._context.crew.call_soon(self._advance_later, self)
                return
            left -= 1
            try:
                head = protocol.next_request()
            except RemoteProtocolError as error:
                self._refuse(error.status, str(error))
                return
            if head is None:
                self._await_head()
                return
            self._take(head)

    def _take(self, head: RequestHead) -> None:
        section = head.section
        if self._context.access_log is not None:
            self._started = perf_counter()
        if section.body_length or section.expects_other or head.target[0] != "/":
            self._begin(head)
        else:
            self._run(Request(head, self))

    def _go_on(self) -> None:
        self._advance()

    def _advance_later(self) -> None:
        """An errand: others have had their turn. Nothing was read meanwhile, so that what waits stays bounded."""
        if self._phase == QUEUED:
            self._phase = HEAD
            self._advance()

    def _await_head(self) -> None:
        """The next head is not complete: its deadline runs from its first byte."""
        if self._protocol.buffered:
            now = self._context.crew.now
            if self._last_byte <= 0.0:
                self.deadline = now + self._context.timeouts.head
            self._last_byte = now

    def _begin(self, head: RequestHead) -> None:
        """A head that needs a look: a body, an expectation, a target without a path."""
        section = head.section
        request = Request(head, self, None if section.body_length else b"")
        self._request = request
        self._status = UNANSWERED
        self._last_byte = 0.0
        if section.expects_other:
            self._refuse(417, "the only expectation known is 100-continue")
        elif head.method == "CONNECT":
            self._refuse(501, "this server is no proxy")
        elif section.body_length:
            self._begin_body(request, section.body_length)
        elif head.target == "*":  # RFC 9110 §9.3.7: about the server as a whole
            self._reply(request, Response(b"", 204, [("Allow", _SERVER_ALLOWS)]))
        else:
            self._run(request)

    def _begin_body(self, request: Request, length: int) -> None:
        context, protocol = self._context, self._protocol
        try:
            chosen = options_of(context.asked, request)
        except BaseException as error:
            protocol.keep_alive = False
            self._reply(request, context.failed(request, error))
            return
        limit: int | None = context.limits.body if chosen.max_body is None else chosen.max_body
        if chosen.stream_body and chosen.max_body is None:
            limit = None
        if limit is not None and length > limit:
            self._refuse(413, f"a body may have {limit} bytes here")
        elif limit is None or chosen.stream_body:
            expects = request.head.section.expects_continue
            self._body = StreamedBody(self._stream, protocol, context.timeouts, limit, expects, context.crew.hand_over)
            self._run(request)
        elif 0 < length <= protocol.buffered and length <= context.limits.body_in_memory:
            self._run(Request(request.head, self, protocol.read_body()))  # it has come with its head, as most do
        else:
            self._begin_collecting(request, limit)

    def _begin_collecting(self, request: Request, limit: int) -> None:
        context, now = self._context, self._context.crew.now
        self._last_byte = now
        self._body = BodyCollector(limit, context.limits.body_in_memory, now)
        self._phase = BODY
        self.deadline = now + context.timeouts.body
        if request.head.section.expects_continue and not self._protocol.buffered:
            self._send_continue()

    def _collect(self) -> bool:
        """Take what has arrived of the body; True where there is no more to wait for."""
        protocol, collector, request = self._protocol, self._body, self._request
        if not isinstance(collector, BodyCollector) or request is None:
            return False
        try:
            collector.add(protocol.read_body())
            collector.expect(protocol.body_announced)
            if not protocol.body_complete:
                self._last_byte = self._context.crew.now
                return False
            body = collector.finish()
        except RemoteProtocolError as error:
            self._refuse(error.status, str(error))
            return False
        except BodyTooLarge:
            self._refuse(413, "the body is larger than it may be here")
            return False
        except OSError as error:
            logger.error("a request body could not be kept: %s", error)
            self._refuse(507, "there is no room for the body")
            return False
        if isinstance(body, bytes):
            self._body = None
        self._run(Request(request.head, self, body))
        return True

    def _is_fast_enough(self, body: BodyCollector, now: float) -> bool:
        timeouts = self._context.timeouts
        if body.received < (now - body.started) * timeouts.body_rate:
            return False
        self.deadline = now + 1.0
        return True

    def _end_of_input(self) -> None:
        """The peer has sent its last byte. Between messages that is the usual end."""
        self._protocol.receive_eof()
        if self._phase == BODY:
            try:
                self._protocol.read_body()
            except RemoteProtocolError:
                logger.debug("%s went away inside a body", self._peer.host)
        self.close()
