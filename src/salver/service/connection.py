"""One connection being served: events in from the crew, requests through the handler, responses out.

A connection is in one phase at a time, and each event goes to that phase's step:

    HEAD → (BODY →) RUNNING → (SENDING →) (DRAIN →) HEAD …            LINGER → CLOSED at the end

The common request never leaves `on_ready`: received, parsed, handled and sent in one go by whoever leads. Only one
thread at a time is ever inside a connection: the leader, or, after a hand-over or a rescue, the thread that was; the
crew sees to that. This is the only place that answers with a status of the server's own (`refusals.py` says which).
"""

from __future__ import annotations

import logging
from functools import partial
from time import perf_counter, thread_time
from typing import BinaryIO

from salver.handler import as_response, options_of
from salver.problem import problem
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.heads import RequestHead
from salver.protocol.server_connection import CONTINUE
from salver.request import ClientAddress, Request, RequestBodyError
from salver.response import FileSegment, Response, Written
from salver.service.bodies import BodyCollector, BodyTooLarge, buffered
from salver.service.direct import DirectConnection
from salver.service.outbound import BODY, HEAD, RUNNING, SENDING, Outbound
from salver.service.sending import written
from salver.service.streaming import StreamedBody

logger = logging.getLogger("salver")

_HTML = b"Content-Type: text/html; charset=utf-8\r\n"
_SERVER_ALLOWS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_PATIENCE_AFTER_BYTE = 5.0  # seconds: a deadline answers 408 only this long after the last byte, else it just closes


class AtLimit(BaseException):
    """Raised through a handler by `enter`, before it did anything: no thread is free for a site that blocks. Not an
    Exception, so that no handler's own error handling takes it for one."""


