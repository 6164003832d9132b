"""A C program that prints hello, started for each request: against lighttpd's mod_cgi.

Nearly all of a request's time is the kernel's and the dynamic linker's, the same for both. On one core what is left is
compared; with all cores, as both run by default, also how well starting one overlaps with running another.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Cores, Load, MeasureError
from benchmarks.peers import Contender
from benchmarks.report import Finding, at_least
from benchmarks.rounds import Plan, Sample, interleave

_CASE = "CGI, C hello"
_SOURCE = (
    '#include <stdio.h>\nint main(void) { fputs("Content-Type: text/plain\\r\\n\\r\\nhello\\n", stdout); return 0; }\n'
)
_LIGHTTPD = """
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_cgi")
cgi.assign = ("/hello" => "")
"""
_CONNECTIONS = (1, 16)


def _rate(sample: Sample) -> float:
    return sample.figures.rate


def run(plan: Plan) -> list[Finding]:
    """Requests a second, on one core and on those there are."""
    with tempfile.TemporaryDirectory(prefix="salver-bench-") as scratch:
        folder = Path(scratch)
        _compile(folder)
        contenders = [_salver(folder), _lighttpd(folder)]
        return [
            finding
            for connections in _CONNECTIONS
            for where in ("one core", "all cores")
            for finding in _compare(contenders, plan, connections, where)
        ]


def _compile(folder: Path) -> None:
    (folder / "hello.c").write_text(_SOURCE)
    binary = folder / "cgi-bin" / "hello"
    binary.parent.mkdir()
    try:
        subprocess.run(["cc", "-O2", "-o", binary, folder / "hello.c"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MeasureError(f"no C compiler: {error}") from None


def _compare(contenders: list[Contender], plan: Plan, connections: int, where: str) -> list[Finding]:
    unbound = [each if where == "one core" else _on_all_cores(each, plan.cores) for each in contenders]
    outcome = interleave(unbound, Load(plan.seconds, connections), plan, path="/cgi-bin/hello")
    case = f"{_CASE}, {connections} connections, {where}"
    findings = [Finding(case, name, f"{outcome.rate(name):,.0f} requests/s") for name in outcome.samples]
    findings += [Finding(case, name, f"absent: {why}") for name, why in outcome.absent.items()]
    if len(outcome.samples) == len(contenders):
        ratio = outcome.ratio("salver", "lighttpd", _rate)
        findings.insert(0, at_least(case, "requests/s, salver : lighttpd", ratio, 1.0))
    return findings


def _on_all_cores(contender: Contender, cores: Cores) -> Contender:
    """Undo what `running` does: a server that is started on one core takes the others, too."""
    everywhere = ",".join(str(core) for core in sorted(os.sched_getaffinity(0) | {cores.server, cores.load}))
    return replace(contender, command=lambda port, at: ["taskset", "-c", everywhere, *contender.command(port, at)])


def _salver(folder: Path) -> Contender:
    arguments = [sys.executable, "-m", "salver", str(folder), "--cgi", "--no-access-log"]
    return Contender("salver", lambda port, _: [*arguments, "-p", str(port)])


def _lighttpd(folder: Path) -> Contender:
    def command(port: int, scratch: Path) -> list[str]:
        configuration = scratch / "lighttpd.conf"
        configuration.write_text(_LIGHTTPD.format(folder=folder, port=port))
        return ["lighttpd", "-D", "-f", str(configuration)]

    return Contender("lighttpd", command, "lighttpd")
