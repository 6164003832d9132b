"""The half of a served connection that answers: a response becomes bytes, they leave as the socket takes them, and
the connection goes on to the next request or ends, cleanly or not.

    SENDING (WAITING where its body has nothing to send for a while) until the response is gone
    → DRAIN while an unread body can still be read away → HEAD
    LINGER where the connection ends with input unread: a plain close would reset it, and the reply could be lost.

The inbound half is in `connection.py`, what both stand on in `ending.py`; they are one object, and only one thread at
a time is inside it.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING, cast

from salver.net.poller import READ, WRITE
from salver.problem import problem
from salver.protocol.errors import LocalProtocolError, RemoteProtocolError
from salver.protocol.server_connection import CONTINUE, ServerConnection
from salver.request import Request, RequestBodyError
from salver.response import FileSegment, Response, WaitingBody
from salver.service.direct import wait_for_reader
from salver.service.ending import (
    BODILESS,
    BODY,
    CLOSED,
    CONTINUING,
    DRAIN,
    HEAD,
    QUEUED,
    RUNNING,
    SENDING,
    WAITING,
    Ending,
    close_quietly,
)
from salver.service.sending import BodyError, Sending
from salver.service.streaming import StreamedBody

if TYPE_CHECKING:
    from salver.service.waiting import WaitingSending

logger = logging.getLogger("salver")


class Outbound(Ending):
    """The answering half. See `HTTPConnection`."""

    __slots__ = ()

    # Answering

    def _reply(self, request: Request | None, response: Response) -> None:
        """Answer with any response. What cannot be sent becomes a 500, as long as nothing has left."""
        if self._phase == SENDING:  # the handler has sent a part of its own answer by `direct`
            response.close()
            self._abort("its handler broke off")
            return
        try:
            sending = self._prepare(response)
        except BaseException as error:
            if request is None:
                self._abort(f"its refusal could not be sent: {error}")
                return
            sending = self._prepare(self._context.failed(request, error))
        self._send(sending)

    def _prepare(self, response: Response) -> Sending:
        """The response as a queue, its head in front; the first piece of an iterable body is made before the head
        is taken as sent, so that a generator that raises at once still becomes a 500. What raises has let go of the
        body."""
        body, keep_alive = response.body, self._protocol.keep_alive
        sending = _waiting(self._protocol, body) if isinstance(body, WaitingBody) else Sending(self._protocol, body)
        try:
            sending.add_head(self.make_head(response, may_be_read=sending.pulls))
            sending.start(wanted=self.has_body(response.status))
        except BaseException:
            self._protocol.unsend_head(keep_alive)
            close_quietly(sending)
            raise
        self._status = response.status
        return sending

    def has_body(self, status: int) -> bool:
        """Whether the response to the request in hand has a body, if that is its status."""
        return status not in BODILESS and (self._request is None or self._request.method != "HEAD")

    def make_head(self, response: Response, *, may_be_read: bool = True) -> bytes:
        """The head of a response, which is taken as sent. `may_be_read`: what makes its body may still read the
        request's. Raises `LocalProtocolError`."""
        context, status, length = self._context, response.status, response.body_length
        if context.crew.now >= context.ready_until:
            context.refresh(context.crew.now)
        if isinstance(status, int) and status < 200:
            raise LocalProtocolError(f"a handler's status is 200 or more, not {status}")
        if length is not None and length < 0:
            raise LocalProtocolError(f"a body has no {length} bytes")
        self._settle_request_body(may_be_read=may_be_read)
        lines = response.lines
        ready, fields = (context.ready, response.headers.fields) if lines is None else (context.ready + lines, [])
        return self._protocol.send_head(status, fields, length, ready, response.reason)

    def _prepare_file(self, status: int, lines: bytes, segment: FileSegment) -> Sending:
        """The short way for a file's segment under lines that were encoded beforehand: two calls, where the socket
        takes all of it."""
        sending = Sending(self._protocol, segment)
        try:
            sending.add_head(self._protocol.head_encoded(status, lines, segment.length, self._context.ready))
        except BaseException:
            close_quietly(sending)
            raise
        sending.start(wanted=self._protocol.room == segment.length)
        self._status = status
        return sending

    def _settle_request_body(self, *, may_be_read: bool) -> None:
        """Say `Connection: close` where what is unread of the request's body is not worth reading. Where the
        response's own iterator may still read it (`may_be_read`), that is found out behind the response."""
        protocol = self._protocol
        if self._context.closing:
            protocol.keep_alive = False
        if not (protocol.body_complete or (may_be_read and isinstance(self._body, StreamedBody)) or self._drained()):
            self._linger = True
            if not self._may_drain():
                protocol.keep_alive = False

    def _drained(self) -> bool:
        """Drop what has arrived of an unread body; True where that was the rest of it."""
        protocol = self._protocol
        try:
            while not protocol.body_complete and protocol.read_body():
                pass
        except RemoteProtocolError:
            return False
        return protocol.body_complete

    def _may_drain(self) -> bool:
        """Whether an unread body is read away: not where the client still waits for 100 Continue."""
        body, left = self._body, self._protocol.body_left
        unasked = isinstance(body, StreamedBody) and body.owes_continue
        return not unasked and left is not None and left <= self._context.limits.drain

    # Sending

    def _send(self, sending: Sending) -> None:
        if self._phase == CLOSED:  # while its handler ran, by a server that stops
            close_quietly(sending)
            return
        self._sending = sending
        self._phase = SENDING
        self._continue_sending()

    def _send_rest(self, data: bytes, gone: int, head_size: int) -> None:
        """The socket took only `gone` bytes of a whole response: keep the rest."""
        sending = Sending(self._protocol)
        sending.add(memoryview(data)[gone:])
        sending.sent = gone
        sending.head_size = head_size
        self._sending = sending
        self._phase = SENDING
        self._wait_for_room()

    def _send_continue(self) -> None:
        """100 Continue; where a response before it still fills the socket, behind that one."""
        sending = Sending(self._protocol)
        sending.add_head(CONTINUE)
        self._sending = sending
        self._phase = CONTINUING
        self._continue_sending()

    def _continue_sending(self) -> None:
        sending = self._sending
        if sending is None:
            return
        before = sending.sent
        try:
            gone = sending.push(self._stream) or (sending.keeps_thread and self._push_here(sending))
        except BodyError as error:
            cause = error.__cause__
            if isinstance(cause, RequestBodyError):  # the client's fault: its iterator was reading what it sends
                self._abort(str(cause))
            else:
                self._abort(str(error), cause)
                self._context.pass_on(cause)
        except OSError as error:
            self._lose(error)
        else:
            if gone:
                self._sent(sending)
            elif sending.sent != before or self.interest != WRITE:
                self._wait_for_room()

    def _push_here(self, sending: Sending) -> bool:
        """Push all of a body that has to be pulled in one thread: this one waits, and does not lead. False where it
        may not, and the body is pulled by whoever leads then."""
        while not self._context.cut and self._context.crew.hand_over():
            wait_for_reader(self._stream, self._context.timeouts)
            if sending.push(self._stream):
                return True
        return False

    def _wait_for_room(self) -> None:
        """The socket is full, or others have their turn."""
        if self._context.cut:
            self._abort("the server has stopped")
            return
        if self._sending is not None:
            self._sending.unsent = self._stream.unsent()
        self.deadline = self._context.crew.now + self._context.timeouts.stalled
        self._want(WRITE)

    def _check_reader(self, sending: Sending, now: float) -> None:
        """The socket has had no room for so long. A large send buffer has room again only when a good part of it is
        gone: a client that does read, as fast as a body must arrive, has the same time again."""
        timeouts, unsent = self._context.timeouts, self._stream.unsent()
        if sending.unsent - unsent < timeouts.body_rate * timeouts.stalled:
            self._abort("the client has not read for too long")
            return
        sending.unsent = unsent
        self.deadline = now + timeouts.stalled

    def _sent(self, sending: Sending) -> None:
        if sending.waits:
            self._wait(cast("WaitingSending", sending))
            return
        self._sending = None
        if self._phase == CONTINUING:
            self._phase = BODY
            self.deadline = self._context.crew.now + self._context.timeouts.body
            self._want(READ)
            return
        if sending.cut:
            logger.error("a body was longer than its Content-Length, and was cut")
            self._protocol.keep_alive = False
        close_quietly(sending)
        self._want(READ)
        self._finish(sending.sent - sending.head_size)

    # Waiting for the body

    def _wait(self, sending: WaitingSending) -> None:
        """The body has nothing now. Nobody waits for it but the poll set, which tells of a client that goes."""
        if self._context.stopping:
            sending.finish()
            self._continue_sending()
        elif sending.attach(self._context.crew, self):
            self._continue_sending()  # once more: what came before nobody was told of
        else:
            self._phase = WAITING
            self.deadline = sending.next_look(self._context.crew.now, self._context.timeouts.stalled)
            self._want(READ if self._protocol.buffered < self._context.read_ahead else 0)
            sending.set_alarm()

    def _check_listener(self, now: float) -> None:
        """A client that vanished without a word is one that acknowledges nothing of what it is sent."""
        sending = cast("WaitingSending", self._sending)
        if sending.is_lost(self._stream.unsent()):
            self._abort("the client has acknowledged nothing for too long")
        else:
            self.deadline = sending.next_look(now, self._context.timeouts.stalled)

    def on_wake(self, sending: WaitingSending) -> None:
        """See `Owner`."""
        if self._phase == WAITING and self._sending is sending and sending.is_due():
            self._ask_again()

    def _ask_again(self) -> None:
        self._phase = SENDING
        self._continue_sending()
        if self._phase < RUNNING:
            self._go_on()

    def _hear(self) -> None:
        """The client has said something while it waits for events, or has gone. What it asks for next has its turn
        later, and is bounded."""
        try:
            data = self._stream.recv(self._context.read_ahead)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(ConnectionError("it has closed"))
            return
        self._protocol.receive(data)
        if self._protocol.buffered >= self._context.read_ahead:
            self._want(0)

    # After the answer

    def _finish(self, size: int) -> None:
        """The response has left, `size` bytes of body with it: note it, and go on or end."""
        context, protocol = self._context, self._protocol
        if context.access_log is not None:
            self._note(size)
        self._request = None
        if not protocol.keep_alive:
            self._end()
        elif self._body is None or protocol.body_complete or self._drained():
            self._await_next()
            if context.closing:  # began while this response was on its way, whose head could not say so any more
                self.let_end(context.patience)
        elif self._may_drain():
            self._phase = DRAIN
            self.deadline = context.crew.now + context.timeouts.head
        else:
            self._end()

    def _await_next(self) -> None:
        self._protocol.start_next()
        if self._body is not None:
            self._release_body()
        self._linger = False
        self._phase = HEAD
        self.deadline = self._context.crew.now + self._context.rest

    def _drain(self, data: bytes) -> None:
        """Read away what is left of a body that the handler did not want."""
        self._protocol.receive(data)
        if self._drained():
            self._await_next()
            self._go_on()
            if self._context.closing:
                self.let_end(self._context.patience)
        elif not self._may_drain():  # it turned out to be malformed
            self._end()

    @abstractmethod
    def let_end(self, patience: float) -> None:
        """The server is stopping: what is idle ends."""

    @abstractmethod
    def _go_on(self) -> None:
        """Another request may be waiting in the buffer."""

    def _continue(self) -> None:
        """An event in one of the phases behind the handler."""
        phase = self._phase
        if phase == QUEUED:  # its turn comes with an errand; until then nothing more is read
            return
        if phase in (SENDING, CONTINUING):
            self._make_way()
            self._continue_sending()
            if self._phase < RUNNING:
                self._go_on()
            return
        if phase == WAITING:
            self._hear()
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
        elif phase == DRAIN:
            self._drain(data)

    def _make_way(self) -> None:
        """What blocked is likely to block again when its iterator is pulled: let others be served meanwhile."""
        sites, request = self._context.sites, self._request
        pulls = self._sending is not None and self._sending.pulls
        if sites.watchful and pulls and request is not None and sites.has_blocked(request):
            self._context.crew.hand_over()

    # Refusals

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a status of the server's own, and read nothing more of this connection."""
        self._protocol.keep_alive = False
        self._linger = True
        self._last_byte = 0.0
        self._reply(self._request, self._context.finished(self._request, problem(self._request, status, detail)))


def _waiting(protocol: ServerConnection, body: WaitingBody) -> Sending:
    from salver.service.waiting import WaitingSending

    return WaitingSending(protocol, body)
