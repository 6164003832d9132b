"""The crew: threads that take turns at leading one event loop, so that what blocks does not stop the others.

One thread, the leader, polls and calls whatever member is ready, inline, one after the other: no queue, no hand-over,
no second thread for what does not block. When a call is about to block (`hand_over`), or is seen to block (the
overseer's rescue), another thread becomes the leader, and the thread in the call finishes it beside the loop:

    the token of the call is taken from the term's slot → the member leaves the poll set (it is *detached*)
    → a waiting thread, or a new one, gets a new term and polls
    … the deposed thread comes back from the call, finds the slot empty, puts its member back into the poll set,
    forgets the rest of its batch (polling is level-triggered: it comes again), and waits for its next order.

What holds, always: one thread leads; a member is in the poll set, or served by one thread, never both; every popped
token makes exactly one thread cease to lead. The hot path (append, call, pop) takes no lock; everything else that
touches the poll set or the roster does, so that a descriptor closed and reused meanwhile cannot be confused.

This file does not know what its members are or do; it knows no bytes.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from salver.net.overseer import Overseer, Watch
from salver.net.poller import Poller
from salver.net.roster import CrewSettings, Roster
from salver.net.rounds import Rounds
from salver.net.terms import Deferred, Member, Order, Term, Worker

__all__ = ["Crew", "CrewSettings", "Member"]

logger = logging.getLogger(__name__)

_DEFAULTS = CrewSettings()


class Crew(Rounds):
    """Threads that serve members. See the module for how, and `Member` for what they must be.

    `add`, `remove`, `set_interest` are for the thread that serves the member, or any before `start`; `wake`,
    `call_soon`, `call_at`, `stop` for any thread; `request_stop` for signal handlers too.
    """

    def __init__(
        self,
        poller: Poller,
        settings: CrewSettings = _DEFAULTS,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_tick: Callable[[float], None] | None = None,
    ) -> None:
        """The poller becomes the crew's, which closes it in `stop`. `on_tick(now)` is called about once a second, in
        quiet times too, by the leader; it must not touch members, since a tick that blocks goes on beside them."""
        super().__init__(poller, settings.sweep_every, clock, on_tick)
        self._settings = settings
        self._roster = Roster(settings, self._work)
        self._term: Term | None = None
        self._queue: deque[Deferred] = deque()
        self._led_here: threading.Event | None = None  # set when a thread of the caller's does not lead any more
        self._raised: BaseException | None = None
        self._overseer = Overseer(
            Watch(settings.look_every, settings.rescue_busy_after),
            settings.look_every,
            clock,
            lambda: self._term,
            self._rescue,
            self._call_attention,
        )

    # Who leads

    def hand_over(self) -> bool:
        """Called where the calling thread may be about to block: let another thread lead.

        True if this thread may block now, because it does not lead (any more). False if it still has to lead, because
        all threads are busy: then the work is for `defer`, or is refused. Cheap for a thread that does not lead.
        """
        term = self._term
        if term is None or term.ident != threading.get_ident():
            return True
        if self._settings.max_threads == 1:
            return True
        with self._lock:
            if term.deposed or self._stopping:
                return True
            return self._roster.may_block() and self._replace(term)

    def _replace(self, term: Term) -> bool:
        """Under the lock: depose the leader, which is the calling thread, and appoint another."""
        worker = self._roster.call() if term.slot else None  # without a token there is no call that could be left
        if worker is None:
            return False
        self._depose(term)
        self._appoint(worker)
        return True

    def _rescue(self, term: Term, blocked: bool) -> bool:
        """The overseer's hand-over, on behalf of a leader that is stuck. False if it is not, or nobody can follow it:
        then it goes on leading when its call returns, or is rescued as soon as another thread is free."""
        with self._lock:
            if term is not self._term or term.deposed or self._stopping or not self._roster.may_be_rescued():
                return False
            worker = self._roster.call()
            member = self._depose(term) if worker is not None else None
            if worker is None or member is None:
                if worker is not None:
                    self._roster.put_back(worker)
                return False
        # Told before anybody leads: the member cannot have begun with anything else yet.
        self._tell_of_rescue(member, blocked)
        with self._lock:
            self._appoint(worker)
        return True

    def _tell_of_rescue(self, member: Member, blocked: bool) -> None:
        try:
            member.on_rescue(blocked)
        except Exception:
            logger.exception("a member failed when it was told of its rescue")

    def _depose(self, term: Term) -> Member | None:
        """Under the lock: take the token. None if the leader was faster."""
        try:
            member = term.slot.pop()
        except IndexError:
            return None
        term.deposed = True
        self._roster.busy += 1
        self._poll_set.detach(member)
        return member

    def _appoint(self, worker: Worker) -> None:
        self._term = term = Term()
        worker.give(term)

    def _rearm(self, member: Member) -> None:
        """The thread that served a detached member has done so."""
        with self._lock:
            self._poll_set.restore(member)
            waited = self._errands.release(member.fd)
        if waited:
            self._attention = True
            self._poller.wake()

    def defer(self, member: Member, work: Callable[[], None]) -> bool:
        """Where `hand_over` gave False: let `work` on the member of the call wait until a thread is free.

        The member is not served meanwhile; its call must return without touching it. False if the queue is full, and
        the work is to be refused. A thread that has been deposed meanwhile does the work here and now.
        """
        term = self._term
        with self._lock:
            if term is None or term.ident != threading.get_ident() or term.deposed:
                leads = False
            elif self._stopping or not term.slot or len(self._queue) >= self._settings.queue:
                return False
            elif not self._roster.busy and not self._roster.idle:
                return False  # nobody will come back: the system gives us no threads
            else:
                leads = True
                term.slot.pop()  # takes the leader to `_after_call`; until then nobody else may have the work
                self._poll_set.detach(member)
                term.deferred = Deferred(member, work)
        if not leads:
            work()
        return True

    def _others_at_work(self) -> bool:
        with self._lock:
            return bool(self._roster.busy or self._queue)

    def _leaving_poll(self) -> None:
        self._overseer.rouse()

    def _call_attention(self) -> None:
        self._attention = True

    def _after_call(self, term: Term, member: Member) -> bool:
        """The token was gone after a call: find out who took it. False if this thread leads no longer."""
        with self._lock:
            deferred, term.deferred = term.deferred, None
            deposed = term.deposed
        if deferred is not None:
            self._publish(deferred)
        if deposed:
            self._rearm(member)
        return not deposed

    def _publish(self, deferred: Deferred) -> None:
        """The call that deferred it has returned, so that another thread may have it."""
        with self._lock:
            free = self._roster.may_block() and not self._stopping
            worker = self._roster.call() if free else None
            if worker is None:
                self._queue.append(deferred)
                return
            self._roster.busy += 1
            worker.give(deferred)

    # The threads' way through their lives

    def start(self) -> None:
        """Start the first leader and the overseer. Raises RuntimeError if the system gives no thread."""
        with self._lock:
            worker = self._roster.call()
            if worker is None:
                raise RuntimeError("no thread can be started")
            self._appoint(worker)
        if self._settings.max_threads > 1:
            self._overseer.start()

    def lead_here(self) -> None:
        """Lead in the calling thread, instead of `start`, until `request_stop`: for a crew of one, whose handlers all
        run in that thread.

        KeyboardInterrupt and SystemExit end it, whether they come between two calls or inside one, and are raised.
        """
        self._led_here = threading.Event()
        self._term = Term()
        try:
            self._lead(self._term)
        except Exception:
            if not self._stopping:  # else the poller was closed by a `stop` that came before
                raise
        finally:
            self._led_here.set()
        if self._raised is not None:
            raise self._raised

    def _failed(self, member: Member) -> None:
        error = sys.exception()
        if self._led_here is None or isinstance(error, Exception):
            super()._failed(member)
            return
        self._raised = error
        self._close(member)
        self.request_stop()

    def _work(self, worker: Worker) -> None:
        order = self._roster.wait(worker, self._lock)
        while order is not None:
            if isinstance(order, Term):
                self._lead_or_fail(order)
            else:
                self._run_deferred(order)
            order = self._next(worker, order)
        with self._lock:
            self._roster.leave(worker)

    def _lead_or_fail(self, term: Term) -> None:
        try:
            self._lead(term)
        except Exception:  # of the poller; nothing can be served without it
            if not self._stopping:
                logger.critical("polling failed, the crew stops", exc_info=True)
                self.request_stop()

    def _run_deferred(self, deferred: Deferred) -> None:
        try:
            deferred.work()
        except BaseException:
            self._failed(deferred.member)
        self._rearm(deferred.member)

    def _next(self, worker: Worker, done: Order) -> Order:
        """What a thread does after its order: work that waited, else wait for another order."""
        with self._lock:
            if not isinstance(done, Term) or done.deposed:
                self._roster.busy -= 1
            if self._queue and (self._stopping or self._roster.may_block()):
                self._roster.busy += 1
                return self._queue.popleft()
            if self._stopping:
                self._roster.dismiss_idle()
                return None
            self._roster.put_back(worker)
        return self._roster.wait(worker, self._lock)

    @property
    def threads(self) -> int:
        """Threads there are: the leader, the busy, and those that wait."""
        return self._roster.threads

    @property
    def blocked(self) -> int:
        """Threads that serve a member without leading."""
        return self._roster.busy

    @property
    def waiting(self) -> int:
        """Pieces of deferred work for which no thread is free yet."""
        return len(self._queue)

    def request_stop(self) -> None:
        """Begin to stop; takes no lock, so a signal handler may call it. Calls under way and deferred work end."""
        self._stopping = True
        self._attention = True
        self._poller.wake()
        self._overseer.request_stop()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop: nobody polls any more, calls under way return, deferred work is done, threads end, the poller closes.

        Waits at most `timeout` seconds; True if all have ended. What is still running then goes on in its daemon
        thread, its member `detached`, and the members of work that did not begin are closed. Members stay their owner's
        to close. A thread of the crew may call it too, and is not waited for. Idempotent.
        """
        until = time.monotonic() + timeout
        self.request_stop()
        with self._lock:
            self._roster.dismiss_idle()
            workers = list(self._roster.workers)
        ended = [_join(worker, until) for worker in workers]
        ended.append(self._overseer.join(max(0.0, until - time.monotonic())))
        term = self._term
        if self._led_here is not None and term is not None and term.ident != threading.get_ident():
            ended.append(self._led_here.wait(max(0.0, until - time.monotonic())))
        self._refuse_deferred()
        self._poller.close()
        if not all(ended):
            self._leave_behind()
        return all(ended)

    def _leave_behind(self) -> None:
        """A leader that is stuck in a call leads nobody any more: so that `detached` tells whoever closes the members
        which of them a thread is still inside."""
        with self._lock:
            if self._term is not None and self._term.slot:
                self._depose(self._term)

    def _refuse_deferred(self) -> None:
        with self._lock:
            left = list(self._queue)
            self._queue.clear()
        for deferred in left:
            self._close(deferred.member)


def _join(worker: Worker, until: float) -> bool:
    thread = worker.thread
    if thread is None or thread is threading.current_thread():
        return True
    thread.join(max(0.0, until - time.monotonic()))
    return not thread.is_alive()
