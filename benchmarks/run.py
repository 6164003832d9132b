"""Every comparison in one run: `python -m benchmarks.run [--quick] [--only NAME] [--all]`.

Prints a table and writes benchmarks/results.md. Wants a quiet machine with two cores; says where it has less.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import (
    accounts,
    app,
    cgi,
    classes,
    client,
    events,
    hello,
    https,
    idle,
    listing,
    sleeping,
    start,
    static,
    upload,
    wsgi,
)
from benchmarks.measure import Cores, MeasureError, raise_descriptor_limit
from benchmarks.report import Finding, as_markdown, as_text, say
from benchmarks.rounds import Plan

CASES: dict[str, Callable[[Plan], list[Finding]]] = {
    "hello": hello.plain,
    "hello-browser": hello.browser,
    "static-1k": static.case(static.SMALL),
    "static-100k": static.case(static.MIDDLE),
    "static-10m": static.case(static.LARGE),
    "https": https.keep_alive,
    "https-new": https.new_connections,
    "https-10m": https.large_file,
    "sleeping": sleeping.run,
    "idle": idle.run,
    "sse": events.run,
    "upload": upload.run,
    "start": start.run,
    "listing": listing.run,
    "cgi": cgi.run,
    "route": app.route,
    "routes": app.routes,
    "wsgi": wsgi.hello,
    "wsgi-flask": wsgi.flask,
    "json": wsgi.json_echo,
    "accounts-check": accounts.check,
    "accounts-times": accounts.times,
    "accounts-logins": accounts.logins,
    **classes.CASES,
    **client.CASES,
}
RESULTS = Path(__file__).parent / "results.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for. 0, or 1 where a figure is missed and `--strict` was said, 2 where nothing ran."""
    options = _parser().parse_args(arguments)
    plan = _plan(options)
    raise_descriptor_limit()
    if plan.cores.server == plan.cores.load:
        say("one core only: server and load share it, and figures mean little")
    findings: list[Finding] = []
    for name in options.only or CASES:
        say(f"{name} …")
        findings.extend(_run(name, plan))
    print(as_text(findings))
    if options.output or not (options.only or options.quick):
        (options.output or RESULTS).write_text(as_markdown(findings, plan), encoding="utf-8")
    missed = [finding for finding in findings if finding.holds is False]
    return 1 if options.strict and missed else 0


def _run(name: str, plan: Plan) -> list[Finding]:
    """One case; where it breaks the others still run, and the table says so."""
    try:
        return CASES[name](plan)
    except (MeasureError, OSError) as error:
        return [Finding(name, "not measured", " ".join(str(error).split())[-160:], "", False)]


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan(Cores.choose(), everyone=options.all)
    if options.quick:
        plan = replace(plan, rounds=2, seconds=1)
    if options.rounds:
        plan = replace(plan, rounds=options.rounds)
    if options.seconds:
        plan = replace(plan, seconds=options.seconds)
    return plan


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Salver against its peers.")
    parser.add_argument("--quick", action="store_true", help="two rounds of one second: does it run at all?")
    parser.add_argument("--only", action="append", choices=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--all", action="store_true", help="peers for which no figure is asked too")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each case (5)")
    parser.add_argument("--seconds", type=int, metavar="N", help="seconds of each measurement (4)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of benchmarks/results.md")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a figure is missed")
    return parser


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
