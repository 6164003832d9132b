"""Worker processes: a master that holds the listening sockets, forks workers, and does what `worker_plan` decides.

The master serves nothing and has one thread (a fork of more copies locks that nobody will ever release). It waits in
one `poll` for signals, for its workers' words, and for the next second.

    SIGTERM, SIGINT   let every request finish, then end; the second one: at once
    SIGHUP            replace the workers one by one; no request fails
    SIGUSR1           open the logs anew
    SIGKILL           the workers notice that the socket pair has ended, finish, and end

Rejected: SO_REUSEPORT with a listener a worker. The kernel then ties a waiting connection to one worker, and loses it
when that worker ends.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from salver.service.worker_plan import Action, Kill, Order, Staff, Start, Tell, WorkerTimes
from salver.service.worker_process import (
    BEAT,
    CANNOT_START,
    ORDERS,
    READY,
    REOPEN,
    MakeServer,
    WorkerServer,
    flush,
    leave,
    run_worker,
    signals_to,
)

if TYPE_CHECKING:
    from salver.handler import Handler
    from salver.net.certificates import Certificates
    from salver.net.listener import Listener
    from salver.service.settings import Settings

logger = logging.getLogger("salver.workers")

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)


def available_cpus() -> int:
    """How many processors this process may use; what `--workers auto` means."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_workers(
    make_handler: Callable[[], Handler],
    listeners: Sequence[Listener],
    settings: Settings,
    workers: int,
    times: WorkerTimes | None = None,
    tls: Certificates | None = None,
) -> int:
    """Serve with `workers` processes (at least 1) until a signal ends them; returns the exit code.

    `make_handler` is called in each worker: what it imports there, a SIGHUP imports anew. The listeners become the
    master's, which closes them at the end. `tls` is read here, so that the workers take each other's session tickets.
    `times.stop` is the settings' own. Call it in the main thread of a process
    that has no others yet; raises RuntimeError elsewhere, and where there is no `fork`.
    """

    def make_server(beat: Callable[[], None]) -> WorkerServer:
        from salver.service.server import Server  # here, so that a master alone stays small

        return Server(make_handler(), listeners=listeners, settings=settings, on_tick=beat, tls=tls)

    def release() -> None:
        for listener in listeners:
            listener.close()

    timeouts = settings.timeouts
    times = replace(times or WorkerTimes(), stop=timeouts.stop, last_request=timeouts.last_request)
    try:
        return Master(make_server, workers, times, release).run()
    finally:
        release()


