"""CPython's own tests of the two modules, on the interpreter that runs this; `make cpython` runs them on all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--strict", "--lenient"])
def test_cpythons_own_tests(way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.classes.cpython", way],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout
