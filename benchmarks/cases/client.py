"""The client: a GET of 13 bytes on one connection that is kept, and a download of a gigabyte, both from nginx.

Each client is a process of its own, on the core of the load; what counts for the small response is the CPU time of that
process, beside a bare socket's and the other clients' of the same round. The large file lies on a tmpfs and is sent by
sendfile, so that the client is what is measured; beside it stands curl, the program.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.measure import MeasureError, on_core
from benchmarks.peers import APPS, NGINX, PEER_PYTHON, Running, nginx_folder, running
from benchmarks.report import Finding, at_least, at_most
from benchmarks.rounds import Plan

_SMALL = "client, GET of 13 bytes"
_LARGE = "client, download of 1 GB"
_BOUNDS = {"urllib3": 0.3, "httpx": 0.15, "requests": 0.15, "pycurl": 1.0, "bare socket": 2.5}
_PEERS = ("bare socket", "pycurl", "urllib3", "httpx", "requests")
_MODULES = {"bare socket": "socket"}  # whose name is not that of what is imported
_PER_SECOND = 2_000  # requests of each client and round, for each second of the plan
_GIGABYTE = 1 << 30
_TMPFS = "/dev/shm"
_FIGURES = re.compile(r"FIGURES cpu=(\S+) wall=(\S+) received=(\d+) peak=(\d+)")


@dataclass(frozen=True, slots=True)
class Measured:
    """One client's round: seconds of CPU and of the clock, and the most resident bytes."""

    cpu: float
    wall: float
    peak: int


def small(plan: Plan) -> list[Finding]:
    """CPU microseconds a request, and ours to that of each other client."""
    count = _PER_SECOND * plan.seconds
    absent = {name: why for name in _PEERS if (why := _missing(name))}
    names = ["salver", *(name for name in _PEERS if name not in absent)]
    rounds: dict[str, list[float]] = {name: [] for name in names}
    with running(NGINX, plan.cores.server) as server:
        for _ in range(plan.rounds):
            for name in names:
                measured = _measure(name, "get", server, "/", count, plan)
                rounds[name].append(measured.cpu / count * 1e6)
    findings = [
        at_most(_SMALL, f"CPU/request, salver : {name}", _ratio(rounds["salver"], rounds[name]), _BOUNDS[name])
        for name in names[1:]
    ]
    findings += [Finding(_SMALL, name, f"{median(rounds[name]):,.1f} µs of CPU/request") for name in names]
    return findings + [Finding(_SMALL, name, f"absent: {why}") for name, why in absent.items()]


def large(plan: Plan) -> list[Finding]:
    """Bytes a second, ours to curl's, and our memory."""
    if not os.path.isdir(_TMPFS):
        raise MeasureError(f"there is no tmpfs at {_TMPFS}")
    if shutil.which("curl") is None:
        raise MeasureError("curl is not installed")
    ours: list[Measured] = []
    curl: list[float] = []
    with tempfile.TemporaryDirectory(dir=_TMPFS, prefix="salver-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        _fill(folder / "file.bin")
        with running(nginx_folder(folder), plan.cores.server) as server:
            for _ in range(plan.rounds):
                ours.append(_measure("salver", "download", server, "/file.bin", 1, plan))
                curl.append(_curl(server.url("/file.bin"), plan))
    speeds = [_GIGABYTE / each.wall / 1e6 for each in ours]
    return [
        at_least(_LARGE, "speed, salver : curl", _ratio(speeds, [_GIGABYTE / took / 1e6 for took in curl]), 0.9),
        at_most(_LARGE, "memory, MB", max(each.peak for each in ours) / 1e6, 40, "{:.1f}"),
        Finding(_LARGE, "salver", f"{median(speeds):,.0f} MB/s"),
        Finding(_LARGE, "curl", f"{median(_GIGABYTE / took / 1e6 for took in curl):,.0f} MB/s"),
    ]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _missing(name: str) -> str:
    command = [str(PEER_PYTHON), "-c", f"import {_MODULES.get(name, name)}"]
    try:
        there = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        there = False
    return "" if there else "it is not in the peers' environment"


def _measure(name: str, what: str, server: Running, path: str, amount: int, plan: Plan) -> Measured:
    interpreter = sys.executable if name in ("salver", "bare socket") else str(PEER_PYTHON)
    command = [interpreter, str(APPS / "client_loop.py"), name, what, server.url(path), str(amount)]
    with on_core(plan.cores.load):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    matched = _FIGURES.search(done.stdout)
    if matched is None:
        raise MeasureError(f"{name} gave no figures: {done.stderr[-300:]}")
    expected = 13 * amount if what == "get" else _GIGABYTE
    if int(matched[3]) != expected:
        raise MeasureError(f"{name} received {matched[3]} bytes of {expected}")
    return Measured(float(matched[1]), float(matched[2]), int(matched[4]))


def _curl(url: str, plan: Plan) -> float:
    """Seconds by curl's own clock: its start is not in them, as ours is not."""
    command = ["curl", "-sf", "-o", os.devnull, "-w", "%{time_total}", url]
    with on_core(plan.cores.load):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise MeasureError(f"curl ended with {done.returncode}")
    return float(done.stdout)


def _fill(path: Path) -> None:
    part = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(_GIGABYTE // len(part)):
            file.write(part)


CASES: dict[str, Callable[[Plan], list[Finding]]] = {"client": small, "client-1g": large}
