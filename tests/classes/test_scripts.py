"""Scripts as people write them, each run on the standard library and by `salver run`, with the same expectations."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
WAYS = {"original": [sys.executable], "ours": [sys.executable, "-m", "salver", "run"]}


class Script:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    @contextlib.contextmanager
    def ask(
        self, method: str, path: str, body: bytes | None = None, **fields: str
    ) -> Iterator[http.client.HTTPResponse]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request(method, path, body, fields)
            with client.getresponse() as response:
                yield response
        finally:
            client.close()

    def read(self, method: str, path: str, body: bytes | None = None, **fields: str) -> tuple[int, bytes]:
        with self.ask(method, path, body, **fields) as response:
            return response.status, response.read()

    def interrupt(self) -> str:
        """Ctrl-C; what the script says afterwards."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)[0]


@contextlib.contextmanager
def script(way: str, name: str, *arguments: str) -> Iterator[Script]:
    command = [*WAYS[way], str(SCRIPTS / name), "0", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield Script(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_json_api(way: str) -> None:
    with script(way, "json_api.py") as it:
        assert it.read("GET", "/items/a") == (404, b'{"error": "not found"}')
        assert it.read("PUT", "/items/a", json.dumps([1]).encode()) == (201, b'{"ok": true}')
        assert it.read("GET", "/items/a") == (200, b"[1]")
        assert it.interrupt() == "closed\n"


def test_server_sent_events_arrive_one_by_one(way: str) -> None:
    with script(way, "sse.py") as it:
        with it.ask("GET", "/") as response:
            assert response.fp.readline() == b"data: 0\n"
            assert response.fp.read() == b"\ndata: 1\n\ndata: 2\n\n"
        assert it.interrupt() == "closed\n"


def test_a_callback(way: str) -> None:
    with script(way, "oauth.py") as it:
        assert it.read("GET", "/favicon.ico") == (200, b"You can close this window.")
        assert it.read("GET", "/?code=sesame") == (200, b"You can close this window.")
        assert it.process.communicate(timeout=10)[0] == "got sesame\n"
        assert it.process.returncode == 0


def test_basic_authentication_in_parse_request(way: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"file")
    with script(way, "auth.py", str(tmp_path)) as it:
        with it.ask("GET", "/f") as response:
            assert (response.status, response.getheader("WWW-Authenticate")) == (401, 'Basic realm="x"')
        assert it.read("GET", "/f", Authorization="Basic dXNlcjp3b3Jk") == (200, b"file")
        assert it.interrupt() == "closed\n"


def test_wsgiref(way: str) -> None:
    with script(way, "wsgi.py") as it:
        assert it.read("GET", "/") == (200, b"GET ")
        assert it.read("POST", "/", b"posted") == (200, b"POST posted")
        assert it.interrupt() == "closed\n"


def test_a_script_that_is_not_there() -> None:
    command = [*WAYS["ours"], "no-such-script.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no-such-script.py" in done.stderr
