"""Noticing that a client goes while its handler waits for something else, such as a script.

A client that is gone and one that has only finished sending (and is answered, as RFC 9112 §9.6 has it) look the same
from here: both have sent a FIN. They differ in what comes back when they are sent something: the former resets the
connection. So what tells them apart is a response that says nothing, `100 Continue`, which any client of HTTP/1.1 must
be able to read before the final one, asked for or not (RFC 9110 §15.2). It is the only interim response that all do.
This file waits for nothing, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from salver.net.stream import Stream
from salver.protocol.server_connection import CONTINUE


class ClientWatch:
    """See `salver.exchange.ClientWatch`."""

    __slots__ = ("_may_ask", "_stream")

    def __init__(self, stream: Stream, may_ask: Callable[[], bool]) -> None:
        """`may_ask`: whether nothing of the response has left, and the client knows interim ones."""
        self._stream = stream
        self._may_ask = may_ask

    def fileno(self) -> int:
        """See the port."""
        return self._stream.fileno()

    def ask(self) -> bool:
        """See the port. Only where all of it leaves at once: half a response would be the beginning of the next."""
        if self._may_ask():
            try:
                if not self._stream.unsent():
                    self._stream.send(CONTINUE)
            except BlockingIOError:
                pass
            except OSError:
                return False
        return True