class Master:
    """The master's loop, for any `MakeServer`. `run` once."""

    def __init__(
        self, make_server: MakeServer, size: int, times: WorkerTimes, release: Callable[[], None] = lambda: None
    ) -> None:
        """`release` lets go of what new workers would need: the listeners, to which nobody shall connect while the
        last workers finish. Called when stopping begins, perhaps more than once."""
        if size < 1:
            raise ValueError(f"there must be at least 1 worker, not {size}")
        self._make_server = make_server
        self._release = release
        self._times = times
        self._staff = Staff(size, times)
        self._links: dict[int, socket.socket] = {}  # by process
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._wake, select.POLLIN)
        self._stopped_by = 0

    def run(self) -> int:
        """Start the workers and see to them until all have ended. 0; 1 where none could start; 128 and the signal's
        number where a second one cut the stop short."""
        if not hasattr(os, "fork") or threading.current_thread() is not threading.main_thread():
            raise RuntimeError("worker processes need fork, and the main thread for their signals")
        with signals_to(self._waker, _SIGNALS), _frozen_heap():
            try:
                while not self._staff.finished:
                    self._step()
            finally:
                self._close()
        if self._staff.hopeless:
            return 1
        return 128 + self._stopped_by if self._staff.stopping is Tell.HURRY else 0

    def _step(self) -> None:
        now = time.monotonic()
        if self._staff.stopping:
            self._release()
        for action in self._staff.decide(now):
            self._do(action)
        if not self._staff.finished:
            self._listen(self._staff.wait(now))
        self._reap()

    def _close(self) -> None:
        """Also after an error of our own: workers see their links end, and stop."""
        for link in self._links.values():
            link.close()
        self._wake.close()
        self._waker.close()

    # Doing

    def _do(self, action: Action) -> None:
        if isinstance(action, Start):
            self._start()
        elif isinstance(action, Order):
            self._say(action.pid, ORDERS[action.what])
        elif isinstance(action, Kill):
            logger.error("worker %d is killed: %s", action.pid, action.why)
            os.kill(action.pid, signal.SIGKILL)  # ours until it is reaped: no other process can have the number

    def _start(self) -> None:
        try:
            ours, theirs = socket.socketpair()
            with _closed_on_error(ours, theirs):
                pid = self._fork(ours, theirs)
        except OSError as error:
            delay = self._staff.not_started(time.monotonic())
            logger.error("no worker can be started: %s; trying again in %.1f s", error.strerror, delay)
            return
        theirs.close()
        self._links[pid] = ours
        ours.setblocking(False)
        self._poll.register(ours, select.POLLIN)
        self._staff.started(pid, time.monotonic())

    def _fork(self, ours: socket.socket, theirs: socket.socket) -> int:
        """The worker's process id. Signals wait meanwhile: one that reached the child before it has handlers of its
        own would end up in our wake-up socket, which it still shares."""
        flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                self._be_worker(ours, theirs)
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _be_worker(self, ours: socket.socket, theirs: socket.socket) -> NoReturn:
        """In the child: let go of all that is the master's, work, and never return."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            self._close()  # the others' links above all: they must end when the master does
            ours.close()
            code = run_worker(theirs, self._make_server, self._times)
        except BaseException:
            traceback.print_exc()
        finally:
            leave(code)

    # Hearing

    def _listen(self, seconds: float) -> None:
        by_fd = {link.fileno(): pid for pid, link in self._links.items()}
        for fd, _ in self._poll.poll(seconds * 1000):
            if fd in by_fd:
                self._hear(by_fd[fd])
            else:
                self._on_signals()

    def _hear(self, pid: int) -> None:
        try:
            words = self._links[pid].recv(256)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        now = time.monotonic()
        if READY in words:
            self._staff.ready(pid, now)
            logger.info("worker %d serves", pid)
        if BEAT in words:
            self._staff.heard(pid, now)
        if not words:
            self._poll.unregister(self._links[pid])  # it is ending; `_reap` will see it

    def _on_signals(self) -> None:
        try:
            numbers = self._wake.recv(256)
        except BlockingIOError:
            return
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                logger.info("%s: stopping", signal.Signals(number).name)
                self._stopped_by = number
                self._staff.stop()
            elif number == signal.SIGHUP:
                logger.info("SIGHUP: replacing the workers")
                self._staff.reload()
            elif number == signal.SIGUSR1:
                for pid in self._links:
                    self._say(pid, REOPEN)

    def _say(self, pid: int, word: bytes) -> None:
        try:
            self._links[pid].send(word)
        except OSError:
            pass  # it has ended, or hears nothing any more: its deadline will tell

    def _reap(self) -> None:
        """Ask for our own processes alone: others of this process (an application's) are not ours to wait for."""
        for pid in list(self._links):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if ended:
                self._links.pop(pid).close()
                self._report(pid, os.waitstatus_to_exitcode(status))

    def _report(self, pid: int, code: int) -> None:
        ending = self._staff.ended(pid, time.monotonic(), cannot_start=code == CANNOT_START)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"has ended with code {code}"
        if ending.expected:
            logger.info("worker %d %s", pid, how)
            return
        logger.error("worker %d %s; %s", pid, how, ending.then)


@contextmanager
def _closed_on_error(*sockets: socket.socket) -> Iterator[None]:
    """Close the sockets where the block raises."""
    try:
        yield
    except OSError:
        for each in sockets:
            each.close()
        raise


@contextmanager
def _frozen_heap() -> Iterator[None]:
    """What exists now is left alone by the collector, in every worker too: its pages stay shared."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
