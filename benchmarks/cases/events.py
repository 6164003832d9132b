"""A thousand clients that listen to an event stream, one event a second: what it costs, and who notices that they go.

Once from a broadcast, once from a generator for each client. A fresh server each time, since memory that a process has
had once it seldom gives back. Each client has to get its event every second, or the round means nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.cases.probing import fetch
from benchmarks.measure import MeasureError, cpu_seconds, on_core, resident_bytes
from benchmarks.peers import APPS, Contender, Running, running
from benchmarks.report import Finding, at_most
from benchmarks.rounds import Plan

_CASE = "1,000 event streams"
_CLIENTS = 1_000
_LEAVING = 600
_PATIENCE = 20.0  # seconds


def run(plan: Plan) -> list[Finding]:
    """The share of a core, the growth of memory, and how long those that went are still counted; for both sources."""
    return [finding for source in ("broadcast", "clock") for finding in _measure(source, plan)]


def _measure(source: str, plan: Plan) -> list[Finding]:
    contender = Contender("salver", lambda port, _: [sys.executable, str(APPS / "event_streams.py"), str(port)])
    with running(contender, plan.cores.server) as server:
        fetch(server.port, "/listening")
        before = resident_bytes(server.process.pid)
        with _listening(server, f"/{source}", plan.cores.load) as client:
            time.sleep(1.0)
            share = _share(server, client, max(plan.seconds, 4))
            grown = resident_bytes(server.process.pid) - before
            noticed = _seconds_until_noticed(server, client)
    return [
        at_most(_CASE, f"{source}: of a core", share, 0.10, "{:.1%}"),
        at_most(_CASE, f"{source}: memory, MB", grown / 1e6, 20, "{:.1f}"),
        at_most(_CASE, f"{source}: s until {_LEAVING} that went are noticed", noticed, 1.0),
    ]


def _share(server: Running, client: subprocess.Popen[str], seconds: int) -> float:
    """CPU seconds a second, while every client gets an event each second, one more or less."""
    _ask(client, "events")
    began, used = time.monotonic(), cpu_seconds(server.process.pid)
    time.sleep(seconds)
    took, used = time.monotonic() - began, cpu_seconds(server.process.pid) - used
    _, least, most = (int(word) for word in _ask(client, "events").split())
    if least < seconds - 1 or most > took + 2:
        raise MeasureError(f"in {took:.1f} s a client had {least} events, another {most}")
    return used / took


def _seconds_until_noticed(server: Running, client: subprocess.Popen[str]) -> float:
    began = time.monotonic()
    _ask(client, f"leave {_LEAVING}")
    while (listening := _listeners(server)) != _CLIENTS - _LEAVING:
        if time.monotonic() - began > _PATIENCE:
            raise MeasureError(f"{listening} are said to listen where {_CLIENTS - _LEAVING} do")
        time.sleep(0.01)
    return time.monotonic() - began


def _listeners(server: Running) -> int:
    return int(fetch(server.port, "/listening").partition(b"\r\n\r\n")[2])


def _ask(client: subprocess.Popen[str], line: str) -> str:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(line + "\n")
    client.stdin.flush()
    answer = client.stdout.readline()
    if not answer:
        raise MeasureError("the listening client ended early")
    return answer


@contextmanager
def _listening(server: Running, path: str, core: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(APPS / "event_client.py"), str(server.port), path, str(_CLIENTS)]
    with on_core(core):
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert client.stdout is not None
        if client.stdout.readline() != "ready\n":
            raise MeasureError(f"{server.name} did not take {_CLIENTS} streams")
        yield client
    finally:
        client.communicate()
