"""The overseer: a thread that notices when the leader is stuck in a call, and has it replaced.

It looks every few milliseconds, only while the leader is busy. A call that is there on two looks running is either
waiting (its thread sleeps, and its processor clock stands still) and is rescued at once, or computing, and is rescued a
little later: the crew then shares the interpreter with it, which costs, but keeps everybody served.

`Watch` decides, from what it is shown, without a thread or a clock of its own; `Overseer` is the thread around it.
Neither knows what a rescue does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from enum import Enum

from salver.net.terms import Term, cpu_time, is_runnable

__all__ = ["Overseer", "Verdict", "Watch"]

logger = logging.getLogger(__name__)

# Looks at an idle leader before the overseer goes to sleep: waking it costs the leader a system call, so a server with
# some requests every 40 ms keeps it awake instead.
_IDLE_LOOKS = 8
# Asleep, it looks once in so many seconds all the same: a wake-up that is missed costs seconds and not the server.
_BACKSTOP = 1.0
# A look that comes so much later than planned says that the machine or the interpreter is short of time. The leader
# will have been waiting for the same reason, so standing still proves nothing.
_LATE = 1.6


class Verdict(Enum):
    """What a look finds."""

    FINE = "the leader gets on"
    IDLE = "the leader has been polling for several looks"
    BLOCKED = "the leader is in the same call as before, and waits"
    BUSY = "the leader is in the same call as before, and computes"


class Watch:
    """Compares one look at the leader with the one before. Used by one thread."""

    __slots__ = (
        "_calls",
        "_cpu",
        "_cpu_time",
        "_every",
        "_idle",
        "_is_runnable",
        "_last",
        "_patience",
        "_since",
        "_term",
    )

    def __init__(
        self,
        every: float,
        patience: float,
        cpu: Callable[[int | None], float | None] = cpu_time,
        runnable: Callable[[int], bool] = is_runnable,
    ) -> None:
        """`every`: seconds between looks; `patience`: how long a call may compute; `cpu` reads a thread's clock, and
        `runnable` tells one that has no processor from one that wants none."""
        self._every = every
        self._patience = patience
        self._cpu_time = cpu
        self._is_runnable = runnable
        self._term: Term | None = None
        self._calls = -1
        self._since = self._last = 0.0
        self._cpu: float | None = None
        self._idle = 0

    def look(self, now: float, term: Term) -> Verdict:
        """One look at the leader, at `now` of a monotonic clock."""
        late = now - self._last > _LATE * self._every
        self._last = now
        calls = term.calls
        if term is not self._term or calls != self._calls:
            self._idle = 0
        elif term.slot:
            return self._judge(now - self._since, term, late)
        elif term.polling:
            self._idle += 1
        self._begin(now, term, calls)
        return Verdict.IDLE if self._idle >= _IDLE_LOOKS else Verdict.FINE

    def _begin(self, now: float, term: Term, calls: int) -> None:
        self._term, self._calls, self._since = term, calls, now
        self._cpu = None if term.polling else self._cpu_time(term.clock_id)

    def _computed(self, term: Term) -> float:
        before, after = self._cpu, self._cpu_time(term.clock_id)
        return after - before if before is not None and after is not None else 0.0

    def _judge(self, elapsed: float, term: Term, late: bool) -> Verdict:
        self._idle = 0
        if elapsed >= self._patience:
            return Verdict.BLOCKED if self._waits(elapsed, term) else Verdict.BUSY
        # Half a look of tolerance: the clock that woke us may be a little ahead of the one that we read.
        if not late and elapsed >= self._every / 2 and self._waits(elapsed, term):
            return Verdict.BLOCKED
        return Verdict.FINE

    def _waits(self, elapsed: float, term: Term) -> bool:
        """It has computed for less than half of the time, and not for want of a processor."""
        return self._computed(term) < elapsed / 2 and not self._is_runnable(term.native_id)


class Overseer:
    """The thread that looks. `rouse` is for the leader's thread, `stop` for any."""

    def __init__(
        self,
        watch: Watch,
        every: float,
        clock: Callable[[], float],
        current: Callable[[], Term | None],
        rescue: Callable[[Term, bool], object],
        ask_to_be_roused: Callable[[], None],
    ) -> None:
        """`current`: the term under way; `rescue(term, blocked)`: replace its leader; `ask_to_be_roused`: make the
        leader call `rouse` when it leaves `poll` next."""
        self._watch = watch
        self._every = every
        self._clock = clock
        self._current = current
        self._rescue = rescue
        self._ask_to_be_roused = ask_to_be_roused
        self._asleep = False
        self._stopping = False
        self._gate = threading.Lock()
        self._gate.acquire()
        self._thread = threading.Thread(target=self._run, name="crew-overseer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def rouse(self) -> None:
        """Look again, if asleep. Called by the leader when it has left `poll`."""
        if self._asleep:
            self._asleep = False
            self._open()

    def request_stop(self) -> None:
        """End soon. From any thread and from signal handlers."""
        self._stopping = True
        self._open()

    def join(self, timeout: float) -> bool:
        """Wait for the end; True if it has come."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _open(self) -> None:
        try:
            self._gate.release()
        except RuntimeError:  # open already, so it is awake
            pass

    def _run(self) -> None:
        pause = self._every
        while not self._stopping:
            self._gate.acquire(timeout=pause)
            try:
                pause = self.step(self._clock())
            except Exception:
                logger.exception("the overseer's look failed")
                pause = _BACKSTOP

    def step(self, now: float) -> float:
        """One look, with its consequence; seconds until the next."""
        term = self._current()
        if term is None:
            return self._every
        verdict = self._watch.look(now, term)
        if verdict is Verdict.IDLE:
            return self._fall_asleep(term)
        self._asleep = False
        if verdict is not Verdict.FINE:
            self._rescue(term, verdict is Verdict.BLOCKED)
        return self._every

    def _fall_asleep(self, term: Term) -> float:
        """First say that we sleep, then look whether the leader has left `poll` meanwhile.

        The leader does it the other way round: it first notes that it has left `poll`, then looks whether we sleep. So
        at least one of us sees the other, whatever the order.
        """
        calls = term.calls
        self._asleep = True
        self._ask_to_be_roused()
        if term.polling and term.calls == calls and self._current() is term:
            return _BACKSTOP
        self._asleep = False
        return self._every