class HTTPConnection(Outbound):
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

    def on_deadline(self, now: float) -> None:
        """The phase has lasted too long. Called by the crew's sweep; never raises."""
        if self._phase == BODY and isinstance(self._body, BodyCollector) and self._is_fast_enough(self._body, now):
            return
        if self._phase in (HEAD, BODY) and self._last_byte:
            if now - self._last_byte >= _PATIENCE_AFTER_BYTE or self._phase == BODY:
                self._refuse(408, "the request did not arrive in time")
            else:
                self.close()
        elif self._phase == SENDING:
            self._abort("the client has not read for too long")
        else:
            self.close()

    def on_rescue(self, blocked: bool) -> None:
        """The overseer has taken this connection from the leader; `blocked`, rather than computing."""
        request = self._request
        if self.attachment is not None:
            self.attachment.on_rescue()
        if blocked and request is not None:
            self._context.sites.learn(request)

    def let_end(self, patience: float) -> None:
        """The server is stopping: close now if idle, or `patience` seconds later if no request has come by then. What
        has arrived already is still answered: it was sent to a server that was up. A call of this member."""
        if self._is_idle():
            if patience > 0:
                self.deadline = min(self.deadline, self._context.crew.now + patience)
                return
            self.on_ready()
            if self._is_idle():
                self.close()

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
        if self._protocol.buffered:
            self._advance()

    def _advance(self) -> None:
        """Answer what else has arrived, up to this connection's share of requests in a row."""
        protocol, left = self._protocol, self._context.limits.pipelined
        while left > 0 and self._phase < RUNNING:
            left -= 1
            try:
                head = protocol.next_request() if self._phase == HEAD else None
            except RemoteProtocolError as error:
                self._refuse(error.status, str(error))
                return
            if head is not None:
                self._take(head)
            elif self._phase == HEAD:
                self._await_head()
                return
            elif not self._collect():
                return
        if self._phase < RUNNING and protocol.buffered:
            self._context.crew.call_soon(self._advance_later, self)

    def _take(self, head: RequestHead) -> None:
        section = head.section
        if section.body_length or section.expects_other or head.target[0] != "/":
            self._begin(head)
        else:
            self._run(Request(head, self))

    def _go_on(self) -> None:
        self._advance()

    def _advance_later(self) -> None:
        if self._phase < RUNNING:
            self._advance()

    def _await_head(self) -> None:
        """The next head is not complete: its deadline runs from its first byte."""
        if self._protocol.buffered:
            now = self._context.crew.now
            if not self._last_byte:
                self.deadline = now + self._context.timeouts.head
            self._last_byte = now

    def _begin(self, head: RequestHead) -> None:
        """A head that needs a look: a body, an expectation, a target without a path."""
        section = head.section
        request = Request(head, self, None if section.body_length else b"")
        self._request = request
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
        context, chosen = self._context, options_of(self._context.handler, request)
        limit = context.limits.body if chosen.max_body is None else chosen.max_body
        if length > limit and not chosen.stream_body:
            self._refuse(413, f"a body may have {limit} bytes here")
            return
        now = context.crew.now
        self._last_byte = now
        if chosen.stream_body:
            most = limit if chosen.max_body is not None else None
            expects = request.head.section.expects_continue
            self._body = StreamedBody(self._stream, self._protocol, context.timeouts, most, expects)
            self._run(request)
            return
        self._body = BodyCollector(limit, context.limits.body_in_memory, now)
        self._phase = BODY
        self.deadline = now + context.timeouts.body
        if request.head.section.expects_continue and not self._protocol.buffered:
            self._send_continue()

    def _send_continue(self) -> None:
        try:
            self._stream.send(CONTINUE)  # 25 bytes into an empty send buffer
        except OSError as error:
            self._lose(error)

    def _collect(self) -> bool:
        """Take what has arrived of the body; True where there is no more to wait for."""
        protocol, collector, request = self._protocol, self._body, self._request
        if not isinstance(collector, BodyCollector) or request is None:
            return False
        try:
            collector.add(protocol.read_body())
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
        elapsed = now - body.started
        if elapsed < timeouts.body or body.received < elapsed * timeouts.body_rate:
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

    # Running

    def _run(self, request: Request) -> None:
        self._request = request
        self._last_byte = 0.0
        context = self._context
        if context.access_log is not None:
            self._started = perf_counter()
        if context.sites.watchful or isinstance(self._body, StreamedBody):
            self._run_watchfully(request)
        else:
            self._call(request)

    def _run_watchfully(self, request: Request) -> None:
        """As `_run`, where something is known to block: hand over first, and watch whether it still does."""
        sites = self._context.sites
        if not isinstance(self._body, StreamedBody) and not sites.might_block(request):
            self._call(request)
            if request.site is None and not self.detached:
                sites.passed()
        elif self._context.crew.hand_over():
            self._call_and_watch(request)
        else:
            self._defer(request)

    def _call_and_watch(self, request: Request) -> None:
        wall, cpu = perf_counter(), thread_time()
        self._call(request)
        self._context.sites.observe(request, perf_counter() - wall, thread_time() - cpu)

    def _defer(self, request: Request) -> None:
        """No thread may block now: wait for one, or be refused."""
        self._phase = RUNNING
        if not self._context.crew.defer(self, partial(self._run_deferred, request)):
            self._phase = HEAD
            self._reply(request, problem(request, 503, headers=[("Retry-After", "1")]))

    def _run_deferred(self, request: Request) -> None:
        self._call_and_watch(request)
        if self._phase < RUNNING:
            self._advance()

    def _call(self, request: Request) -> None:
        """Run the handler and answer with what it gives: text and bytes in one piece, the rest step by step."""
        context = self._context
        self._phase = RUNNING
        try:
            result = context.handler(request)
            if context.crew.now >= context.ready_until:
                context.refresh(context.crew.now)
            if context.closing:
                self._protocol.keep_alive = False
            if result.__class__ is str and self._body is None:
                self._status, body = 200, result.encode()
                data = self._protocol.respond_encoded(200, _HTML, body, context.ready)
            else:
                response = result if isinstance(result, Response) else as_response(result)
                if response.body.__class__ is FileSegment and response.lines is not None and self._body is None:
                    self._send_file(response.status, response.lines, response.body)
                    return
                if response.body.__class__ is not bytes or response.reason is not None or self._body is not None:
                    self._reply_by_steps(request, response)
                    return
                self._status, body = response.status, response.body
                data = self._respond(response, body)
        except AtLimit:
            self._defer(request)
        except RequestBodyError as error:
            self._refuse(error.status, str(error))
        except Exception as error:
            self._reply(request, context.failed(request, error))
        else:
            self._send_whole(data, len(body))

    def _respond(self, response: Response, body: bytes) -> bytes:
        status, lines, ready = response.status, response.lines, self._context.ready
        if status < 200:
            raise LocalProtocolError(f"a handler's status is 200 or more, not {status}")
        if lines is not None:
            return self._protocol.respond_encoded(status, lines, body, ready)
        return self._protocol.respond(status, response.headers.fields, body, ready)

    def _send_whole(self, data: bytes, size: int) -> None:
        """Send a response in one piece, `size` bytes of it body; keep what the socket does not take."""
        try:
            gone = self._stream.send(data)
        except BlockingIOError:
            gone = 0
        except OSError as error:
            self._lose(error)
            return
        if gone == len(data):
            self._finish(size)
        else:
            self._send_rest(data, gone, len(data) - size)

    def _reply_by_steps(self, request: Request, response: Response) -> None:
        if isinstance(response, Written):
            self._send_written(response)
        else:
            self._reply(request, response)

    def _send_written(self, response: Written) -> None:
        """What the handler wrote as HTTP itself; its word on the connection's future counts beside ours."""
        protocol = self._protocol
        self._status = response.status
        if not protocol.body_complete:
            self._settle_request_body()
        protocol.keep_alive &= response.keep_alive
        whole = response.whole
        if response.aborted:
            response.close()
            self._abort("its handler broke off")
        elif whole is not None:
            self._send_whole(whole, response.size)
        else:
            self._send(written(protocol, response))

    # The Exchange of the running request

    @property
    def client(self) -> ClientAddress:
        """The peer of the connection."""
        return self._peer

    @property
    def scheme(self) -> str:
        """ "http" or "https"."""
        return self._context.scheme

    def hand_over(self) -> bool:
        """See `Request.hand_over`."""
        return self._context.crew.hand_over()

    def enter(self, site: object) -> None:
        """See `Request.enter`. Raises `AtLimit` where the site blocks and no thread may."""
        sites = self._context.sites
        if sites.watchful and sites.site_might_block(site) and not self._context.crew.hand_over():
            raise AtLimit

    def direct(self) -> DirectConnection:
        """The connection for a handler that writes HTTP itself, and answers with `Written`."""
        return DirectConnection(self._stream, self._protocol, self._context, self)

    def body_stream(self) -> BinaryIO:
        """See `Request.stream`; for bodies that are streamed."""
        body = self._body
        if not isinstance(body, StreamedBody):
            raise RuntimeError("the request's body is not streamed, or its response has been sent")
        return buffered(body.read_more)
