"""`salver run --reload`: a server that is started anew whenever a file changes.

    parent    holds the listening sockets; serves nothing, and imports nothing of the application
    child     imports the application and serves; forked anew for every change
    watcher   says what has changed (`watching.py`)

The parent listens all the time: while there is no child, because one has just ended or the next one cannot be imported,
connections wait in the kernel, and nobody is refused. A child is the worker of `service/worker_process.py`: it hears
over a link, by whose end it also learns that its parent is gone. The parent has one thread, waits in one `poll`, and
decides by what its children and its signals say.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from salver.cli.errors import UsageError, printable
from salver.cli.watching import FAILED, READY, Watch
from salver.service.worker_plan import Tell, WorkerTimes
from salver.service.worker_process import (
    CANNOT_START,
    ORDERS,
    MakeServer,
    WorkerServer,
    flush,
    leave,
    run_worker,
    signals_to,
)

Work = Callable[[socket.socket], NoReturn]

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SIGNALS = (*_STOPPING, signal.SIGCHLD)
_RELOAD_GRACE = 2.0  # seconds that requests in flight have when their code has changed
_PATIENCE = 0.1  # seconds that a client has for its request which has connected just before
_HURRY = 2.0  # seconds between being told to hurry and being killed
_NAMED = 3  # changed files that are named


class Child:
    """A process of ours, with our end of its link. `deadline`: when it is pressed, in monotonic seconds."""

    __slots__ = ("_pid", "_told", "deadline", "link", "speaks")

    def __init__(self, pid: int, link: socket.socket) -> None:
        self._pid = pid
        self._told = Tell.NOTHING
        self.link = link
        self.speaks = True  # its end of the link is open
        self.deadline = math.inf

    def tell(self, what: Tell, seconds: float) -> None:
        """Tell it, unless it was told that or worse, and press it `seconds` later."""
        if what <= self._told:
            return
        self._told = what
        self.deadline = time.monotonic() + seconds
        try:
            self.link.send(ORDERS[what])
        except OSError:
            pass  # it is ending

    def press(self) -> None:
        """Its deadline has passed."""
        if self._told is Tell.RETIRE:
            self.tell(Tell.STOP, _RELOAD_GRACE)
        elif self._told is Tell.STOP:
            self.tell(Tell.HURRY, _HURRY)
        else:
            self.deadline = math.inf
            self.kill()

    def kill(self) -> None:
        """End it the hard way. It is ours until `has_ended` says so: nobody else can have its number."""
        os.kill(self._pid, signal.SIGKILL)

    def hear(self) -> bytes:
        """What it has said, b"" where that is nothing."""
        try:
            said = self.link.recv(65_536)
        except BlockingIOError:
            return b""
        except OSError:
            said = b""
        self.speaks = bool(said)
        return said

    def maybe_code(self, flags: int = os.WNOHANG) -> int | None:
        """Its exit code, or less than 0 for the signal that has ended it; None while it runs. Ask until there is one,
        and not again."""
        pid, status = os.waitpid(self._pid, flags)
        if not pid:
            return None
        self.link.close()
        return os.waitstatus_to_exitcode(status)


class Reloader:
    """The parent. `run` once, in the main thread of a process that has no others."""

    def __init__(self, make_server: MakeServer, watch: Watch, stop_grace: float) -> None:
        """`make_server` is called in each child; a `UsageError` is what its user has done wrong. `stop_grace`: seconds
        for what is in flight when all of it ends."""
        self._make_server = make_server
        self._watch = watch
        self._times = WorkerTimes(stop=stop_grace, patience=_PATIENCE)
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._child: Child | None = None
        self._watcher: Child | None = None
        self._heard = b""  # of the watcher, up to the end of a line
        self._changed: set[str] = set()  # files: where the child is to have a successor
        self._stopping = False

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve, and start anew, until SIGINT, SIGTERM or SIGHUP; a second one is in a hurry. `on_ready` is called when
        the files are watched, before the first child is there. Returns 0; raises `UsageError` where nothing can be
        watched."""
        with signals_to(self._waker, _SIGNALS):
            try:
                self._watcher = self._fork(self._watch.run)
                self._await_watcher(self._watcher)
                on_ready()
                self._start()
                while not (self._stopping and self._child is None):
                    self._step()
            finally:
                self._end()
        return 0

    def _await_watcher(self, watcher: Child) -> None:
        with watcher.link.makefile("rb", buffering=0) as lines:  # not a byte of what follows
            said = lines.readline().strip()
        if said != READY:
            reason = said.removeprefix(FAILED).decode() or "the watching process has ended"
            raise UsageError(f"the files cannot be watched: {reason}")
        watcher.link.setblocking(False)

    def _step(self) -> None:
        """Wait for something, and see to it."""
        child, watcher = self._child, self._watcher
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for each in (child, watcher):
            if each is not None and each.speaks:
                poll.register(each.link, select.POLLIN)
        deadline = math.inf if child is None else child.deadline
        poll.poll(None if deadline == math.inf else max(0.0, deadline - time.monotonic()) * 1_000)
        self._on_signals()
        if child is not None:
            child.hear()  # that it serves: its clients learn that without us
        if watcher is not None and watcher.speaks:
            self._hear_watcher(watcher)
        self._look_after_child()

    def _on_signals(self) -> None:
        try:
            numbers = self._wake.recv(256)
        except BlockingIOError:
            return
        for _ in [number for number in numbers if number in _STOPPING]:
            if self._child is not None and self._stopping:
                self._child.tell(Tell.HURRY, _HURRY)
            elif self._child is not None:
                self._child.tell(Tell.STOP, self._times.stop + _HURRY)
            self._stopping = True

    def _hear_watcher(self, watcher: Child) -> None:
        said = watcher.hear()
        if said:
            self._on_changes(said)
        elif not watcher.speaks:
            _say("the files are not watched any more; what changes is not served")

    def _on_changes(self, said: bytes) -> None:
        *lines, self._heard = (self._heard + said).split(b"\n")
        for line in lines:
            if line.startswith(FAILED):
                _say(f"the files cannot be watched: {line[len(FAILED) :].decode()}")
            elif line != READY:
                self._changed.update(json.loads(line))
        if self._changed and self._child is not None:
            self._child.tell(Tell.RETIRE, _PATIENCE)

    def _look_after_child(self) -> None:
        child = self._child
        if child is not None:
            code = child.maybe_code()
            if code is not None:
                self._child = None
                self._report(code)
            elif child.deadline <= time.monotonic():
                child.press()
        if self._child is None and self._changed and not self._stopping:
            self._start_anew()

    def _report(self, code: int) -> None:
        """A child has ended; where nobody wanted that, say how."""
        if self._stopping or self._changed:
            return
        if code == CANNOT_START:
            _say("waiting for a change")
        else:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"has ended with code {code}"
            _say(f"the server {how}; waiting for a change")

    def _start_anew(self) -> None:
        changed = sorted(self._changed)
        self._changed.clear()
        for path in changed:
            _forget_compiled(path)
        named = ", ".join(printable(os.path.relpath(path)) for path in changed[:_NAMED])
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        _say(f"{named}{more} changed, starting anew")
        self._start()

    # Processes

    def _start(self) -> None:
        def serve(link: socket.socket) -> NoReturn:
            importlib.invalidate_caches()
            leave(run_worker(link, self._make_or_say, self._times))

        self._child = self._fork(serve)
        self._child.link.setblocking(False)

    def _make_or_say(self, beat: Callable[[], None]) -> WorkerServer:
        try:
            return self._make_server(beat)
        except UsageError as error:
            _say(str(error))
            leave(CANNOT_START)

    def _fork(self, run: Work) -> Child:
        """A child that does `run(link)`. Signals wait meanwhile: one that reached it before it has handlers of its own
        would end up in our wake-up socket, which it still shares."""
        flush()
        ours, theirs = socket.socketpair()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                self._be_child(ours, theirs, run)
            return Child(pid, ours)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _be_child(
        self, ours: socket.socket, theirs: socket.socket, run: Callable[[socket.socket], NoReturn]
    ) -> NoReturn:
        """Let go of all that is the parent's, and never return."""
        try:
            signal.set_wakeup_fd(-1)
            for each in (ours, self._wake, self._waker):
                each.close()
            for child in (self._watcher, self._child):
                if child is not None:
                    child.link.close()
            run(theirs)
        except BaseException:
            traceback.print_exc()
        finally:
            leave(1)

    def _end(self) -> None:
        """Nobody is left, whatever has happened here."""
        for child in (self._child, self._watcher):
            if child is not None:
                child.kill()
                child.maybe_code(flags=0)
        self._wake.close()
        self._waker.close()


def code_folders(target: str) -> list[str]:
    """Where the files are whose changes count: the current folder, and that of the target's package, where it is
    imported from elsewhere. Imports nothing."""
    folders = [os.getcwd()]
    name = target.partition(":")[0].partition(".")[0]
    if name and folders[0] not in sys.path:
        sys.path.insert(0, folders[0])
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is not None and found.submodule_search_locations:
        folders += found.submodule_search_locations
    elif found is not None and found.has_location and found.origin:
        folders.append(os.path.dirname(found.origin))
    return folders


def _forget_compiled(path: str) -> None:
    """Python takes a compiled file for current whose source has the same size and second: not after an edit."""
    try:
        os.unlink(importlib.util.cache_from_source(path))
    except (OSError, NotImplementedError):
        pass


def _say(text: str) -> None:
    try:
        print(f"salver: {text}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads it
