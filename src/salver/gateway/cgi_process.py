"""One script as a process: how it is started, bounded, told to end, and buried.

Limits are set from outside, by prlimit, on a process that has just begun (`cgi_start`): all its life but some
microseconds is under them, and what it allocates, computes or starts later counts against them as if it had never been
otherwise. A `preexec_fn` is no way: it runs Python between fork and exec while other threads hold locks, and makes it a
real fork.

A script leads a session of its own, so that signals reach whatever it started and none of the terminal's reach it.
Its number is signalled only as long as it has not been waited for: it cannot be another's by then.
"""

from __future__ import annotations

import logging
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable

from salver.gateway.cgi_settings import CGISettings
from salver.gateway.cgi_start import Process, start_process

logger = logging.getLogger("salver.cgi")

_LIMITS = (
    (resource.RLIMIT_DATA, "memory"),  # what it writes to; a program's text and mapped files (git's packs) are free
    (resource.RLIMIT_CPU, "cpu_seconds"),
    (resource.RLIMIT_NPROC, "processes"),
    (resource.RLIMIT_FSIZE, "file_size"),
)
_FOLLOWERS_GRACE = 0.1  # seconds between the end of a script that was told to end, and SIGKILL for what it started
_LOOK_EVERY = 0.05  # seconds, where the kernel gives no descriptor that tells of the end


class NotBounded(Exception):
    """The limits could not be set: the program runs as somebody else."""


class Child:
    """A running script. Owned by one thread at a time; `end` gives it away and may be called once.

    `exit_fd`: readable once the process has ended, -1 where the kernel has no such thing.
    """

    __slots__ = ("_bury", "_kept", "_process", "exit_fd", "pid")

    def __init__(self, process: Process, bury: Callable[[Child], None]) -> None:
        """`bury` is called once, from any thread, when the process has been waited for."""
        self._process = process
        self._bury = bury
        self._kept = -1
        self.pid = process.pid
        self.exit_fd = _open_exit(process.pid)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, None while it runs. Waits for nothing."""
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        """Wait for its end without burying it; True where it has ended (or, where that cannot be told apart, has been
        waited for)."""
        if self.exit_fd < 0:
            return self._look_until(time.monotonic() + seconds)
        poller = select.poll()
        poller.register(self.exit_fd, select.POLLIN)
        return bool(poller.poll(max(0.0, seconds) * 1_000))

    def _look_until(self, until: float) -> bool:
        while self.poll() is None:
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK_EVERY)
        return True

    def end(self, patience: float, grace: float, keep: int = -1) -> None:
        """Let go of it, without waiting here. It has `patience` seconds to end by itself; then its group gets SIGTERM,
        and SIGKILL `grace` seconds later. The descriptor `keep` is closed when it has ended: the reading end of its
        standard error, for a shell that reports what was ended would else die of SIGPIPE before its own trap."""
        self._kept = keep
        if patience and self.poll() is not None:
            self._buried()
            return
        if not patience:
            self.signal_group(signal.SIGTERM)
        try:
            threading.Thread(target=self._see_off, args=(patience, grace), daemon=True, name="cgi-end").start()
        except RuntimeError:  # the system gives no thread: then without grace
            self._kill()

    def _see_off(self, patience: float, grace: float) -> None:
        if patience:
            if self.wait(patience):
                self._buried()
                return
            self.signal_group(signal.SIGTERM)
        if self.wait(grace):
            time.sleep(min(grace, _FOLLOWERS_GRACE))
        self._kill()

    def _kill(self) -> None:
        self.signal_group(signal.SIGKILL)
        self._buried()

    def _buried(self) -> None:
        self._process.wait()
        for descriptor in (self.exit_fd, self._kept):
            if descriptor >= 0:
                os.close(descriptor)
        self.exit_fd = self._kept = -1
        self._bury(self)

    def kill_now(self) -> None:
        """The server's process ends: SIGKILL, and no more."""
        self.signal_group(signal.SIGKILL)

    def signal_group(self, number: int) -> None:
        """Signal the script and all it started that did not leave its group; nothing once it has been waited for."""
        if self._process.returncode is not None:
            return
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:  # a program that runs as another user: not ours to stop
            logger.warning("the script %d cannot be signalled", self.pid)


def start(
    command: tuple[str, ...],
    environment: dict[bytes, bytes],
    descriptors: tuple[int, int, int],
    settings: CGISettings,
    bury: Callable[[Child], None],
) -> Child:
    """Start `command` in the folder of its last word, with the three descriptors as its input, output and error.

    The descriptors stay the caller's. Raises OSError where it cannot be started; `NotBounded` where it was started,
    could not be bounded, and is on its way to the grave.
    """
    process = start_process(command, environment, descriptors)
    child = Child(process, bury)
    try:
        set_limits(child.pid, settings)
    except OSError as error:  # unbounded is not what was asked for
        child.end(0.0, 0.0)
        raise NotBounded(str(error)) from None
    return child


def set_limits(pid: int, settings: CGISettings) -> None:
    """Bound the process `pid`. Raises OSError where the system does not let us; a process that is gone needs none."""
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is None:
        return
    try:
        prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        for kind, name in _LIMITS:
            value = getattr(settings, name)
            if value is not None:
                _, most = resource.getrlimit(kind)
                value = value if most == resource.RLIM_INFINITY else min(value, most)
                prlimit(pid, kind, (value, value))
    except ProcessLookupError:
        pass


def _open_exit(pid: int) -> int:
    opener = getattr(os, "pidfd_open", None)
    if opener is None:
        return -1
    try:
        descriptor: int = opener(pid)
    except OSError:  # an old kernel, a sandbox, no descriptor left
        return -1
    return descriptor
