"""A listing of 10,000 files, and what another client notices of it.

The folder is changed before each request, so that no listing can come from a cache.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.cases.probing import request_seconds
from benchmarks.measure import Figures, Load, on_core, wrk
from benchmarks.peers import Contender, Running, nginx_folder, running, salver_folder
from benchmarks.report import Finding, at_most
from benchmarks.rounds import Plan

_CASE = "listing of 10,000"
_FILES = 10_000
_OTHERS = 4  # connections of the other client


def run(plan: Plan) -> list[Finding]:
    """How long one takes, alone and beside others, and how long the others then wait."""
    with TemporaryDirectory(prefix="salver-bench-") as name:
        folder = Path(name)
        _fill(folder)
        findings = []
        for contender in [salver_folder(folder), *([nginx_folder(folder)] if plan.everyone else [])]:
            findings.extend(_measure(contender, folder, plan))
    return findings


def _fill(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "many").mkdir()
    (folder / "small.txt").write_text("small\n")
    for number in range(_FILES):
        (folder / "many" / f"document number {number:05}.txt").write_text(f"{number}\n")


def _measure(contender: Contender, folder: Path, plan: Plan) -> list[Finding]:
    with running(contender, plan.cores.server) as server:
        with on_core(plan.cores.load):
            alone = [_one_listing(server, folder) for _ in range(2 * plan.rounds + 1)]
        beside, others = _beside_others(server, folder, plan)
    quiet, worst, busy = median(alone) * 1000, max(alone) * 1000, median(beside) * 1000
    if contender.name != "salver":
        return [Finding(_CASE, contender.name, f"{quiet:.0f} ms; others wait {others.max / 1000:.0f} ms at most")]
    return [
        at_most(_CASE, "one, ms (median)", quiet, 100, "{:.0f}"),
        Finding(_CASE, "one, ms (worst)", f"{worst:.0f}"),
        Finding(_CASE, "one beside a busy client, ms (median)", f"{busy:.0f}"),
        Finding(_CASE, "another client meanwhile, 99 of 100 within, ms", f"{others.p99 / 1000:.1f}"),
        at_most(_CASE, "another client meanwhile, longest wait, ms", others.max / 1000, 100, "{:.0f}"),
    ]


def _one_listing(server: Running, folder: Path) -> float:
    marker = folder / "many" / "changed"
    if marker.exists():
        marker.unlink()
    else:
        marker.touch()
    return request_seconds(server.port, "/many/")


def _beside_others(server: Running, folder: Path, plan: Plan) -> tuple[list[float], Figures]:
    seconds = max(plan.seconds, 2)
    with ThreadPoolExecutor(1) as pool:
        load: Future[Figures] = pool.submit(wrk, server.url("/small.txt"), Load(seconds, _OTHERS), plan.cores.load)
        beside = [_one_listing(server, folder)]
        with on_core(plan.cores.load):
            while not load.done():
                beside.append(_one_listing(server, folder))
        return beside, load.result()
