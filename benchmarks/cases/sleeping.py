"""One request in fifty sleeps 50 ms, and nobody told the server which: what becomes of the other forty-nine?

The ideal is what the sleeps alone would allow: each connection spends 50 ms in fifty requests, and no time else.
"""

from __future__ import annotations

from statistics import median

from benchmarks.measure import Load
from benchmarks.peers import GRANIAN, OTHERS, SALVER
from benchmarks.report import Finding, at_least, at_most
from benchmarks.rounds import Outcome, Plan, Sample, interleave

_CASE = "1 in 50 sleeps"
_EVERY = 50
_PAUSE = 0.05  # seconds
_CONNECTIONS = 64
IDEAL = _CONNECTIONS * _EVERY / _PAUSE


def _rate(sample: Sample) -> float:
    return sample.figures.rate


def run(plan: Plan) -> list[Finding]:
    """Requests a second against granian and the ideal, and the median latency."""
    load = Load(plan.seconds, _CONNECTIONS, slow_every=_EVERY)
    outcome = interleave([SALVER, GRANIAN, *(OTHERS if plan.everyone else ())], load, plan)
    findings = []
    if "salver" in outcome.samples:
        findings = _ours(outcome)
    return findings + [
        Finding(_CASE, name, f"{outcome.rate(name):,.0f} requests/s, median {_median_latency(outcome, name):.2f} ms")
        for name in outcome.samples
    ]


def _ours(outcome: Outcome) -> list[Finding]:
    findings = []
    if "granian" in outcome.samples:
        ratio = outcome.ratio("salver", "granian", _rate)
        findings.append(at_least(_CASE, "requests/s, salver : granian", ratio, 1.05))
    share = outcome.rate("salver") / IDEAL
    findings.append(at_least(_CASE, f"requests/s, salver : ideal {IDEAL:,.0f}", share, 0.8))
    findings.append(at_most(_CASE, "median latency, ms", _median_latency(outcome, "salver"), 0.5))
    return findings


def _median_latency(outcome: Outcome, name: str) -> float:
    return median(sample.figures.p50 for sample in outcome.samples[name]) / 1000
