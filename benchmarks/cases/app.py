"""What an `App` costs beside the Handler that answers everything: 64 keep-alive connections, CPU time of the server."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cases.hello import cost_of, figures
from benchmarks.measure import Load
from benchmarks.peers import salver_run
from benchmarks.report import Finding, at_most
from benchmarks.rounds import Plan, interleave

_BARE = replace(salver_run("salver_routes:bare"), name="bare handler")


def route(plan: Plan) -> list[Finding]:
    """One route, whose view takes the request."""
    return _compare("route", plan, "salver_routes:one", "/", 1.1)


def routes(plan: Plan) -> list[Finding]:
    """A thousand routes with two parameters each."""
    return _compare("1,000 routes, 2 parameters", plan, "salver_routes:thousand", "/shop500/alice/items/42", 1.25)


def _compare(case: str, plan: Plan, target: str, path: str, bound: float) -> list[Finding]:
    app = replace(salver_run(target), name="app")
    outcome = interleave([_BARE, app], Load(plan.seconds), plan, path=path)
    if not outcome.samples.keys() >= {"app", "bare handler"}:
        return figures(case, outcome)
    ratio = outcome.ratio("app", "bare handler", cost_of)
    return [at_most(case, "CPU/request, app : bare handler", ratio, bound), *figures(case, outcome)]
