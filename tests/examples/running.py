"""A tutorial's program, running as its first lines say, on a port that it was given by the system."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "examples" / "tutorial"
SECONDS = 20.0


class Tutorial:
    """A running program: where it is, and, once it has ended, what it has written to its standard error."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.log = ""

    def ask(
        self, method: str, path: str, body: bytes | None = None, **fields: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The response, and its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


@contextlib.contextmanager
def running(name: str, *arguments: str, **environment: str) -> Iterator[Tutorial]:
    """The program on a free port, until Ctrl-C, which ends it cleanly; nothing that it was asked made a traceback."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, str(TUTORIAL / name), "0", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            tutorial = Tutorial(int(said.rstrip("/\n").rpartition(":")[2]))
            yield tutorial
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=SECONDS)[0]
        finally:
            process.kill()
            process.communicate()
        errors.seek(0)
        tutorial.log = errors.read()
    assert (process.returncode, rest) == (0, ""), tutorial.log
    assert "Traceback" not in tutorial.log
