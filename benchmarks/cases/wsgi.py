"""WSGI applications, and JSON in and out: the same application on every server, 64 keep-alive connections."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.cases.hello import cost_of, figures
from benchmarks.measure import Load
from benchmarks.peers import BJOERN, GRANIAN, GUNICORN, WAITRESS, Contender, peer, salver_run
from benchmarks.report import Finding, at_least, at_most
from benchmarks.rounds import Outcome, Plan, Sample, interleave

_HELLO_BOUNDS = {"granian": 0.8, "bjoern": 1.3, "waitress": 0.2}
_FLASK_BOUNDS = {"granian": 1.0, "gunicorn": 2.0}
_JSON_BOUNDS = {"gunicorn": 3.0, "uvicorn": 1.5}

_GRANIAN_FLASK = peer(
    "granian", "granian", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}",
    "--log-level", "warning", "flask_app:app",
)  # fmt: skip
_GUNICORN_FLASK = peer(
    "gunicorn", "gunicorn", "-m", "gunicorn", "-b", "127.0.0.1:{port}", "-k", "gthread", "--threads", "64",
    "--log-level", "error", "flask_app:app",
)  # fmt: skip
_UVICORN_STARLETTE = peer(
    "uvicorn", "uvloop", "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning",
    "--no-access-log", "--timeout-keep-alive", "300", "starlette_app:app",
)  # fmt: skip


def hello(plan: Plan) -> list[Finding]:
    """A function that returns a list of one piece."""
    contenders = [salver_run("peer_apps:wsgi"), GRANIAN, BJOERN, WAITRESS, *([GUNICORN] if plan.everyone else [])]
    outcome = interleave(contenders, Load(plan.seconds), plan)
    case = "WSGI hello"
    ratios = [_cheaper(case, outcome, name, bound) for name, bound in _HELLO_BOUNDS.items()]
    return [*ratios, *figures(case, outcome)]


def flask(plan: Plan) -> list[Finding]:
    """Flask's first page."""
    contenders = [salver_run("flask_app:app"), _GRANIAN_FLASK, _GUNICORN_FLASK]
    return _faster("Flask hello", contenders, Load(plan.seconds), plan, "/", _FLASK_BOUNDS)


def json_echo(plan: Plan) -> list[Finding]:
    """A document of 1 KB comes, and goes again inside of another: by an App, by Flask and by Starlette."""
    load = Load(plan.seconds, post=("application/json", _document()))
    contenders = [salver_run("salver_app:app"), _GUNICORN_FLASK, _UVICORN_STARLETTE]
    return _faster("JSON in and out", contenders, load, plan, "/json", _JSON_BOUNDS)


def _document() -> str:
    people = [
        {"id": number, "name": f"Person {number:02}", "tags": ["a", "b"], "score": number / 8} for number in range(16)
    ]
    return json.dumps({"people": people}, separators=(",", ":"))


def _cheaper(case: str, outcome: Outcome, name: str, bound: float) -> Finding:
    what = f"CPU/request, salver : {name}"
    if name in outcome.samples and "salver" in outcome.samples:
        return at_most(case, what, outcome.ratio("salver", name, cost_of), bound)
    return Finding(case, what, "not measured", f"≤ {bound:.2f}")


def _rate(sample: Sample) -> float:
    return sample.figures.rate


def _faster(
    case: str, contenders: Sequence[Contender], load: Load, plan: Plan, path: str, bounds: dict[str, float]
) -> list[Finding]:
    outcome = interleave(contenders, load, plan, path=path)
    findings = []
    for name, bound in bounds.items():
        what = f"requests/s, salver : {name}"
        if name in outcome.samples and "salver" in outcome.samples:
            findings.append(at_least(case, what, outcome.ratio("salver", name, _rate), bound))
        else:
            findings.append(Finding(case, what, "not measured", f"≥ {bound:.2f}"))
    return [*findings, *figures(case, outcome)]
