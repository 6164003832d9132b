"""Interleaved rounds: every contender once, then every contender once more, and so on.

A machine's speed wanders within minutes. Two servers measured one after the other within the same few seconds see the
same machine, so a ratio is taken inside each round and the median is taken of ratios, never a ratio of medians.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.measure import Cores, Figures, Load, MeasureError, cpu_seconds, wrk
from benchmarks.peers import Contender, Running, running


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: `rounds` of `seconds` each, on these cores. `everyone`: peers without a figure too."""

    cores: Cores
    rounds: int = 5
    seconds: int = 4
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender in one round. `cost`: CPU microseconds of the server per request."""

    cost: float
    figures: Figures


@dataclass(slots=True)
class Outcome:
    """Every contender's samples, round by round, and who could not take part and why."""

    samples: dict[str, list[Sample]]
    absent: dict[str, str]

    def cost(self, name: str) -> float:
        """Median CPU microseconds per request."""
        return median(sample.cost for sample in self.samples[name])

    def rate(self, name: str) -> float:
        """Median requests a second."""
        return median(sample.figures.rate for sample in self.samples[name])

    def ratio(self, of: str, to: str, value: Callable[[Sample], float]) -> float:
        """Median over the rounds of `value` of one contender to that of another."""
        pairs = zip(self.samples[of], self.samples[to], strict=True)
        return median(value(ours) / value(theirs) for ours, theirs in pairs)


def interleave(contenders: Sequence[Contender], load: Load, plan: Plan, *, path: str = "/", length: int = 0) -> Outcome:
    """Run `plan.rounds` rounds of `load` against `path` of every contender that is installed.

    `length`: where a response is so long that requests cut off by the end of a round would count, its body's bytes;
    requests are then counted by bytes received.
    """
    outcome = Outcome({}, {})
    with ExitStack() as stack:
        servers = _start_all(contenders, plan, outcome, stack)
        for server in servers:  # warm caches, and code that is compiled or learned on the way
            wrk(server.url(path), replace(load, seconds=1), plan.cores.load)
        for _ in range(plan.rounds):
            for server in servers:
                outcome.samples[server.name].append(sample(server, load, plan.cores, path, length))
    return outcome


def _start_all(contenders: Sequence[Contender], plan: Plan, outcome: Outcome, stack: ExitStack) -> list[Running]:
    servers = []
    for contender in contenders:
        missing = contender.missing()
        if missing:
            outcome.absent[contender.name] = missing
            continue
        try:
            servers.append(stack.enter_context(running(contender, plan.cores.server)))
        except MeasureError as error:
            outcome.absent[contender.name] = " ".join(str(error).split())[-120:]
            continue
        outcome.samples[contender.name] = []
    return servers


def sample(server: Running, load: Load, cores: Cores, path: str = "/", length: int = 0) -> Sample:
    """One measurement. Raises `MeasureError` where requests failed or the server ended."""
    before = cpu_seconds(server.process.pid)
    figures = wrk(server.url(path), load, cores.load)
    used = cpu_seconds(server.process.pid) - before
    if server.process.poll() is not None:
        raise MeasureError(f"{server.name} ended while it was measured")
    requests = figures.bytes / length if length else figures.requests
    return Sample(used / requests * 1e6, figures)
