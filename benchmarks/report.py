"""Findings as a table on the screen and as benchmarks/results.md. Knows no measurement."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Cores
from benchmarks.peers import PEER_PYTHON
from benchmarks.rounds import Plan


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. `holds` is None where no figure is asked, or nothing could be compared."""

    case: str
    what: str
    value: str
    asked: str = ""
    holds: bool | None = None

    @property
    def verdict(self) -> str:
        """ok, MISS, or nothing."""
        return "" if self.holds is None else "ok" if self.holds else "MISS"


HEADINGS = ("case", "what", "measured", "asked", "")


def at_most(case: str, what: str, value: float, bound: float, form: str = "{:.2f}") -> Finding:
    """A finding that holds where `value` is not above `bound`."""
    return Finding(case, what, form.format(value), "≤ " + form.format(bound), value <= bound)


def at_least(case: str, what: str, value: float, bound: float, form: str = "{:.2f}") -> Finding:
    """A finding that holds where `value` is not below `bound`."""
    return Finding(case, what, form.format(value), "≥ " + form.format(bound), value >= bound)


def as_text(findings: Sequence[Finding]) -> str:
    """The table for a terminal."""
    rows = [HEADINGS, *map(_cells, findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def as_markdown(findings: Sequence[Finding], plan: Plan) -> str:
    """The whole of results.md."""
    lines = [
        "# Results",
        "",
        f"`make bench`, {datetime.now(UTC):%Y-%m-%d}: {plan.rounds} interleaved rounds of {plan.seconds} s; a ratio is",
        "the median of the ratios of each round. CPU is user and system time of the server's processes per request.",
        "How each contender is started: [peers.py](peers.py). How to repeat it: `make bench`.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(finding)) + " |" for finding in findings),
        "",
        "## The machine",
        "",
        *(f"- {line}" for line in machine(plan.cores)),
        "",
    ]
    return "\n".join(lines)


def _cells(finding: Finding) -> tuple[str, str, str, str, str]:
    return finding.case, finding.what, finding.value, finding.asked, finding.verdict


def machine(cores: Cores) -> Iterable[str]:
    """What the figures were measured on and with."""
    yield f"{_processor()}, {os.cpu_count()} cores; server on core {cores.server}, load on core {cores.load}"
    yield f"{_memory()} of memory, {platform.system()} {platform.release()}, {_distribution()}"
    yield f"Salver and the Python peers on {platform.python_implementation()} {platform.python_version()}"
    yield ", ".join([*_peer_versions(), _said("nginx", "-v"), _said("wrk", "-v")])


def _processor() -> str:
    matched = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return matched[1].strip() if matched else platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown distribution"


def _peer_versions() -> list[str]:
    command = [str(PEER_PYTHON), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    wanted = ("granian", "uvicorn", "uvloop", "httptools", "gunicorn", "waitress", "bjoern")
    return [line.replace("==", " ") for line in listed.split() if line.partition("==")[0] in wanted]


def _said(*command: str) -> str:
    """The first line a program says, cut at what it says about itself."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    except OSError:
        return f"no {command[0]}"
    first = (said.stdout or said.stderr).splitlines()[0]
    return first.partition(" [")[0].partition(" Copyright")[0].replace("nginx version: ", "").replace("/", " ")


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)
