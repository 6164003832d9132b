"""Real threads, run one at a time in an order that a seed decides: every race of a small program, on demand.

A `Schedule` hands a baton from thread to thread. A thread may lose it at every line (or every bytecode) of the modules
under test, and wherever it would block; time is virtual, passes a little at every switch, and jumps when all wait. The
same seed gives the same run. The modules under test get this file's `Threading` in place of `threading`.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Aborted(BaseException):
    """Ends the threads of a run that has failed."""


class Deadlock(AssertionError):
    """Everybody waits for somebody, and nothing will happen any more."""


class Managed:
    """A thread under a schedule."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.baton = threading.Lock()
        self.baton.acquire()
        self.ready: Callable[[], bool] | None = None
        self.until: float | None = None
        self.ended = False
        self.ident = 0


class Schedule:
    """Who runs. `traced`: name fragments of the files in which a thread may be interrupted anywhere."""

    def __init__(
        self, seed: int, traced: tuple[str, ...], switches: float = 0.2, opcodes: bool = False, stalls: float = 0.0
    ) -> None:
        """`switches`: how likely another thread may run at each line, or, with `opcodes`, at each bytecode; `stalls`:
        how likely the thread then gets no processor for some virtual milliseconds."""
        self._random = random.Random(seed)
        self._traced = traced
        self._switches = switches
        self._opcodes = opcodes
        self._stalls = stalls
        self._choosing = False
        self.threads: list[Managed] = []
        self.current: Managed | None = None
        self.now = 100.0
        self.steps = 0
        self.failure: BaseException | None = None

    # Running

    def run(self, main: Callable[[], None]) -> None:
        """Run `main` as the first thread, until all have ended; raise what went wrong in any of them."""
        real = self.spawn(main, "main")
        first = self.threads[0]
        self.current = first
        first.baton.release()
        real.join(60)
        if self.failure is not None:
            raise self.failure
        assert not real.is_alive(), "the run did not end"

    def spawn(self, function: Callable[[], None], name: str) -> threading.Thread:
        """A new thread, ready to run."""
        managed = Managed(name)
        self.threads.append(managed)

        def body() -> None:
            managed.baton.acquire()
            managed.ident = threading.get_ident()
            before = sys.gettrace()
            sys.settrace(self._trace)
            try:
                if self.failure is None:
                    function()
            except Aborted:
                pass
            except BaseException as error:
                self.fail(error)
            finally:
                sys.settrace(before)
                self._end(managed)

        real = threading.Thread(target=body, name=name, daemon=True)
        real.start()
        return real

    def me(self) -> Managed:
        """The thread that runs."""
        assert self.current is not None
        return self.current

    def fail(self, error: BaseException) -> None:
        """Note the first failure and let everybody run into `Aborted`."""
        if self.failure is None:
            self.failure = error
            for managed in self.threads:
                if managed is not self.current and managed.baton.locked():
                    managed.baton.release()

    def check(self, condition: bool, rule: str) -> None:
        """A rule that must hold, also where the code under test would catch an assertion."""
        if not condition:
            self.fail(AssertionError(rule))
            raise Aborted

    # Switching

    def switch(self) -> None:
        """A point at which another thread may run."""
        self._check()
        self.now += self._random.random() * 0.0002
        self._pass_on(self.me())

    def block(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until `ready()`; False if `timeout` virtual seconds passed first."""
        self._check()
        me = self.me()
        me.ready, me.until = ready, None if timeout is None else self.now + timeout
        self._pass_on(me)
        me.ready = me.until = None
        return ready()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.block(lambda: False, seconds)

    def _check(self) -> None:
        if self.failure is not None:
            raise Aborted
        self.steps += 1
        if self.steps > 300_000:
            self.fail(Deadlock("the run does not come to an end"))
            raise Aborted

    def _pass_on(self, me: Managed) -> None:
        self._choosing = True  # conditions are asked without being interrupted
        chosen = self._choose()
        self._choosing = False
        if chosen is None:
            self.fail(Deadlock(f"all wait: {[thread.name for thread in self.threads if not thread.ended]}"))
            raise Aborted
        if chosen is not me:
            self.current = chosen
            chosen.baton.release()
            me.baton.acquire()
            if self.failure is not None:
                raise Aborted

    def _choose(self) -> Managed | None:
        able = self._able()
        if not able:
            dates = [thread.until for thread in self.threads if not thread.ended and thread.until is not None]
            if not dates:
                return None
            self.now = max(self.now, min(dates))
            able = self._able()
        return self._random.choice(able)

    def _able(self) -> list[Managed]:
        return [thread for thread in self.threads if not thread.ended and self._is_able(thread)]

    def _is_able(self, thread: Managed) -> bool:
        if thread.ready is None or (thread.until is not None and thread.until <= self.now):
            return True
        return thread.ready()

    def _end(self, managed: Managed) -> None:
        managed.ended = True
        if self.failure is None:
            self._choosing = True
            chosen = self._choose()
            self._choosing = False
            if chosen is not None:
                self.current = chosen
                chosen.baton.release()
            elif any(not thread.ended for thread in self.threads):
                self.fail(Deadlock("the last thread that could run has ended"))

    # Interrupting

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in self._traced):
            return None
        if self._opcodes:
            frame.f_trace_opcodes = True
        return self._trace_inside

    def _trace_inside(self, frame: FrameType, event: str, argument: Any) -> Any:
        here = event == ("opcode" if self._opcodes else "line") and not self._choosing
        if here and self._random.random() < self._switches:
            if self._random.random() < self._stalls:
                self.sleep(self._random.random() * 0.04)
            else:
                self.switch()
        return self._trace_inside


class Lock:
    """As `threading.Lock`."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._taken = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self._taken and not self._schedule.block(lambda: not self._taken, None if timeout < 0 else timeout):
            return False
        self._taken = True
        return True

    def release(self) -> None:
        if not self._taken:
            raise RuntimeError("release unlocked lock")
        self._taken = False


class RLock:
    """As `threading.RLock`, but a context manager only."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._owner: Managed | None = None
        self._count = 0

    def __enter__(self) -> None:
        me = self._schedule.me()
        if self._owner is not me:
            self._schedule.switch()
            if self._owner is not None:
                self._schedule.block(lambda: self._owner is None, None)
        self._owner = me
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count:
            self._owner = None


class Thread:
    """As `threading.Thread`, as far as the modules under test use it."""

    def __init__(
        self,
        schedule: Schedule,
        target: Callable[..., None],
        args: tuple[Any, ...] = (),
        name: str = "",
        daemon: bool = True,
    ) -> None:
        self._schedule = schedule
        self._body = lambda: target(*args)
        self.name = name
        self.managed: Managed | None = None

    @property
    def ident(self) -> int | None:
        return None if self.managed is None else id(self.managed)

    def start(self) -> None:
        self._schedule.spawn(self._body, self.name)
        self.managed = self._schedule.threads[-1]
        self._schedule.switch()

    def is_alive(self) -> bool:
        return self.managed is not None and not self.managed.ended

    def join(self, timeout: float | None = None) -> None:
        managed = self.managed
        assert managed is not None
        self._schedule.block(lambda: managed.ended, timeout)


class Threading:
    """Takes the place of the module `threading`."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def Lock(self) -> Lock:
        return Lock(self._schedule)

    def RLock(self) -> RLock:
        return RLock(self._schedule)

    def Thread(self, **arguments: Any) -> Thread:
        return Thread(self._schedule, **arguments)

    def get_ident(self) -> int:
        return threading.get_ident()

    def get_native_id(self) -> int:
        return 0  # no thread of the system: nobody knows whether it could run

    def current_thread(self) -> object:
        return self._schedule.me()
