"""sqlmap, level 2, against the login and the registration, as JSON and as forms: it finds nothing to inject into."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.visitors import ask
from tests.cli.commands import salver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

ADA = {"username": "ada", "password": "difference engine"}
SECONDS = 300  # a run takes some seconds
AT_LEAST = 300  # requests of a run that has tried something


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The server's access log."""
    return tmp_path / "access.log"


@pytest.fixture
def base(tmp_path: Path, database: str, log: Path) -> Iterator[str]:
    """A server that lets one address try as often as it likes, and on which ada has an account."""
    variables: dict[str, Any] = {"SALVER_DATABASE": database, "CHEAP": "1", "UNCOUNTED": "1"}
    arguments = [
        "tests.accounts.served_app:app",
        "--access-log",
        str(log),
        "--log-format",
        "{method} {target} {status}",
    ]
    with salver("run", *arguments, cwd=Path(__file__).parents[2], **variables) as server:
        base = server.urls[0].rstrip("/")
        answer = ask(base.removeprefix("http://"), "POST", "/accounts/api/register", ADA)
        assert answer.json["code"] == 0
        yield base


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/accounts/api/login", '{"username": "ada", "password": "difference engine"}'),
        ("/accounts/login", "username=ada&password=difference+engine&next=%2Fmine"),
        ("/accounts/api/register", '{"username": "bob", "password": "difference engine", "nickname": "Bob"}'),
    ],
)
def test_nothing_is_found(
    program: Callable[[str], str], tmp_path: Path, log: Path, base: str, path: str, data: str
) -> None:
    command = [program("sqlmap"), "--batch", "--level=2", "--flush-session", "--disable-coloring", "--threads=4"]
    command += ["--skip-waf", "--ignore-code=*", "--time-sec=2", f"--output-dir={tmp_path}", "-v", "1"]
    media_type = "application/json" if data.startswith("{") else "application/x-www-form-urlencoded"
    command += ["-u", base + path, "--data", data, "-H", f"Content-Type: {media_type}"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False)
    said = done.stdout + done.stderr
    assert "all tested parameters do not appear to be injectable" in said, said[-3_000:]
    assert not re.search(r"(?m)^(Parameter|Type): |is vulnerable|appears to be '.*' injectable", said), said[-3_000:]
    tried = [line.split() for line in log.read_text().splitlines()]
    assert len(tried) > AT_LEAST
    assert [line for line in tried if line[2].startswith("5")] == [], "nothing that was tried went wrong inside"
