"""The sending of a body that may have nothing to send for a while (`WaitingBody`), and what it takes to go on then.

Between two pieces such a response costs no thread and no turn of the loop: the body's `wake` asks the crew for an
errand, one at a time however often it is called, and a timer stands for the moment at which the body wants to be asked
again. Timers cannot be called off, so there is one for each response, which moves on when it comes too early. This file
decides nothing about the connection.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from salver.net.terms import Member
from salver.response import WaitingBody
from salver.service.sending import Sending

if TYPE_CHECKING:
    from salver.net.crew import Crew
    from salver.protocol.connection import Connection


class Owner(Member, Protocol):
    """Whose response it is."""

    def on_wake(self, sending: WaitingSending) -> None:
        """The body of `sending` may have something again. An errand, perhaps of a response that is over."""


# Seconds that a timer may be early by the body's own clock.
_GRAIN = 0.001


class WaitingSending(Sending):
    """One such response on its way. Used by one thread at a time, but for `wake`."""

    __slots__ = (
        "_acknowledged",
        "_alarm",
        "_crew",
        "_due",
        "_is_called",
        "_look",
        "_outstanding",
        "_owner",
        "_waiting",
        "waits",
    )

    def __init__(self, protocol: Connection, body: WaitingBody) -> None:
        super().__init__(protocol, body)
        self._waiting = body
        self._crew: Crew | None = None
        self._owner: Owner | None = None
        self._alarm = self._due = math.inf  # crew time of the timer under way, and of the body's wish
        self._is_called = False  # an errand is under way
        self._look = -math.inf  # crew time of the next look at what the client acknowledges
        self._acknowledged, self._outstanding = 0, False  # at the last one: bytes, and whether some were missing
        self.waits = False

    def _refill(self) -> bool:
        """As ever, but that a piece may be None."""
        self.waits = False
        source = self._source
        if source is None:
            return False
        for data in source:
            if data is None:
                if self._protocol.room == 0:  # of what was promised nothing is left to wait for
                    break
                self.waits = True
                return False
            framed = self._frame(data)
            if framed:
                self._pieces.append(framed)
                return True
            if self.cut:
                break
        return self._end_body()

    def finish(self) -> None:
        """The body gives no more, by the server's wish: what is pulled next is its end."""
        self._source = iter(())

    def attach(self, crew: Crew, owner: Owner) -> bool:
        """Have `owner.on_wake` called as an errand when the body has something again. True the first time."""
        if self._owner is not None:
            return False
        self._crew, self._owner = crew, owner
        self._waiting.attach(self.wake)
        return True

    def wake(self) -> None:
        """See `WaitingBody.attach`."""
        crew, owner = self._crew, self._owner
        if not self._is_called and crew is not None and owner is not None:
            self._is_called = True
            crew.call_soon(self._called, owner)

    def _called(self) -> None:
        self._is_called = False  # first: what comes from here on is another call
        self._due = 0.0
        self._tell()

    def set_alarm(self) -> None:
        """Note when the body wants to be asked again, and see to it that it will be."""
        if self._crew is not None:
            self._due = self._crew.now + max(0.0, self._waiting.wait)
            self._arm(self._crew)

    def _arm(self, crew: Crew) -> None:
        if self._due < self._alarm:
            self._alarm = self._due
            crew.call_at(self._due, self._rung, self._owner)

    def _rung(self) -> None:
        self._alarm = math.inf
        self._tell()

    def _tell(self) -> None:
        if self._owner is not None:
            self._owner.on_wake(self)

    def is_due(self) -> bool:
        """Whether the body is to be asked, now that something has called; where not, the timer moves on."""
        crew = self._crew
        if crew is None:
            return False
        if crew.now >= self._due - _GRAIN:
            return True
        self._arm(crew)
        return False

    def next_look(self, now: float, every: float) -> float:
        """When `is_lost` is to be asked: every so many seconds, however often events come."""
        if self._look <= now:
            self._look = now + every
        return self._look

    def is_lost(self, unsent: int) -> bool:
        """Of what was on its way at the last look, nothing has been acknowledged since; `unsent` bytes are now."""
        acknowledged = self.sent - unsent
        lost = self._outstanding and acknowledged <= self._acknowledged
        self._acknowledged, self._outstanding = acknowledged, unsent > 0
        return lost

    def close(self) -> None:
        """As ever; whoever still wakes it does so for nothing, and keeps no connection alive."""
        self._crew = self._owner = None
        super().close()
