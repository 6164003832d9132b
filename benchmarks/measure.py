"""The instruments: where a process runs, what it has used, what `wrk` saw, and what a round gave.

The server has one core, the load another, so that neither takes the other's time. What a server used is the CPU clock
of each process of its tree: nanoseconds, with the threads that have ended; utime and stime of /proc come in ticks of
10 ms, too coarse for rounds of a few seconds. Knows no server and no comparison.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LUA = Path(__file__).parent / "lua" / "report.lua"
_FIGURES = re.compile(r"FIGURES (.*)")


class MeasureError(Exception):
    """A round that means nothing: failed requests, no answer, a server that ended."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The core the server runs on, and the one the load runs on; the same where there is only one."""

    server: int
    load: int

    @classmethod
    def choose(cls) -> Cores:
        """The first and the last core this process may use."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[-1])


@dataclass(frozen=True, slots=True)
class Load:
    """What `wrk` is asked to do: `connections` that are kept alive, for `seconds`, sending `fields` each time, and
    `post`, a media type and a body, where there is one."""

    seconds: float
    connections: int = 64
    fields: tuple[str, ...] = ()
    slow_every: int = 0
    post: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What `wrk` saw: counts, and latencies in microseconds."""

    requests: int
    bytes: int
    micros: int
    failed: int
    p50: float
    p99: float
    max: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.micros * 1e6


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started inside runs on `core`, and stays there: children inherit it, and no wrapper is in the way."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_descriptor_limit() -> int:
    """Let this process and its children open as many descriptors as they may; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def tree(pid: int) -> list[int]:
    """`pid` and every process that descends from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting.extend(children.get(found[-1], ()))
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, that the tree of `pid` has used so far."""
    total = 0
    for member in tree(pid):
        try:
            total += time.clock_gettime_ns((~member << 3) | 2)  # the clock of that process: CPUCLOCK_SCHED
        except OSError:
            continue
    return total / 1e9


def resident_bytes(pid: int) -> int:
    """Resident memory of the tree of `pid`, shared pages counted once for each process that maps them."""
    page = resource.getpagesize()
    return sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) * page for member in tree(pid))


def wrk(url: str, load: Load, core: int) -> Figures:
    """Run `wrk` on `core`. Raises `MeasureError` where a request failed or the program says nothing sensible."""
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds:g}s", "--timeout", "10s", "-s", str(LUA)]
    for field in load.fields:
        command += ["-H", field]
    command.append(url)
    if load.slow_every:
        command += ["--", "slow-every", str(load.slow_every)]
    elif load.post is not None:
        command += ["--", "post", *load.post]
    with on_core(core):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=load.seconds + 60)
    matched = _FIGURES.search(done.stdout)
    if matched is None:
        raise MeasureError(f"wrk gave no figures: {done.stdout[-300:]}{done.stderr[-300:]}")
    figures = _read(matched[1])
    if figures.failed or not figures.requests:
        raise MeasureError(f"{figures.failed} requests failed of {figures.requests}: {done.stdout[-400:]}")
    return figures


def _read(line: str) -> Figures:
    values = dict(item.split("=") for item in line.split())
    return Figures(
        requests=int(values["requests"]),
        bytes=int(values["bytes"]),
        micros=int(values["micros"]),
        failed=int(values["failed"]),
        p50=float(values["p50"]),
        p99=float(values["p99"]),
        max=float(values["max"]),
    )
