"""`Hello, World!` over 64 keep-alive connections, with one header and with a browser's eight."""

from __future__ import annotations

from benchmarks.measure import Load
from benchmarks.peers import GRANIAN, NGINX, OTHERS, SALVER, UVICORN
from benchmarks.report import Finding, at_most
from benchmarks.rounds import Outcome, Plan, Sample, interleave

# With Host, which wrk sends, these are the eight of a page's second request.
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Connection: keep-alive",
    "Upgrade-Insecure-Requests: 1",
    "Cookie: session=Zm9yIHRoZSBiZW5jaG1hcms; theme=dark",
)
_BARE_BOUNDS = {"nginx": 1.3, "granian": 0.7, "uvicorn": 0.55}
_BROWSER_BOUNDS = {"nginx": 1.35}


def cost_of(sample: Sample) -> float:
    """CPU microseconds of the server per request."""
    return sample.cost


def plain(plan: Plan) -> list[Finding]:
    """One header, Host."""
    return _compare("hello", plan, (), _BARE_BOUNDS)


def browser(plan: Plan) -> list[Finding]:
    """A browser's eight headers."""
    return _compare("hello, 8 headers", plan, BROWSER, _BROWSER_BOUNDS)


def _compare(case: str, plan: Plan, fields: tuple[str, ...], bounds: dict[str, float]) -> list[Finding]:
    contenders = [SALVER, NGINX, GRANIAN, UVICORN, *(OTHERS if plan.everyone else ())]
    outcome = interleave(contenders, Load(plan.seconds, fields=fields), plan)
    return [*ratios(case, outcome, bounds), *figures(case, outcome)]


def ratios(case: str, outcome: Outcome, bounds: dict[str, float]) -> list[Finding]:
    """Salver's cost against each peer that has a bound; a peer that is absent is named with the reason."""
    findings = []
    for peer, bound in bounds.items():
        what = f"CPU/request, salver : {peer}"
        if peer in outcome.samples and "salver" in outcome.samples:
            findings.append(at_most(case, what, outcome.ratio("salver", peer, cost_of), bound))
        else:
            findings.append(Finding(case, what, "not measured", f"≤ {bound:.2f}"))
    return findings


def figures(case: str, outcome: Outcome) -> list[Finding]:
    """Every contender's own figures, for which none is asked."""
    present = [
        Finding(case, name, f"{outcome.cost(name):.1f} µs/request, {outcome.rate(name):,.0f} requests/s")
        for name in outcome.samples
    ]
    return present + [Finding(case, name, f"absent: {why}") for name, why in outcome.absent.items()]
