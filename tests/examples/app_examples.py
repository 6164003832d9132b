"""An example, running as its first lines say, on a port that is free."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SECONDS = 20.0


# What `App.run` and `log` say.
_SAID = re.compile(r"^[0-9-]+ [0-9:,]+ INFO (Serving on|message by) .*\n", re.MULTILINE)


class Example:
    """A running example."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        """Of its first page."""
        return f"http://127.0.0.1:{self.port}/"

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, fields: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, dict(fields or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextlib.contextmanager
def running(name: str, *arguments: str, port: int = 0) -> Iterator[Example]:
    """The example, on a free port where none is given; it ends cleanly, and has said nothing but where it is, and what
    it logs of its own."""
    with socket.create_server(("127.0.0.1", port)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), f"127.0.0.1:{port}", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(port, process)
        yield Example(port)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
        assert (process.returncode, output, _SAID.sub("", errors)) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail(f"it does not serve: {process.communicate()[1] if process.poll() is not None else 'it runs'}")
