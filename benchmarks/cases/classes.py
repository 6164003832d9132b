"""A handler class on `ThreadingHTTPServer`: Salver's beside the standard library's, with the same class; and nginx.

The standard library's class writes head and body by two sends. On a kept connection the second waits for the
client's delayed acknowledgement, 40 ms. That is what users of it have, and what the figures are asked of; but it says
nothing of what either server computes. So each comparison is made twice: with the class of the tutorials, and with
`wbufsize = -1`, where head and body leave together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cases.hello import figures, ratios
from benchmarks.measure import Load
from benchmarks.peers import APPS, NGINX, Contender
from benchmarks.report import Finding, at_least
from benchmarks.rounds import Outcome, Plan, Sample, interleave

_SCRIPT = APPS / "handler_classes.py"
_CONNECTIONS = 64
_PAUSE = 0.05  # seconds, as in the script
IDEAL = _CONNECTIONS / _PAUSE
_SIZE = 1_024


def _rate(sample: Sample) -> float:
    return sample.figures.rate


def hello(plan: Plan) -> list[Finding]:
    """`Hello, World!` over 64 kept connections: requests a second, and CPU beside nginx."""
    case, load = "class hello", Load(plan.seconds, _CONNECTIONS)
    outcome = interleave([*_both("Hello"), NGINX], load, plan)
    findings = [_times(case, outcome, 40), *ratios(case, outcome, {"nginx": 2.5}), *figures(case, outcome)]
    findings += _compare(f"{case}, one write", "OneWrite", load, plan, None)
    return findings + _compare(f"{case}, one write and a line of the log", "Logged", load, plan, None)


def one_connection(plan: Plan) -> list[Finding]:
    """The same, over one."""
    case, load = "class hello, 1 connection", Load(plan.seconds, 1)
    return _compare(case, "Hello", load, plan, 4) + _compare(f"{case}, one write", "OneWrite", load, plan, None)


def files(plan: Plan) -> list[Finding]:
    """`SimpleHTTPRequestHandler` and 1 KB: on kept connections, and on one each (HTTP/1.0, its default)."""
    case, load = "class file of 1 KB", Load(plan.seconds, _CONNECTIONS)
    kinds: list[tuple[str, str, float | None]] = [
        (case, "KeptFiles", 40),
        (f"{case}, one write", "OneWriteFiles", None),
        (f"{case}, HTTP/1.0", "Files", None),
    ]
    with TemporaryDirectory(prefix="salver-bench-") as name:
        (Path(name) / "file.bin").write_bytes(bytes(_SIZE))
        found = [_compare(case, kind, load, plan, bound, "/file.bin", name) for case, kind, bound in kinds]
    return [finding for each in found for finding in each]


def sleeping(plan: Plan) -> list[Finding]:
    """Each of 64 connections spends 50 ms in each request, and ideally no time else."""
    case, load = "class sleeps 50 ms", Load(plan.seconds, _CONNECTIONS)
    outcome = interleave(_both("Sleeping"), load, plan)
    share = outcome.rate("salver") / IDEAL
    return [at_least(case, f"requests/s, salver : ideal {IDEAL:,.0f}", share, 0.9), *figures(case, outcome)]


def _both(kind: str, folder: str = "") -> list[Contender]:
    return [_contender(whose, kind, folder) for whose in ("salver", "stdlib")]


def _contender(whose: str, kind: str, folder: str) -> Contender:
    def command(port: int, scratch: Path) -> list[str]:
        return [sys.executable, str(_SCRIPT), whose, kind, str(port), *([folder] if folder else [])]

    return Contender(whose, command)


def _compare(
    case: str, kind: str, load: Load, plan: Plan, bound: float | None, path: str = "/", folder: str = ""
) -> list[Finding]:
    outcome = interleave(_both(kind, folder), load, plan, path=path)
    return [_times(case, outcome, bound), *figures(case, outcome)]


def _times(case: str, outcome: Outcome, bound: float | None) -> Finding:
    what = "requests/s, salver : stdlib"
    ratio = outcome.ratio("salver", "stdlib", _rate)
    return Finding(case, what, f"{ratio:.1f}") if bound is None else at_least(case, what, ratio, bound, "{:.1f}")


CASES = {
    "class-hello": hello,
    "class-hello-1": one_connection,
    "class-file": files,
    "class-sleeping": sleeping,
}
