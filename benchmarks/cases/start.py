"""From exec to the first answer: what a person who types the command waits for."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.cases.probing import fetch
from benchmarks.measure import MeasureError, on_core
from benchmarks.peers import GRANIAN, UVICORN, Contender, launched, salver_folder
from benchmarks.report import Finding, at_most
from benchmarks.rounds import Plan

_CASE = "start"
_TIMES = 10
_LOOK_EVERY = 0.0005  # seconds between two attempts to connect


def run(plan: Plan) -> list[Finding]:
    """Milliseconds, the median of ten starts after one that fills the caches."""
    with TemporaryDirectory(prefix="salver-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "index.html").write_text("<!doctype html><title>Start</title>")
        findings = [
            at_most(_CASE, "exec to first answer, ms", _median_start(salver_folder(folder), plan), 150, "{:.0f}")
        ]
        if plan.everyone:
            standard = [sys.executable, "-m", "http.server", "-d", str(folder), "-b", "127.0.0.1"]
            peers = [Contender("http.server", lambda port, _: [*standard, str(port)]), GRANIAN, UVICORN]
            present = [peer for peer in peers if not peer.missing()]
            findings += [Finding(_CASE, peer.name, f"{_median_start(peer, plan):.0f} ms") for peer in present]
    return findings


def _median_start(contender: Contender, plan: Plan) -> float:
    _one_start(contender, plan)
    return median(_one_start(contender, plan) for _ in range(_TIMES)) * 1000


def _one_start(contender: Contender, plan: Plan, patience: float = 20.0) -> float:
    with launched(contender, plan.cores.server) as server, on_core(plan.cores.load):
        while time.monotonic() < server.started + patience:
            try:
                answer = fetch(server.port, "/")
            except ConnectionRefusedError:
                time.sleep(_LOOK_EVERY)
                continue
            if b" 200 " not in answer[:20]:
                raise MeasureError(f"{server.name} answered {answer[:60]!r}")
            return time.monotonic() - server.started
    raise MeasureError(f"{contender.name} does not answer")
