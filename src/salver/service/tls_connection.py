"""A served connection over TLS: the handshake in front, and reading on where TLS has more than the descriptor tells.

Everything else is `HTTPConnection`, which does not know. The handshake is a phase of its own before HEAD, event by
event in the leader like everything else: computing it takes a fraction of a millisecond, waiting for it no thread, and
it has a deadline. Who speaks HTTP here is told so in HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from salver.net.poller import READ, WRITE
from salver.net.tls import SpokenPlainly, TLSStream
from salver.request import ClientAddress
from salver.response import Response
from salver.service.connection import HTTPConnection
from salver.service.ending import BODY, DRAIN, HEAD, LINGER, QUEUED, WAITING

if TYPE_CHECKING:
    from salver.net.certificates import Certificates
    from salver.net.stream import SocketStream
    from salver.service.context import Context

logger = logging.getLogger("salver")

_PLAIN = "This port speaks HTTPS: the address must begin with https://\n"
_READING = frozenset((HEAD, BODY, DRAIN, LINGER, WAITING))


class TLSConnection(HTTPConnection):
    """A member of the crew, as `HTTPConnection`. Used by one thread at a time."""

    __slots__ = ("_shaking", "_tls")

    def __init__(self, stream: TLSStream, peer: ClientAddress, context: Context) -> None:
        """`stream`, its handshake not begun, becomes the connection's; the caller adds the connection to the crew."""
        super().__init__(stream, peer, context)
        self._tls = stream
        self._shaking = True
        self.deadline = context.crew.now + context.timeouts.handshake

    def on_ready(self) -> None:
        """A step of the handshake, or of the phase. Called by the crew; never raises."""
        if self._shaking and not self._shake():
            return
        HTTPConnection.on_ready(self)  # said so, and not with super(), because every request passes here
        if self._tls.more:
            self._context.crew.call_soon(self._read_on, self)

    def _read_on(self) -> None:
        """Behind what was read stood more. While a response is on its way it waits, as it would in a socket, and so it
        does behind requests that wait for their turn."""
        if self._tls.more and self._phase in _READING and self.interest:
            self.on_ready()
        elif self._phase == QUEUED:
            self._context.crew.call_soon(self._read_on, self)

    def _ask_again(self) -> None:
        """As ever; what comes behind the end of a body that waited may be here already."""
        super()._ask_again()
        if self._tls.more:
            self._context.crew.call_soon(self._read_on, self)

    def _shake(self) -> bool:
        """A step of the handshake; True where it is complete, and something of the request is here already."""
        stream = self._tls
        try:
            done = stream.shake()
        except BlockingIOError:
            return False
        except SpokenPlainly:
            self._shaking = False
            self._answer_plainly()
            return False
        except OSError as error:
            logger.debug("%s: no handshake: %s", self._peer.host, error)
            self.close()  # without a reset, so that the alert arrives
            return False
        if self.interest or stream.waits_to_send:  # else it has just begun, and is not watched yet
            self._want(WRITE if stream.waits_to_send else READ)
        if not done:
            return False
        self._shaking = False
        self.deadline = self._context.crew.now + self._context.timeouts.head
        return stream.more

    def _answer_plainly(self) -> None:
        """400 in the clear. What else of the request arrives is dropped, unread."""
        self._stream = self._tls.socket
        self._protocol.keep_alive = False
        self._linger = True
        self._started = perf_counter()
        self._reply(None, Response(_PLAIN, 400, content_type="text/plain; charset=utf-8"))

    def on_deadline(self, now: float) -> None:
        """The handshake, or the phase, has lasted too long. Called by the crew's sweep; never raises."""
        if self._shaking:
            logger.debug("%s: no handshake in time", self._peer.host)
            self.close()
        else:
            HTTPConnection.on_deadline(self, now)


def over(certificates: Certificates) -> Callable[[SocketStream, ClientAddress, Context], HTTPConnection]:
    """What makes a connection of an accepted stream: one over TLS, with the certificate of that moment."""

    def connect(stream: SocketStream, peer: ClientAddress, context: Context) -> HTTPConnection:
        return TLSConnection(certificates.wrap(stream), peer, context)

    return connect
