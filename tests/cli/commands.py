"""Commands as processes: run until they have said where they are, or refused with one line."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SALVER = [sys.executable, "-m", "salver"]
SOURCE = str(Path(__file__).resolve().parent.parent.parent / "src")
SECONDS = 20.0  # that anything here may take


def environment(**more: str) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
    return {**known, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **more}


class Running:
    """A server that has said where it is."""

    def __init__(self, process: subprocess.Popen[str], said: list[str]) -> None:
        self.process = process
        self.said = said
        self.urls = [line.strip() for line in said if line.startswith("  ")]

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """(status, header fields by their names in lower case, body)."""
        connection = http.client.HTTPConnection(urlsplit(self.urls[0]).netloc, timeout=SECONDS)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """(exit status, rest of standard output, standard error)."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, output, errors


@contextlib.contextmanager
def salver(
    *arguments: str, cwd: Path | None = None, port: bool = True, fds: Sequence[int] = (), **env: str
) -> Iterator[Running]:
    """A server on a free port, ended at the end; it must not have had anything to say on standard error."""
    command = [*SALVER, *arguments, *(["-p", "0"] if port else [])]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(**env),
        pass_fds=fds,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield Running(process, list(_lines_until_ready(process)))
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
        assert errors == ""
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _lines_until_ready(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.rstrip("\n")
        if line.startswith("Stop it"):
            return
    pytest.fail(f"it ended with {process.wait()}: {process.communicate()[1]}")


def refused(*arguments: str, cwd: Path | None = None, **env: str) -> str:
    """The one line that a command is refused with."""
    done = subprocess.run(
        [*SALVER, *arguments],
        cwd=cwd,
        env=environment(**env),
        text=True,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("salver: ")
    return done.stderr.removeprefix("salver: ").rstrip("\n")


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
