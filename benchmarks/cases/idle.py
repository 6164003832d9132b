"""Ten thousand keep-alive connections that do nothing: what each one keeps, and what an active client pays for them.

A fresh server each round: memory that a process has had once it seldom gives back, so the second time would look free.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.cases.probing import request_seconds
from benchmarks.measure import Load, MeasureError, on_core, resident_bytes, wrk
from benchmarks.peers import APPS, GRANIAN, NGINX, SALVER, UVICORN, Contender, Running, running
from benchmarks.report import Finding, at_most
from benchmarks.rounds import Plan, sample

_CASE = "10,000 idle"
_IDLE = 10_000
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Round:
    each: float  # bytes
    rise: float  # of the active client's cost, as a ratio
    fresh: float  # milliseconds that a new connection's request takes


def run(plan: Plan) -> list[Finding]:
    """Memory for each, the rise of an active client's cost, and how long a newcomer waits."""
    findings = []
    for contender in [SALVER, *([NGINX, GRANIAN, UVICORN] if plan.everyone else [])]:
        if contender.missing():
            continue
        findings.extend(_measure(contender, plan))
    return findings


def _measure(contender: Contender, plan: Plan) -> list[Finding]:
    """A peer that does not take so many connections is a finding too."""
    try:
        rounds = [_one_round(contender, plan) for _ in range(min(_ROUNDS, plan.rounds))]
    except MeasureError as error:
        return [Finding(_CASE, contender.name, str(error), "", False if contender is SALVER else None)]
    return _findings(contender.name, rounds)


def _findings(name: str, rounds: list[_Round]) -> list[Finding]:
    each = median(one.each for one in rounds)
    rise = median(one.rise for one in rounds)
    fresh = max(one.fresh for one in rounds)
    if name != SALVER.name:
        return [
            Finding(_CASE, name, f"{each:,.0f} bytes each, cost × {rise:.2f}, a new one waits {fresh:.1f} ms at most")
        ]
    return [
        at_most(_CASE, "memory, bytes for each", each, 2048, "{:,.0f}"),
        at_most(_CASE, "CPU/request with them : without", rise, 1.1),
        at_most(_CASE, "a new connection's request, ms at most", fresh, 50, "{:.1f}"),
    ]


def _one_round(contender: Contender, plan: Plan) -> _Round:
    load = Load(plan.seconds)
    with running(contender, plan.cores.server) as server:
        wrk(server.url(), Load(1), plan.cores.load)
        without = sample(server, load, plan.cores)
        before = resident_bytes(server.process.pid)
        with _idle_connections(server, plan.cores.load):
            time.sleep(0.5)
            held = resident_bytes(server.process.pid) - before
            within = sample(server, load, plan.cores)
            with on_core(plan.cores.load):
                fresh = max(request_seconds(server.port, "/") for _ in range(20))
    return _Round(held / _IDLE, within.cost / without.cost, fresh * 1000)


@contextmanager
def _idle_connections(server: Running, core: int) -> Iterator[None]:
    command = [sys.executable, str(APPS / "idle_client.py"), str(server.port), str(_IDLE)]
    with on_core(core):
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert client.stdin is not None
        assert client.stdout is not None
        if client.stdout.readline() != b"ready\n":
            raise MeasureError(f"{server.name} did not take {_IDLE} connections")
        yield
        if client.poll() is not None:
            raise MeasureError("the idle client ended early")
    finally:
        client.communicate()
