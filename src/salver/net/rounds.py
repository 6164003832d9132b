"""The rounds of a leader: poll, call what is ready, see to errands and deadlines, poll again.

This is the part of the crew that one thread at a time is in. Each call of a member is made with a token in the slot of
the thread's term (`terms.py` says why); where the token is gone afterwards, `_after_call` finds out what that means,
and a leader that was deposed leaves everything else of its round to its successor: polling is level-triggered, errands
stay in their queue, deadlines are found again. This file does not know who succeeds, or why.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial

from salver.net.deadlines import Calendar, survey
from salver.net.errands import Errand, Errands
from salver.net.poll_set import PollSet
from salver.net.poller import Poller
from salver.net.terms import Member, Term, cpu_clock
from salver.net.timers import Timers

__all__ = ["Rounds"]

logger = logging.getLogger(__name__)

# Errands in a row: an event for ten thousand listeners is as many of them, and a request should not wait for all.
_ERRANDS = 128


class _Tick:
    """The tick as a member, so that a tick that blocks is rescued like anything else."""

    __slots__ = ("_call", "deadline", "detached", "fd", "interest")

    def __init__(self, call: Callable[[float], None]) -> None:
        self._call = call
        self.fd = -1
        self.interest = 0
        self.detached = False
        self.deadline = math.inf

    def on_ready(self) -> None:
        """Never in the poll set."""

    def on_deadline(self, now: float) -> None:
        self._call(now)

    def on_rescue(self, blocked: bool) -> None:
        if blocked:
            logger.debug("the tick blocks; it is called by another thread until it returns")

    def close(self) -> None:
        """A tick that raised is called again all the same."""


class Rounds(ABC):
    """Members, and the loop that serves them. `Crew` adds the threads."""

    def __init__(
        self, poller: Poller, sweep_every: float, clock: Callable[[], float], on_tick: Callable[[float], None] | None
    ) -> None:
        """`sweep_every`: seconds between two checks of the deadlines."""
        self._lock = threading.RLock()
        self._poll_set = PollSet(poller, self._lock)
        self.members = self._poll_set.members
        self.now = clock()
        self._poller = poller
        self._clock = clock
        self._tick = _Tick(on_tick) if on_tick is not None else None
        self._errands = Errands()
        self._newcomers: deque[Errand] = deque()
        self._calendar = Calendar(sweep_every)
        self._timers = Timers()
        self._stopping = False
        # The one thing that the leader looks at after each poll; True if there may be anything but events to see to.
        self._attention = True

    @abstractmethod
    def _after_call(self, term: Term, member: Member) -> bool:
        """The token was gone after a call: act on it. False if this thread leads no longer."""

    @abstractmethod
    def _others_at_work(self) -> bool:
        """True if members are detached at this moment."""

    @abstractmethod
    def _leaving_poll(self) -> None:
        """Called where attention was asked for, before anything else."""

    # What it looks after

    def add(self, member: Member, *, exclusive: bool = False) -> None:
        """Look after `member`. From here on another thread may serve it. `exclusive`: see `Poller.add`.

        Raises OSError when its descriptor cannot be watched; then it was not added.
        """
        self._poll_set.add(member, exclusive)

    def welcome(self, member: Member, first: Callable[[], None]) -> None:
        """As `add`, for one that has probably been sent something already: it is not watched yet (its `interest` is 0),
        and at the end of this round `first` is called as a call of it, which reads what is there and, where the member
        is to stay, begins to watch it. Who comes with one question is then never watched at all. For the leader."""
        self._poll_set.add(member, exclusive=False)
        self._newcomers.append(Errand(first, member))

    def watch(self, member: Member, mask: int) -> None:
        """As `set_interest` for a member that waits for nothing, but that OSError is raised where it cannot be watched:
        the member is the caller's to close then."""
        self._poll_set.watch(member, mask)

    def remove(self, member: Member) -> None:
        """Forget `member`; to be called before its descriptor is closed. Idempotent."""
        with self._lock:
            if self._poll_set.holds(member):
                self._errands.drop(member.fd)
                self._poll_set.remove(member)

    def set_interest(self, member: Member, mask: int) -> None:
        """Wait for other bits of READ and WRITE from now on; 0 leaves the poll set, errors and hang-ups included."""
        self._poll_set.set_interest(member, mask)

    # The round

    def _lead(self, term: Term) -> None:
        """Poll and call until deposed, or until the crew stops. The hot path: it pays for every line."""
        term.clock_id = cpu_clock()
        term.native_id = threading.get_native_id()
        term.ident = threading.get_ident()
        poll, clock, find = self._poller.poll, self._clock, self.members.get
        put, take = term.slot.append, term.slot.pop
        calendar, timeout, newcomers = self._calendar, self._calendar.timeout, self._newcomers
        now = clock()
        attending = True  # to what the leader before us was asked, and did not come to
        self._begin_attending(now)
        while True:
            # After one batch and before the next poll: an errand may take a member out of the poll set (`defer`), and a
            # batch that is older than that would have it served all the same.
            if (attending and not self._run_errands(term)) or (newcomers and not self._begin_with_newcomers(term)):
                return
            term.polling = True
            events = poll(timeout(now))
            term.polling = False  # before `_attention` is read: see Overseer._fall_asleep
            self.now = now = clock()
            attending = self._attention
            if attending:
                self._begin_attending(now)
            for fd, _ in events:
                member = find(fd)
                if member is None:
                    self._poll_set.forget_stray(fd)
                    continue
                term.calls += 1
                put(member)
                try:
                    member.on_ready()
                except BaseException:
                    self._failed(member)
                try:
                    take()
                except IndexError:
                    if not self._after_call(term, member):
                        return
            if now >= calendar.due and not self._sweep(term, now):
                return

    def _call(self, term: Term, member: Member, function: Callable[[], None]) -> bool:
        """`function` as a call of `member`, off the hot path. False if this thread leads no longer."""
        term.calls += 1
        term.slot.append(member)
        try:
            function()
        except BaseException:
            self._failed(member)
        try:
            term.slot.pop()
        except IndexError:
            return self._after_call(term, member)
        return True

    def _failed(self, member: Member) -> None:
        logger.error("a member failed and is closed", exc_info=sys.exception())
        self._close(member)

    def _close(self, member: Member) -> None:
        try:
            member.close()
        except BaseException:  # whatever it is, the thread must go on
            logger.exception("a member could not be closed")
        self.remove(member)

    # Everything that is not an event

    def wake(self) -> None:
        """Make the leader return from `poll`."""
        self._poller.wake()

    def call_soon(self, function: Callable[[], None], member: Member | None = None) -> None:
        """Run `function` in the leader's thread at its next turn. From any thread.

        With `member` it is a call of that member like `on_ready`: it may block (and hand over), it waits while another
        thread serves the member, and is dropped if the member has been removed. Without one it may touch every member
        that is not detached, and must be quick: it cannot be rescued.
        """
        self._errands.put(Errand(function, member))
        self._attention = True
        self._poller.wake()

    def call_at(self, when: float, function: Callable[[], None], member: Member | None = None) -> None:
        """As `call_soon`, once the crew's clock (`now`) has come to `when`. Cannot be called off. From any thread."""
        with self._lock:
            first = self._timers.add(when, Errand(function, member))
        if first:
            self._attention = True
            self._poller.wake()

    def _begin_attending(self, now: float) -> None:
        """What `_attention` may mean and cannot wait for the end of the batch."""
        self._attention = False  # first: what comes after this is seen at the next turn
        self._leaving_poll()
        self._calendar.hasten(now)
        self._calendar.set_alarm(self._timers.earliest)

    def _run_errands(self, term: Term) -> bool:
        """What the leader was asked to do, but not what it is asked meanwhile, and not so much at once that others
        wait for it. False if it leads no longer."""
        asked = len(self._errands)
        if asked > _ERRANDS and not self._stopping:
            asked = _ERRANDS
            self._attention = True
            self._poller.wake()  # for the rest, behind what is ready by then
        for _ in range(asked):
            function, member = self._errands.pop()
            if member is None:
                self._run_plainly(function)
            elif self._may_call(function, member) and not self._call(term, member, function):
                return False
        return not self._stopping

    def _begin_with_newcomers(self, term: Term) -> bool:
        """The first calls of those that came in this round, or in that of a leader before us. False if this thread
        leads no longer."""
        while self._newcomers:
            first, member = self._newcomers.popleft()
            if member is not None and self._may_call(first, member) and not self._call(term, member, first):
                return False
        return True

    def _run_plainly(self, function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException:
            logger.exception("a function that the leader was asked to run failed")

    def _may_call(self, function: Callable[[], None], member: Member) -> bool:
        with self._lock:
            if member.detached and self._poll_set.holds(member):
                self._errands.park(member.fd, Errand(function, member))
                return False
            return self._poll_set.holds(member)

    def _take_timers(self, now: float) -> None:
        """What is due becomes errands of the next turn, where each is a call that may block."""
        with self._lock:
            due = self._timers.take_due(now)
        for errand in due:
            self._errands.put(errand)
        self._calendar.set_alarm(self._timers.earliest)
        self._attention = True
        self._poller.wake()

    def _sweep(self, term: Term, now: float) -> bool:
        """Timers, the tick and the deadlines. False if this thread leads no longer; then its successor sweeps at
        once."""
        if now >= self._timers.earliest:
            self._take_timers(now)
        if now < self._calendar.survey:
            return True
        tick = self._tick
        if tick is not None and not tick.detached and not self._call(term, tick, partial(tick.on_deadline, now)):
            return False
        others = self._others_at_work()  # asked first: they may be setting deadlines that the survey does not see
        due, earliest = survey(list(self.members.values()), now)
        for member in due:
            # What another member did on its deadline may have closed this one, or moved its deadline.
            stands = self._poll_set.holds(member) and member.deadline <= now
            if stands and not self._call(term, member, partial(member.on_deadline, now)):
                return False
        # A tick is a sign of life for whoever asked for it: it comes in quiet times too.
        self._calendar.plan(now, earliest, others or bool(due) or tick is not None)
        self._attention = True  # so that the next event hastens what was planned for quiet times
        return True
