"""What a user installs: everything that lies in src/salver, the command, and no dependency."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = {"__pycache__"}

pytest.importorskip("build")
pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_holds_every_file_of_the_package(wheel):
    source = ROOT / "src" / "salver"
    wanted = {
        str(Path("salver") / path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and not _LEFT_OUT & set(path.parts)
    }
    packed = {name for name in wheel.namelist() if name.startswith("salver/")}
    assert packed == wanted
    assert "salver/py.typed" in packed


def test_offers_the_command_and_needs_nothing(wheel):
    entries = {name.partition("/")[2]: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "salver = salver.cli:main" in wheel.read(entries["entry_points.txt"]).decode()
    needs = message_from_bytes(wheel.read(entries["METADATA"])).get_all("Requires-Dist") or []
    assert [need for need in needs if "extra ==" not in need] == []
