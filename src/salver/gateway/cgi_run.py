"""One run of a script: its input fed, its output and its complaints taken, within the times that it has.

Everything that can move (the script's three pipes and its end) is waited for in one poll, so a script that talks while
it should listen, or complains without end, stops nobody. The thread that is here waits; who serves others must have
handed over before. This file knows nothing of heads, fields and responses.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import BinaryIO, cast

from salver.exchange import ClientWatch
from salver.gateway.cgi_audience import Audience
from salver.gateway.cgi_complaints import Complaints
from salver.gateway.cgi_held import Held
from salver.gateway.cgi_process import Child, start
from salver.gateway.cgi_settings import CGISettings

_PIECE = 65_536
_PIPE_PIECES = 32  # as many may be in a pipe at the end; what somebody else still writes into it does not count
_TICK = 0.05  # seconds between two looks, where no descriptor tells of the script's end
_ENDING = 0.1  # seconds that a script which has closed its output has to end, until it is left to itself
# Seconds that a script has to end before its first bytes are looked at. Most have by then; then there was one thing
# to wait for instead of three, and the answer goes out whole.
_HEAD_START = 0.002


class Hung(Exception):
    """The script was silent, or at work, for longer than it may."""


class Run:
    """A script at work, from its start to `end`. Used by one thread at a time."""

    __slots__ = (
        "_audience",
        "_complaints",
        "_name",
        "_poller",
        "_settings",
        "_stderr",
        "_stdin",
        "_stdout",
        "_until",
        "child",
        "ended",
        "exit_code",
        "held",
    )

    def __init__(
        self,
        command: tuple[str, ...],
        environment: dict[bytes, bytes],
        settings: CGISettings,
        *,
        stdin: int | None,
        name: str,
        bury: Callable[[Child], None],
    ) -> None:
        """Start `command`. `stdin`: the descriptor that it reads, which stays the caller's; None for a pipe, which
        `feed` fills. Raises OSError."""
        pipes: list[int] = []
        try:
            pipes += os.pipe() + os.pipe()
            if stdin is None:
                pipes += os.pipe()
            theirs = (pipes[4] if stdin is None else stdin, pipes[1], pipes[3])
            self.child = start(command, environment, theirs, settings, bury)
        except BaseException:
            for each in pipes:
                os.close(each)
            raise
        os.close(pipes[1])
        os.close(pipes[3])
        self._stdout, self._stderr, self._stdin = pipes[0], pipes[2], -1
        if stdin is None:
            os.close(pipes[4])
            self._stdin = pipes[5]
            os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)
        os.set_blocking(self._stderr, False)
        self._settings = settings
        self._name = name
        self._complaints: Complaints | None = None  # most have none
        self._until = time.monotonic() + settings.total_time
        self._poller: select.poll | None = None  # made when there is more to wait for than the end
        self._audience: Audience | None = None
        self.held = Held()
        self.ended = False  # nothing more will come
        self.exit_code: int | None = None  # known once it has ended; None even then, where it goes on without us

    # Input

    def feed(self, first: bytes, rest: BinaryIO | None) -> None:
        """Give the script `first` and everything that `rest` has, as it comes, until the script will have no more.

        Reading `rest` may block and raise; what the script says meanwhile is held. Raises `Hung`.
        """
        self._write(memoryview(first))
        if rest is not None:
            read = cast("Callable[[int], bytes]", getattr(rest, "read1", rest.read))
            while self._stdin >= 0:
                data = read(_PIECE)
                if not data:
                    break
                self._write(memoryview(data))
        self._close_input()

    def _write(self, data: memoryview) -> None:
        until = self._silence_ends()
        while data:
            try:
                gone = os.write(self._stdin, data)
            except BlockingIOError:
                until = self._wait_for_room(until)
            except OSError:  # it has closed its input, or is gone: what it says counts
                break
            else:
                data, until = data[gone:], self._silence_ends()
            if self.ended:
                break
        if data:
            self._close_input()

    def _wait_for_room(self, until: float) -> float:
        """Wait until something moves, not later than `until`; returns when silence ends now."""
        before = self.held.length
        if before > self._settings.max_body:
            raise Hung("it answers more than can be held while it is still being asked")
        self._watched().register(self._stdin, select.POLLOUT)
        self._turn(until)
        return until if self.held.length == before else self._silence_ends()

    def _close_input(self) -> None:
        if self._stdin >= 0:
            self._forget(self._stdin)
            self._stdin = -1

    # Output

    def give_head_start(self) -> bool:
        """Wait, for two milliseconds at most, until the script has ended; whether it has. Where nothing tells of its
        end, nothing is waited for."""
        if self.child.exit_fd >= 0 and not self.ended and self.child.wait(_HEAD_START):
            self._finish()
        return self.ended

    def wait_for(self, seconds: float, enough: int) -> bool:
        """Take what comes within `seconds`, or until `enough` bytes are held; True where the script has ended."""
        until = time.monotonic() + seconds
        while not self.ended and self.held.length < enough:
            if not self._move(until):
                break
        return self.ended

    def wait_for_more(self, hand_over: Callable[[], bool] | None = None) -> bool:
        """Wait until more has come than there was, calling `hand_over` before anything is waited for; False where the
        script has ended. Raises `Hung`."""
        before, until = self.held.length, self._silence_ends()
        self._move(0.0)
        while not self.ended and self.held.length == before:
            if hand_over is None or hand_over():
                self._turn(until)
            else:  # every thread is taken, and this one leads: others must not wait for long
                self._turn(until, at_most=_TICK)
        return self.held.length > before

    def watch(self, client: ClientWatch | None) -> None:
        """From here on whatever waits raises `ClientGone` where `client` is; and so does this."""
        if client is not None:
            self._audience = Audience(client, self._watched())

    def _silence_ends(self) -> float:
        return min(time.monotonic() + self._settings.timeout, self._until)

    def _turn(self, until: float, at_most: float | None = None) -> None:
        """Wait for something to move; raises `Hung` where nothing does until `until`."""
        now = time.monotonic()
        soon = until if at_most is None else min(until, now + at_most)
        if not self._move(soon) and time.monotonic() >= until:
            raise Hung("it was silent for too long")

    def _move(self, until: float) -> bool:
        """Wait for something to move, but not longer than `until`, and take it; False where nothing did. May raise
        `ClientGone`."""
        left = max(0.0, until - time.monotonic())
        if self.child.exit_fd < 0:
            left = min(left, _TICK)
        audience = self._audience
        if audience is not None:
            left = audience.ask_in(left)
        poller = self._watched()
        events = poller.poll(left * 1_000)
        over = self.child.exit_fd < 0 and self.child.poll() is not None
        for descriptor, happened in events:
            if descriptor == self._stdout:
                over = not self._take_output() or over
            elif descriptor == self._stderr:
                self._take_complaints()
            elif descriptor == self._stdin:
                poller.unregister(descriptor)  # there is room, or nobody reads any more: the next write tells
            elif audience is not None and descriptor == audience.descriptor:
                audience.on_event(happened)
            else:
                over = True
        if over:
            self._finish()
        return bool(events) or over

    def _watched(self) -> select.poll:
        """What tells of everything that can move."""
        poller = self._poller
        if poller is None:
            poller = self._poller = select.poll()
            for descriptor in (self._stdout, self._stderr, self.child.exit_fd):
                if descriptor >= 0:
                    poller.register(descriptor, select.POLLIN)
        return poller

    def _take_output(self) -> bool:
        """Take one piece; False where there will be no more."""
        try:
            data = os.read(self._stdout, _PIECE)
        except BlockingIOError:
            return True
        self.held.add(data)
        return bool(data)

    def _take_complaints(self) -> bool:
        """Take one piece of standard error; False where there is none just now."""
        if self._stderr < 0:
            return False
        try:
            data = os.read(self._stderr, _PIECE)
        except BlockingIOError:
            return False
        if data:
            if self._complaints is None:
                self._complaints = Complaints(self._name, self._settings.max_stderr)
            self._complaints.add(data)
        else:
            self._forget(self._stderr)
            self._stderr = -1
        return bool(data)

    def _forget(self, descriptor: int) -> None:
        if self._poller is not None:
            try:
                self._poller.unregister(descriptor)
            except KeyError:
                pass
        os.close(descriptor)

    # Ends

    def _finish(self) -> None:
        """The script has ended, or has closed its output. What it started may hold the pipes open and is not waited
        for: what is in them now is all."""
        if self.ended:
            return
        for _ in range(_PIPE_PIECES):
            before = self.held.length
            if not self._take_output() or self.held.length - before < _PIECE:  # all there was
                break
        for _ in range(_PIPE_PIECES):
            if not self._take_complaints():
                break
        self.ended = True
        self.exit_code = self.child.poll()
        if self.exit_code is None and self.child.wait(_ENDING):
            self.exit_code = self.child.poll()

    def end(self) -> None:
        """Let go of everything: a script that still runs gets SIGTERM and then SIGKILL; one that has closed its output
        and goes on with something else may, as long as the time lasts. Waits for nothing; safe to call twice."""
        if self._stdout < 0:
            return
        self._close_input()
        if self._complaints is not None:
            self._complaints.close()
        os.close(self._stdout)
        stderr, self._stdout, self._stderr = self._stderr, -1, -1
        self.held.close()
        patience = max(0.001, self._until - time.monotonic()) if self.ended else 0.0
        self.child.end(patience, self._settings.grace, keep=stderr)
