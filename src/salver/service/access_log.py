"""The access log: a request costs one append to a queue; a thread of its own formats and writes in batches.

Nothing here can hold a reply back. The queue is unbounded for the one who appends, so that appending needs no lock
and no look at the clock; it is cut once a second, by `tick`, which the server's own timer calls: a destination that
takes nothing (a pipe that nobody reads, a dead NFS server) stops the writer's thread and never the server. What is
cut, and what cannot be written (a full disk), is counted and reported: in the log itself when it takes lines again,
and once an outage on the logger "salver.access_log".

The rejected way: writing from the request's thread, as `logging` does. Non-blocking descriptors are no help, because
that flag belongs to the open file, which standard output shares with the shell; and a disk file knows no such thing.

A line is never torn: where the destination broke off inside one, its rest is written first when it takes bytes again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from salver.protocol.heads import Section
from salver.service.access_format import Item, line_format
from salver.service.access_output import Destination, Output, open_output

logger = logging.getLogger("salver.access_log")

INTERVAL = 0.5  # seconds between two batches
CAPACITY = 131_072  # lines that may wait: more than a second of the fastest server
_WEIGHT_MAX = 64 * 1024 * 1024  # bytes of header sections that waiting lines may hold
_BATCH_WEIGHT = 8 * 1024 * 1024  # bytes of them past which batches follow one another faster
_LINE_WEIGHT = 256  # bytes of a waiting line besides its section
_REPORT_EVERY = 10.0  # seconds between two reports on the logger


class AccessLog:
    """One line for each request, to a path, "-" (standard output), an open file, or nowhere (None).

    `add` and `tick` may be called from any thread, and never block; `flush` and `close` wait, no longer than they
    are told. Nothing is opened before `start()`. A forked child needs an `AccessLog` of its own, started there;
    several processes may append to one path.
    """

    __slots__ = (
        "_append",
        "_barriers",
        "_capacity",
        "_closing",
        "_destination",
        "_entries",
        "_failing",
        "_format",
        "_lost",
        "_lost_lock",
        "_output",
        "_reason",
        "_reopen",
        "_reported",
        "_rest",
        "_thread",
        "_wake",
        "_wall",
    )

    def __init__(
        self,
        format: str = "combined",  # noqa: A002 - it is called so everywhere
        destination: Destination = "-",
        *,
        capacity: int = CAPACITY,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`format`: "combined", "json" or a format string (`access_format.FIELD_NAMES`); raises ValueError, in one
        line, for another. `capacity`: lines that may wait to be written; older ones are dropped past it."""
        self._format = line_format(format)
        self._destination = destination
        self._capacity = capacity
        self._wall = wall_clock
        self._entries: deque[Item] = deque()
        self._append = self._entries.append if destination is not None else _ignore
        self._output: Output | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._barriers: list[threading.Event] = []
        self._closing = False
        self._reopen = False
        self._rest = b""  # of a line that was begun
        self._lost = 0  # lines that no notice in the log has told of
        self._lost_lock = threading.Lock()
        self._reason = ""
        self._reported = float("-inf")
        self._failing = False  # it was reported that lines are lost, and not yet that this has ended

    # For the server

    def add(
        self,
        client: str,
        method: str,
        target: str,
        minor: int,
        status: int,
        size: int,
        seconds: float,
        section: Section | None,
    ) -> None:
        """Log one request: its client's host, its line, the response's status and body bytes, how long it took.

        Where no head could be read, `method` is "" and `section` None. The time of the line is that of the last tick.
        """
        self._append((client, method, target, minor, status, size, seconds, section))

    def tick(self) -> None:
        """Once a second: note the time for the entries that follow, and drop what is too much. Costs microseconds."""
        if self._destination is None:
            return
        self._cut()
        self._append(self._wall())

    def start(self) -> None:
        """Open the destination and begin to write. Raises OSError, with the path, where it cannot be opened."""
        if self._destination is None or self._thread is not None:
            return
        self._output = open_output(self._destination)
        self._append(self._wall())
        self._thread = threading.Thread(target=self._run, name="salver-access-log", daemon=True)
        self._thread.start()

    def reopen(self) -> None:
        """Open the path anew (its file was renamed by whoever rotates logs). Returns at once; safe in a signal
        handler. Where the path cannot be opened, the old file stays."""
        self._reopen = True
        self._wake.set()

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything added so far is written or counted as lost; False where that took over `timeout`
        seconds."""
        if self._thread is None or not self._thread.is_alive():
            return True
        barrier = threading.Event()
        self._barriers.append(barrier)
        self._wake.set()
        return barrier.wait(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Write what there is and stop. A destination that takes nothing is left after `timeout` seconds."""
        thread = self._thread
        self._closing = True
        self._wake.set()
        if thread is None:
            return
        thread.join(timeout)
        if thread.is_alive():
            logger.warning("access log: %s takes no lines; %d are lost", self._name, self._waiting)
        elif self._output is not None:
            self._output.close()
            self._output = None

    @property
    def _waiting(self) -> int:
        return len(self._entries) + self._lost

    @property
    def _name(self) -> str:
        return self._output.name if self._output is not None else str(self._destination)

    # The queue

    def _cut(self) -> None:
        """Drop the oldest entries past the capacity, which is less where they hold large header sections."""
        entries, capacity = self._entries, self._capacity
        if len(entries) * _LINE_WEIGHT > _BATCH_WEIGHT:
            capacity = min(capacity, _WEIGHT_MAX // _weight_of_one(entries))
        over = len(entries) - capacity
        if over > 0:
            dropped = sum(item.__class__ is not float for item in _take(entries, over))
            self._lose(dropped, "more requests than the log could take")

    def _lose(self, count: int, reason: str) -> None:
        with self._lost_lock:
            self._lost += count
        self._reason = reason
        now = time.monotonic()
        if now - self._reported >= _REPORT_EVERY:
            self._reported = now
            self._failing = True
            logger.warning("access log: lines are lost in %s: %s", self._name, reason)

    # The writer's thread

    def _run(self) -> None:
        wait = INTERVAL
        while True:
            self._wake.wait(wait)
            self._wake.clear()
            closing = self._closing  # asked before the queue is emptied: what was added before close() is written
            barriers, self._barriers = self._barriers, []
            self._do_reopen()
            wait = self._write_batch()
            for barrier in barriers:
                barrier.set()
            if closing:
                return

    def _do_reopen(self) -> None:
        if self._reopen and self._output is not None:
            self._reopen = False
            try:
                self._output.reopen()
            except OSError as error:
                logger.warning("access log: cannot reopen %s, the old file stays: %s", self._name, error.strerror)

    def _write_batch(self) -> float:
        """Write what waits; returns the seconds until the next batch is due."""
        self.tick()
        entries = self._entries
        weight = len(entries) * _weight_of_one(entries) if entries else 0
        batch = _take(entries, len(entries))
        try:
            self._put(self._format.render(batch))
        except Exception:  # whatever it is, the thread goes on: a server without a log beats one that swells
            logger.exception("access log: a batch of %d lines is lost", len(batch))
        return INTERVAL if weight <= _BATCH_WEIGHT else max(0.02, INTERVAL * _BATCH_WEIGHT / weight)

    def _put(self, lines: list[str]) -> None:
        output = self._output
        if output is None or not (lines or self._rest):
            return
        told = self._lost
        notice = self._format.notice(f"{told} lines lost: {self._reason}") if told else ""
        data = self._rest + (notice + "".join(lines)).encode("utf-8", "backslashreplace")
        written, error = output.write(data)
        begun = bool(self._rest) if not written else data[written - 1 : written] != b"\n"
        end = data.find(b"\n", written) + 1 if begun else written  # of what will have been written
        if notice and end > len(self._rest):
            with self._lost_lock:
                self._lost -= told
        else:
            notice = ""
        lines_left = data.count(b"\n", end) - (bool(told) and not notice)
        self._rest = data[written:end]
        if error is not None:
            self._lose(lines_left, getattr(error, "strerror", None) or str(error))
        elif self._failing:
            self._failing = False
            logger.warning("access log: %s takes lines again; %d were lost", self._name, told)


def _ignore(_item: Item) -> None:
    """What a log without a destination does with a line."""


def _take(entries: deque[Item], count: int) -> list[Item]:
    """Up to `count` of the oldest items; others may append meanwhile, and one other may take."""
    taken: list[Item] = []
    popleft, append = entries.popleft, taken.append
    try:
        for _ in range(count):
            append(popleft())
    except IndexError:
        pass
    return taken


def _weight_of_one(entries: deque[Item]) -> int:
    """Bytes that a waiting line holds on average, from the newest and the oldest few (a section that many lines
    share counts for each: too much rather than too little)."""
    try:
        seen: list[Any] = [entries[place] for place in (0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1)]
    except IndexError:
        return _LINE_WEIGHT
    sections = [item[7] for item in seen if item.__class__ is not float]
    return _LINE_WEIGHT + sum(len(section.raw) for section in sections if section is not None) // len(seen)
