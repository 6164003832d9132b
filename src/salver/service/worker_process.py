"""A worker's life: serve, say so, give a sign of life every second, and do what the master says.

Master and worker talk over one socket pair, a byte a message. Its end-of-file is how a worker learns that the master
has died, however it died. Commands don't come as signals: those may reach a worker from anybody (Ctrl-C goes to the
whole terminal, a service manager signals every process of the service), and one stop that arrives by two ways must
not count as two.

The main thread waits for messages and signals; the server runs in threads of its own, and so does each `stop`.
"""

from __future__ import annotations

import atexit
import logging
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, Protocol

from salver.service.worker_plan import Tell, WorkerTimes

logger = logging.getLogger("salver.workers")

# A worker's words, and the master's.
READY, BEAT = b"R", b"B"
REOPEN = b"l"
ORDERS = {Tell.RETIRE: b"r", Tell.STOP: b"s", Tell.HURRY: b"q"}

CANNOT_START = 3  # the exit code that says: another one would fail as well
_IGNORED = (signal.SIGINT, signal.SIGHUP)
_TAKEN = (signal.SIGTERM, signal.SIGUSR1)


class WorkerServer(Protocol):
    """What a worker needs of a server; `salver.service.server.Server` has it."""

    def start(self) -> None:
        """Begin to serve, in other threads."""

    def stop(self, grace: float | None = None, patience: float = 0.0) -> None:
        """Stop; returns when everything has ended. May be called again meanwhile, to hurry."""

    def reopen_logs(self) -> None:
        """Open log files anew."""


# Makes the server; what it is given is to be called about once a second while the server does its work.
MakeServer = Callable[[Callable[[], None]], WorkerServer]


def run_worker(link: socket.socket, make_server: MakeServer, times: WorkerTimes) -> int:
    """Serve until the master says otherwise or is gone; returns the process's exit code. Call it in the main thread
    of a freshly forked process that has no others, with `_TAKEN` and `_IGNORED` signals blocked or harmless.

    What a handler registers with `atexit` is run when all has been served. What the master had registered before it
    forked stays the master's; `multiprocessing` tells the two apart in the same way.
    """
    atexit._clear()
    try:
        return _serve(link, make_server, times)
    finally:
        atexit._run_exitfuncs()


def _serve(link: socket.socket, make_server: MakeServer, times: WorkerTimes) -> int:
    worker = _WorkerProcess(link, times)
    try:
        server = make_server(worker.beat)
        server.start()
    except Exception:
        traceback.print_exc()
        return CANNOT_START
    worker.run(server)
    return 0


class _WorkerProcess:
    """The main thread's loop."""

    def __init__(self, link: socket.socket, times: WorkerTimes) -> None:
        link.setblocking(False)
        self._link = link
        self._times = times
        self._told = Tell.NOTHING
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._ended = False
        self._take_signals()

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in _TAKEN:
            signal.signal(number, noted)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_IGNORED, *_TAKEN, signal.SIGCHLD})

    def beat(self) -> None:
        """A sign of life; from any thread. A master that does not read loses nothing by a lost one."""
        self._say(BEAT)

    def _say(self, word: bytes) -> None:
        try:
            self._link.send(word)
        except OSError:
            pass  # full, or the master is gone, which the loop notices by itself

    def run(self, server: WorkerServer) -> None:
        """Serve until it has been stopped."""
        self._say(READY)
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while not self._ended:
            for fd, _ in poll.poll():
                if fd == self._link.fileno():
                    self._hear(server, poll)
                else:
                    self._on_signals(server)

    def _hear(self, server: WorkerServer, poll: select.poll) -> None:
        """Messages of the master, or its end."""
        try:
            words = self._link.recv(64)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            poll.unregister(self._link)
            logger.warning("worker %d: the master is gone, stopping", os.getpid())
            self._obey(server, Tell.STOP)
        if REOPEN in words:
            server.reopen_logs()
        for what, word in ORDERS.items():
            if word in words:
                self._obey(server, what)

    def _on_signals(self, server: WorkerServer) -> None:
        try:
            numbers = self._wake.recv(64)
        except BlockingIOError:
            return
        if signal.SIGUSR1 in numbers:
            server.reopen_logs()
        if signal.SIGTERM in numbers:  # of somebody who means this worker alone: the others go on, nobody is in a hurry
            self._obey(server, Tell.RETIRE)

    def _obey(self, server: WorkerServer, what: Tell) -> None:
        if what <= self._told:
            return
        self._told = what
        times = self._times
        patience = {Tell.RETIRE: times.patience, Tell.STOP: times.last_request}.get(what, 0.0)
        grace = {Tell.RETIRE: times.stop + times.patience, Tell.STOP: times.stop}.get(what, 0.0)
        threading.Thread(target=self._stop, args=(server, grace, patience), daemon=True).start()

    def _stop(self, server: WorkerServer, grace: float, patience: float) -> None:
        try:
            server.stop(grace, patience)
        except Exception:
            logger.exception("worker %d: stopping failed", os.getpid())
        self._ended = True
        self._waker.send(b"\0")


def leave(code: int) -> NoReturn:
    """End this process without what the master does at its own end (`finally`)."""
    flush()
    os._exit(code)


def flush() -> None:
    """Write out what standard output and error hold."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # broken, closed or None: nobody is there to be told


def noted(_number: int, _frame: FrameType | None) -> None:
    """A signal handler that does nothing: the signal's number arrives through the wake-up descriptor."""


@contextmanager
def signals_to(waker: socket.socket, numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """In the main thread: signals become bytes in `waker`, which does not block from then on. Afterwards everything is
    as it was."""
    waker.setblocking(False)
    fd_before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, noted) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(fd_before)
