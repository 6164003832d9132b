"""The plugin in a pytest of its own: as an installation brings it along, with every warning an error."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TESTS = """
import sys

LOADED = sorted(name for name in sys.modules if name.split(".")[0] == "salver")

from salver.testing import TestClient  # a class that pytest must not take for a test

def test_nothing_is_loaded_for_those_who_have_no_use_for_it():
    assert LOADED == ["salver", "salver.testing", "salver.testing.pytest_plugin"]

def test_a_client(salver_client):
    client = salver_client(lambda request: request.path, host="here")
    assert client.get("/a").text == "/a"
    assert client.get("/a").url == "http://here/a"

def test_two_clients(salver_client):
    one, two = salver_client(lambda request: "1"), salver_client(lambda request: "2")
    assert one.get("/").text + two.get("/").text == "12"

def test_by_hand():
    with TestClient(lambda request: "x") as client:
        assert client.get("/").text == "x"
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that says what an installed package says of itself."""
    about = tmp_path / "site" / "salver-0.dist-info"
    about.mkdir(parents=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: salver\nVersion: 0\n")
    entries = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["pytest11"].items())
    (about / "entry_points.txt").write_text("[pytest11]\n" + entries)
    return tmp_path / "site"


def test_the_plugin_costs_nothing_and_gives_clients(installed: Path, tmp_path: Path):
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{installed}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
