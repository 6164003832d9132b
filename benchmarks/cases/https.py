"""HTTPS beside nginx with the same key, ECDSA on P-256: kept connections, a connection a request, and a large file.

A connection a request is a whole handshake each: `wrk` takes no tickets up. Neither server has kTLS here or there: both
read the file and encrypt it.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cases.hello import figures, ratios
from benchmarks.measure import Load
from benchmarks.peers import make_keys, nginx_folder, nginx_https, salver_folder, salver_https
from benchmarks.report import Finding
from benchmarks.rounds import Plan, interleave

_KEPT, _NEW = 1.35, 1.25
_LARGE = 10_485_760


def keep_alive(plan: Plan) -> list[Finding]:
    """`Hello, World!` over 64 kept connections."""
    return _hello("https hello", plan, (), _KEPT)


def new_connections(plan: Plan) -> list[Finding]:
    """The same, each on a connection of its own."""
    return _hello("https hello, new connection each", plan, ("Connection: close",), _NEW)


def _hello(case: str, plan: Plan, fields: tuple[str, ...], bound: float) -> list[Finding]:
    with TemporaryDirectory(prefix="salver-bench-") as name:
        keys = make_keys(Path(name))
        outcome = interleave([salver_https(keys), nginx_https(keys)], Load(plan.seconds, fields=fields), plan)
    return [*ratios(case, outcome, {"nginx": bound}), *figures(case, outcome)]


def large_file(plan: Plan) -> list[Finding]:
    """10 MB from a folder; no figure is asked."""
    with TemporaryDirectory(prefix="salver-bench-") as name:
        keys = make_keys(Path(name))
        folder = Path(name) / "served"
        folder.mkdir()
        Path(name).chmod(0o755)
        (folder / "file.bin").write_bytes(os.urandom(_LARGE))
        contenders = [salver_folder(folder, keys), nginx_folder(folder, keys)]
        outcome = interleave(contenders, Load(plan.seconds, 16), plan, path="/file.bin", length=_LARGE)
    return figures("https file of 10 MB", outcome)
