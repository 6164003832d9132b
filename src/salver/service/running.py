"""Calling the handler, inline or handed over, and what the running request asks of its connection.

What is known to block is handed over before it runs; where no thread may block, it waits for one, or is refused with
503. Whatever a handler raises, also what is no Exception, is an answer here: nothing of it reaches the crew's thread.
This file does not read from the client, and knows no deadline.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, BinaryIO

from salver.exchange import address_of
from salver.handler import DeclaredSite, as_response
from salver.problem import problem
from salver.protocol.errors import LocalProtocolError
from salver.request import ClientAddress, Request, RequestBodyError
from salver.response import FileSegment, FollowedBytes, Response, Written
from salver.service.bodies import buffered
from salver.service.direct import DirectConnection
from salver.service.ending import HEAD, RUNNING, SENDING, UNANSWERED, close_quietly
from salver.service.outbound import Outbound
from salver.service.sending import Sending, written
from salver.service.streaming import StreamedBody

if TYPE_CHECKING:
    from salver.service.departure import ClientWatch
    from salver.service.transmission import Transmission

_HTML = b"Content-Type: text/html; charset=utf-8\r\n"


class AtLimit(BaseException):
    """Raised through a handler by `enter`, before it did anything: no thread is free for a site that blocks. Not an
    Exception, so that no handler's own error handling takes it for one."""


