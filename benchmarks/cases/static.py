"""Files of 1 KB, 100 KB and 10 MB from a folder, beside nginx with sendfile and its cache of open files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cases.hello import figures, ratios
from benchmarks.measure import Load
from benchmarks.peers import nginx_folder, salver_folder
from benchmarks.report import Finding
from benchmarks.rounds import Plan, interleave


@dataclass(frozen=True, slots=True)
class Size:
    """One file: its name in the table, bytes, connections, and the ratio asked."""

    name: str
    length: int
    connections: int
    bound: float

    @property
    def counts_bytes(self) -> bool:
        """A download that the end of a round cuts off is a good part of all there were."""
        return self.length > 1_000_000


SMALL = Size("1 KB", 1_024, 64, 1.1)
MIDDLE = Size("100 KB", 102_400, 64, 1.1)
LARGE = Size("10 MB", 10_485_760, 16, 1.05)


def case(size: Size) -> Callable[[Plan], list[Finding]]:
    """The comparison for one size."""

    def run(plan: Plan) -> list[Finding]:
        with TemporaryDirectory(prefix="salver-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            (folder / "file.bin").write_bytes(os.urandom(size.length))
            contenders = [salver_folder(folder), nginx_folder(folder)]
            length = size.length if size.counts_bytes else 0
            load = Load(plan.seconds, connections=size.connections)
            outcome = interleave(contenders, load, plan, path="/file.bin", length=length)
        title = f"file of {size.name}"
        return [*ratios(title, outcome, {"nginx": size.bound}), *figures(title, outcome)]

    return run
