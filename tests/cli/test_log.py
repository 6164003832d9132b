"""Where the access log goes, and what it looks like."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands import (
    SALVER,
    Running,
    _lines_until_ready,
    environment,
    salver,
)


def test_no_terminal_no_log(site: Path) -> None:
    with salver(str(site)) as server:
        server.get()
        assert server.stop() == (0, "", "")


def test_a_log_on_standard_output(site: Path) -> None:
    with salver(str(site), "--access-log", "-") as server:
        server.get("/sub/?x=1")
        status, output, errors = server.stop()
        assert (status, errors) == (0, "")
        assert re.fullmatch(r'127\.0\.0\.1 - - \[[^]]+\] "GET /sub/\?x=1 HTTP/1\.1" 200 [0-9]+ "-" "-"\n', output)


def test_a_log_in_a_file_and_its_formats(site: Path, tmp_path: Path) -> None:
    for form, expected in (("json", r'\{"time":.*"status":200.*\}\n'), ("{method} {status}%", "GET 200%\n")):
        path = tmp_path / "log"
        path.unlink(missing_ok=True)
        with salver(str(site), "--access-log", str(path), "--log-format", form) as server:
            server.get()
            server.stop()
        assert re.fullmatch(expected, path.read_text())


@pytest.mark.parametrize(("arguments", "logged"), [([], True), (["--no-access-log"], False)])
def test_a_terminal_sees_its_log(site: Path, arguments: list[str], logged: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*SALVER, str(site), "-p", "0", *arguments], env=environment(), text=True, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    server = Running(process, list(_lines_until_ready(process)))
    assert server.get("/")[0] == 200
    server.stop()
    seen = b""
    with contextlib.suppress(OSError):  # how a terminal ends whose other side is closed
        while select.select([ours], [], [], 1.0)[0] and (piece := os.read(ours, 4096)):
            seen += piece
    os.close(ours)
    assert (b'"GET / HTTP/1.1" 200' in seen) == logged
    assert b"Traceback" not in seen
