"""Whether anybody is still there to hear what a script will say; looked at while it is silent, in the same poll.

A connection that is gone says so by itself. One that has only got a FIN may be a client that has finished sending and
waits: it is left in peace for a second, in which most scripts have answered, and then asked (`ClientWatch.ask`), after
which one that is gone says so. Where a client cannot be asked, the next piece of the answer does the same.
"""

from __future__ import annotations

import select
import time

from salver.exchange import ClientWatch

_PEACE = 1.0  # seconds
_FINISHED_SENDING = getattr(select, "POLLRDHUP", 0)  # Linux's; elsewhere only those are noticed that are gone


class ClientGone(Exception):
    """Nobody waits for the script's answer."""


class Audience:
    """One client of one run. Not thread-safe. Every method may raise `ClientGone`."""

    __slots__ = ("_ask_at", "_client", "_poller", "descriptor")

    def __init__(self, client: ClientWatch, poller: select.poll) -> None:
        """Watch `client` with `poller`, whose events for `descriptor` the caller gives to `on_event`."""
        self._client = client
        self._poller = poller
        self._ask_at = 0.0
        self.descriptor = client.fileno()  # as it was: the connection may be closed while we wait
        if self.descriptor < 0:
            raise ClientGone
        poller.register(self.descriptor, _FINISHED_SENDING)

    def on_event(self, events: int) -> None:
        """What poll says of it."""
        if events & select.POLLNVAL:  # a stream in memory has no descriptor
            self._poller.unregister(self.descriptor)
        elif events & (select.POLLHUP | select.POLLERR):
            raise ClientGone
        else:
            self._poller.modify(self.descriptor, 0)
            self._ask_at = time.monotonic() + _PEACE

    def ask_in(self, seconds: float) -> float:
        """How long may be waited, `seconds` at most, until it has to be asked; asks it where that is now."""
        if not self._ask_at:
            return seconds
        left = self._ask_at - time.monotonic()
        if left > 0:
            return min(seconds, left)
        self._ask_at = 0.0
        if not self._client.ask():
            raise ClientGone
        return seconds
