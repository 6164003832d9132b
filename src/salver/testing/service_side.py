"""What the service needs of a server, where there is none: a crew of nobody, a context that keeps what handlers raise,
and a stream that never waits.

The connection, the protocol and the handler's call are the service's own. Everything here is used by the one thread
that waits for the answer, but for `MemoryCrew.call_soon` and `call_at`, which any thread may call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, cast

from salver.handler import Handler
from salver.net.errands import Errand
from salver.net.stream import MemoryStream
from salver.net.timers import Timers
from salver.request import Request
from salver.service.connection import HTTPConnection
from salver.service.context import Context
from salver.service.settings import Settings

if TYPE_CHECKING:
    from salver.net.crew import Crew
    from salver.net.terms import Member
    from salver.service.sending import Sending

_SHORTEST_WAIT = 0.001  # seconds: for a deadline that is left standing after it has passed


class ServerEnd(MemoryStream):
    """The service's end: it takes all that is sent.

    `piecewise`: what is sent reaches the client, and is refused all the same until it comes again, as a stream may do
    it. So the service comes back for the next piece of a body when the client asks for more, and not before.
    """

    __slots__ = ("_gone", "piecewise")

    def __init__(self, twin: MemoryStream) -> None:
        """Takes the place of `twin`, one of a `memory_pair`."""
        super().__init__(twin._incoming, twin._outgoing, twin.fileno())
        self._gone = 0  # bytes that have left, and will come again
        self.piecewise = False

    def recv(self, size: int, /) -> bytes:
        try:
            return super().recv(size)
        except BlockingIOError:  # the service asks where there is something; this is a handler
            text = "the handler waits for what its client has not sent, and both are in one thread"
            raise ConnectionAbortedError(text) from None

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0, /) -> int:
        gone, self._gone = self._gone, 0
        if gone:
            super().send(b"")  # raises where the client has left meanwhile
            return gone
        gone = super().send(data)
        if self.piecewise and gone:
            self._gone = gone
            raise BlockingIOError
        return gone


class MemoryConnection(HTTPConnection):
    """A connection whose iterable bodies are pulled as they are read."""

    __slots__ = ()

    def note_failure(self, error: BaseException) -> None:
        """See `salver.problem.note_failure`."""
        self._context.pass_on(error)

    def _send(self, sending: Sending) -> None:
        cast(ServerEnd, self._stream).piecewise = sending.pulls
        super()._send(sending)


class MemoryContext(Context):
    """The context of one connection. `failures`: what its handlers have raised, in order."""

    __slots__ = ("_logs_failures", "failures")

    def __init__(
        self, handler: Handler, settings: Settings, crew: MemoryCrew, scheme: str, *, logs_failures: bool
    ) -> None:
        """`logs_failures`: they are for the log, too."""
        super().__init__(handler, settings, cast("Crew", crew), None, scheme)
        self._logs_failures = logs_failures
        self.failures: list[BaseException] = []

    def log_failure(self, request: Request, error: BaseException) -> None:
        if self._logs_failures:
            super().log_failure(request, error)

    def pass_on(self, error: BaseException | None) -> None:
        if error is not None:
            self.failures.append(error)


class MemoryCrew:
    """One member, and no thread: a handler may always block, for nobody else waits."""

    __slots__ = ("_errands", "_lock", "_rung", "_timers", "members")

    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self._errands: deque[Callable[[], None]] = deque()
        self._timers = Timers()
        self._lock = threading.Lock()  # of the timers
        self._rung = threading.Event()

    @property
    def now(self) -> float:
        """Seconds of the clock that deadlines are told by."""
        return monotonic()

    def add(self, member: Member) -> None:
        self.members[member.fd] = member

    def remove(self, member: Member) -> None:
        self.members.pop(member.fd, None)

    def set_interest(self, member: Member, interest: int) -> None:
        member.interest = interest

    def hand_over(self) -> bool:
        return True

    def defer(self, member: Member, work: Callable[[], None]) -> bool:
        self.call_soon(work, member)
        return True

    def call_soon(self, function: Callable[[], None], member: Member | None = None) -> None:
        """Run `function` between two events of the connection. Thread-safe."""
        self._errands.append(function)
        self._rung.set()

    def call_at(self, when: float, function: Callable[[], None], member: Member | None = None) -> None:
        """As `call_soon`, once `now` is `when`. Thread-safe."""
        with self._lock:
            self._timers.add(when, Errand(function, member))
        self._rung.set()

    def run_errand(self) -> bool:
        """Run what was asked for first; False where nothing was."""
        if self._timers.earliest <= self.now:
            with self._lock:
                self._errands.extend(errand.function for errand in self._timers.take_due(self.now))
        try:
            errand = self._errands.popleft()
        except IndexError:
            return False
        errand()
        return True

    def wait(self) -> None:
        """Wait for an errand, a timer, or the first deadline, and do what is due then.

        Time passes for the service here alone: a test that stops at a breakpoint runs into no deadline."""
        self._rung.clear()  # first: what comes from here on rings again
        if self._errands:
            return
        deadline = min(self._timers.earliest, min((member.deadline for member in self.members.values()), default=0.0))
        left = max(deadline - self.now, _SHORTEST_WAIT)
        if not self._rung.wait(min(left, threading.TIMEOUT_MAX)):
            for member in list(self.members.values()):
                if member.deadline <= self.now:
                    member.on_deadline(self.now)
