"""The values that threads of a crew pass to each other: a term of leadership, and work that waits for a thread.

A term's `slot` is the heart of the crew. It is a list used as a place for one token: the leader appends the member that
it is about to call and pops it afterwards. `list.append` and `list.pop` are atomic, so whoever pops the token (the
leader itself, a hand-over, the overseer) decides alone, without a lock, whether the leader goes on leading.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Union

__all__ = ["Deferred", "Member", "Order", "Term", "Worker", "cpu_clock", "cpu_time", "is_runnable"]


class Member(Protocol):
    """A connection or a listener: what the crew looks after.

    It is served by one thread at a time. Between calls it belongs to the leader; during a call, to the thread that is
    in it, also when that thread stops leading in the middle. It must bear being called although nothing is ready.
    """

    fd: int
    """Its descriptor, -1 once closed. Call `Crew.remove` before closing it."""
    interest: int
    """READ and WRITE bits; 0 takes it out of the poll set. Changed by `Crew.set_interest` only."""
    detached: bool
    """The crew's own mark: a thread that does not lead serves this member, so it is out of the poll set."""
    deadline: float
    """Seconds of the crew's clock, `math.inf` for none. Checked about once a second."""

    def on_ready(self) -> None:
        """Something of `interest` may be ready. Called by the leader."""

    def on_deadline(self, now: float) -> None:
        """The deadline has passed. Called by the leader; again after each survey until the deadline is moved."""

    def on_rescue(self, blocked: bool) -> None:
        """The call under way was taken from the leader: it waited (`blocked`), or it computed for too long.

        Called in the overseer's thread while the call goes on in another; must be quick and must not wait.
        """

    def close(self) -> None:
        """End it: `Crew.remove`, then close the descriptor. Called when one of the other methods has raised."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Work on a detached member that waits until a thread is free."""

    member: Member
    work: Callable[[], None]


class Term:
    """One thread's time as the leader. Everything but `slot` and `calls` changes under the crew's lock or before."""

    __slots__ = ("calls", "clock_id", "deferred", "deposed", "ident", "native_id", "polling", "slot")

    def __init__(self) -> None:
        self.slot: list[Member] = []
        self.calls = 0
        self.polling = False
        self.ident = 0  # the leader's thread, 0 until it has begun
        self.native_id = 0  # the same, as the system numbers it
        self.clock_id: int | None = None  # its processor clock
        self.deposed = False
        self.deferred: Deferred | None = None


Order = Union[Term, Deferred, None]
"""What a waiting thread is told to do: lead, run this, or (None) end."""


class Worker:
    """A thread of the crew, with the gate at which it waits for its next order."""

    __slots__ = ("_gate", "_order", "thread")

    def __init__(self, gate: threading.Lock | None = None) -> None:
        self._gate = gate if gate is not None else threading.Lock()
        self._gate.acquire()
        self._order: Order = None
        self.thread: threading.Thread | None = None

    def give(self, order: Order) -> None:
        """Send it on its way. Once for each time that it was taken from those that wait."""
        self._order = order
        self._gate.release()

    def wait(self, timeout: float = -1) -> bool:
        """Wait for an order, at most `timeout` seconds (-1: as long as it takes); True when there is one."""
        return self._gate.acquire(timeout=timeout)

    def take(self) -> Order:
        order, self._order = self._order, None
        return order


def cpu_clock() -> int | None:
    """The processor clock of the calling thread, readable by other threads; None where there is none (macOS)."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return None
    return time.pthread_getcpuclockid(threading.get_ident())


def cpu_time(clock_id: int | None) -> float | None:
    """Seconds that the thread has computed; None if that cannot be known, or the thread has ended."""
    if clock_id is None:
        return None
    try:
        return time.clock_gettime(clock_id)
    except OSError:
        return None


def is_runnable(native_id: int) -> bool:
    """True if the thread computes, or would if it were given a processor; False if it sleeps, or nobody knows.

    proc_pid_stat(5): the letter after the name, which is in parentheses and may contain some itself.
    """
    try:
        with open(f"/proc/self/task/{native_id}/stat", "rb", buffering=0) as file:
            return file.read(1024).rpartition(b")")[2][1:2] == b"R"
    except OSError:
        return False