class Running(Outbound):
    """The half that runs requests. See `HTTPConnection`."""

    __slots__ = ()

    @abstractmethod
    def _advance(self) -> None:
        """Answer what else has arrived."""

    def _run(self, request: Request) -> None:
        self._request = request
        self._last_byte = 0.0
        if self._context.sites.watchful or isinstance(self._body, StreamedBody):
            self._run_watchfully(request)
        else:
            self._call(request)

    def _run_watchfully(self, request: Request) -> None:
        """As `_run`, where something is known to block: hand over first, and watch whether it still does."""
        sites = self._context.sites
        if not isinstance(self._body, StreamedBody) and not sites.might_block(request):
            self._entered = None
            self._call(request)
            entered: tuple[float, float] | None = self._entered
            if entered is not None:
                sites.observe(request, perf_counter() - entered[0], thread_time() - entered[1])
            elif request.site is None and not self.detached:
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
        self._status = UNANSWERED
        if not self._context.crew.defer(self, partial(self._run_deferred, request)):
            self._phase = HEAD
            page = problem(request, 503, headers=[("Retry-After", "1")])
            self._reply(request, self._context.finished(request, page))

    def _run_deferred(self, request: Request) -> None:
        self._call_and_watch(request)
        if self._phase < RUNNING:
            self._advance()

    def _call(self, request: Request) -> None:
        """Run the handler and answer with what it gives: text and bytes in one piece, the rest step by step."""
        context = self._context
        sending: Sending | Written | FollowedBytes | None = None
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
                if response.body.__class__ is not bytes or response.reason is not None or self._body is not None:
                    sending = self._prepare_any(response)
                else:
                    self._status, body = response.status, response.body
                    data = self._respond(response, body)
        except AtLimit:
            self._defer(request)
        except RequestBodyError as error:
            self._refuse(error.status, str(error))
        except BaseException as error:
            self._reply(request, context.failed(request, error))
        else:
            if sending is None:
                self._send_whole(data, len(body))
            else:
                self._send_any(sending)

    def _send_any(self, sending: Sending | Written | FollowedBytes) -> None:
        if isinstance(sending, FollowedBytes):
            self._send_followed(sending)
            return
        if not isinstance(sending, Written):
            self._send(sending)
            return
        whole = sending.whole
        if whole is not None and self._phase == RUNNING and not sending.aborted:
            self._send_whole(whole, sending.size)
        else:
            self._send_left(sending)

    def _send_left(self, response: Written) -> None:
        """The rest of what left in part while its handler ran; where that broke off, a reset."""
        sending = written(self._protocol, response)
        if response.aborted:
            self._sending = sending  # for the log: how much of it has left
            self._abort("its handler broke off")
        else:
            self._send(sending)

    def _prepare_any(self, response: Response) -> Sending | Written | FollowedBytes:
        """Whatever does not leave in one piece, or is not over with that: a file has a short way of its own."""
        body, lines = response.body, response.lines
        if body.__class__ is FollowedBytes and response.reason is None and self._body is None:
            return self._prepare_followed(response, body)
        if isinstance(response, Written):
            return self._prepare_written(response)
        if body.__class__ is FileSegment and lines is not None and self._body is None:
            return self._prepare_file(response.status, lines, body)
        request = self._request
        return self._prepare(response if request is None else response.answered(request))

    def _prepare_written(self, response: Written) -> Written:
        """What the handler wrote as HTTP itself; its word on the connection's future counts beside ours."""
        protocol = self._protocol
        self._status = response.status
        if not protocol.body_complete:
            self._settle_request_body(may_be_read=False)
        protocol.keep_alive &= response.keep_alive
        return response

    def _prepare_followed(self, response: Response, body: FollowedBytes) -> FollowedBytes:
        try:
            body.framed = self._respond(response, body.data)
        except BaseException:
            close_quietly(body)
            raise
        self._status = response.status
        return body

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

    def _send_followed(self, body: FollowedBytes) -> None:
        """As `_send_whole`; what follows still belongs to the handler's run, and to its thread."""
        data, size = body.framed, len(body.data)
        try:
            gone = self._stream.send(data)
        except BlockingIOError:
            gone = 0
        except OSError as error:
            close_quietly(body)
            self._lose(error)
            return
        close_quietly(body)
        if gone == len(data):
            self._finish(size)
        else:
            self._send_rest(data, gone, len(data) - size)

    # The Exchange of the running request

    @property
    def client(self) -> ClientAddress:
        """The peer of the connection."""
        return self._peer

    @property
    def local(self) -> ClientAddress:
        """Our own end of the connection."""
        try:
            return address_of(self._stream.getsockname())
        except OSError:  # the server has cut it, while its handler runs
            return address_of(None)

    @property
    def scheme(self) -> str:
        """ "http" or "https"."""
        return self._context.scheme

    def hand_over(self) -> bool:
        """See `Request.hand_over`."""
        return self._context.crew.hand_over()

    def enter(self, site: object) -> None:
        """See `Request.enter`. Raises `AtLimit` where the site blocks and no thread may, as long as nothing of the
        response has left: behind that, it cannot be put off."""
        sites = self._context.sites
        if not (sites.watchful or site.__class__ is DeclaredSite) or not sites.site_might_block(site):
            return
        if not self._context.crew.hand_over() and self._phase == RUNNING:
            raise AtLimit
        self._entered = perf_counter(), thread_time()

    def direct(self) -> DirectConnection:
        """The connection for a handler that writes HTTP itself, and answers with `Written`."""
        return DirectConnection(self._stream, self._protocol, self._context, self)

    def transmission(self) -> Transmission:
        """See `Exchange.transmission`."""
        from salver.service.transmission import Transmission

        return Transmission(self, self.direct(), self._protocol)

    def watch_client(self) -> ClientWatch | None:
        """See `Exchange.watch_client`."""
        from salver.service.departure import ClientWatch

        return ClientWatch(self._stream, self._may_interim)

    def _may_interim(self) -> bool:
        """Whether an interim response may leave now: before the final one, and to a client of HTTP/1.1 (RFC 9110
        §15.2)."""
        request = self._request
        return self._phase == RUNNING and request is not None and request.head.section.minor > 0

    def note_begun(self) -> None:
        """A part of the response has left by `direct`: from here on there can be no other, and no clean end."""
        if self._phase == RUNNING:
            self._phase = SENDING

    def body_stream(self) -> BinaryIO:
        """See `Request.stream`; for bodies that are streamed."""
        body = self._body
        if not isinstance(body, StreamedBody):
            raise RuntimeError("the request's body is not streamed, or its response has been sent")
        return buffered(body.read_more)
