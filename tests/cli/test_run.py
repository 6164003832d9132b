"""`salver run module:attribute`, and what the program says of itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from salver import __version__
from tests.cli.commands import (
    SALVER,
    SECONDS,
    environment,
    refused,
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


INTERFACES = """
from salver.server import BaseHTTPRequestHandler

def handler(request):
    return "a handler"

def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Several", str(environ["wsgi.multiprocess"]))])
    return [b"read ", b"%d" % len(environ["wsgi.input"].read())]

def anything(*arguments):
    return wsgi(*arguments)

class Old(BaseHTTPRequestHandler):
    def log_message(self, *words): ...
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a class")

async def asgi(scope, receive, send): ...
async def later(request): ...
def three(a, b, c): ...
"""


@pytest.fixture
def interfaces(tmp_path: Path) -> Path:
    (tmp_path / "kinds.py").write_text(INTERFACES)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["kinds:handler"], b"a handler"),
        (["kinds:handler", "--interface", "handler"], b"a handler"),
        (["kinds:wsgi"], b"read 0"),
        (["kinds:wsgi", "--interface", "wsgi"], b"read 0"),
        (["kinds:anything", "--interface", "wsgi"], b"read 0"),
        (["kinds:wsgi", "--workers", "2"], b"read 0"),
        (["kinds:Old"], b"a class"),
    ],
)
def test_what_is_served_is_found_out_or_said(interfaces: Path, arguments: list[str], body: bytes) -> None:
    with salver("run", *arguments, cwd=interfaces) as server:
        status, fields, got = server.get()
        assert (status, got) == (200, body)
        assert fields.get("x-several") in (None, str("--workers" in arguments))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kinds:asgi"], "kinds:asgi is an ASGI application, and ASGI is not served yet"),
        (["kinds:asgi", "--workers", "2"], "kinds:asgi is an ASGI application, and ASGI is not served yet"),
        (["kinds:later"], "kinds:later is an async def, and those are not served yet"),
        (["kinds:anything"], "say which with --interface"),
        (["kinds:three"], "does not take one argument (a request), nor two"),
        (["kinds:wsgi", "--interface", "asgi"], "invalid choice: 'asgi'"),
    ],
)
def test_what_is_not_served_is_told_so(interfaces: Path, arguments: list[str], said: str) -> None:
    assert said in refused("run", *arguments, cwd=interfaces)
