"""`salver run module:attribute`, and what the program says of itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from salver import __version__
from tests.cli.commands import (
    SALVER,
    SECONDS,
    environment,
    salver,
)


def test_run_a_function(module_folder: Path) -> None:
    with salver("run", "shop:handler", cwd=module_folder) as server:
        assert server.said[0] == "Serving shop:handler"
        assert json.loads(server.get("/a%20b")[2])["path"] == "/a b"


def test_run_an_attribute_of_an_attribute(module_folder: Path) -> None:
    with salver("run", "shop:kind.method", cwd=module_folder) as server:
        assert server.get()[2] == b"from a method"


def test_run_with_workers(module_folder: Path) -> None:
    with salver("run", "shop:handler", "--workers", "2", cwd=module_folder) as server:
        assert json.loads(server.get()[2])["process"] != server.process.pid


def test_a_folder_called_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with salver("./run", cwd=tmp_path) as server:
        assert server.said[0] == f"Serving {tmp_path}/run"


def test_version_and_help() -> None:
    for arguments, expected in (
        (["--version"], f"salver {__version__}\n"),
        (["run", "--version"], f"salver {__version__}\n"),
    ):
        done = subprocess.run(
            [*SALVER, *arguments], env=environment(), text=True, capture_output=True, timeout=SECONDS, check=True
        )
        assert done.stdout == expected
    done = subprocess.run(
        [*SALVER, "run", "--help"], env=environment(), text=True, capture_output=True, timeout=SECONDS, check=True
    )
    assert "MODULE:ATTRIBUTE" in done.stdout
