"""Every example is run as it says, and does what it says; every link of the example site leads somewhere."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest

from salver.files import Folder
from salver.service.server import Server

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SECONDS = 20.0


class Example:
    """A running example."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextlib.contextmanager
def running(name: str) -> Iterator[Example]:
    """The example on a free port; it ends cleanly, without a word."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), f"127.0.0.1:{port}"],
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
        assert (process.returncode, output, errors) == (0, "", "")
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


def test_hello() -> None:
    with running("hello.py") as example:
        assert b"<h1>Hello, 127.0.0.1!</h1>" in example.ask("/")[1]


def test_json_api() -> None:
    with running("json_api.py") as example:
        assert example.ask("/notes") == (200, b"{}")
        status, body = example.ask("/notes", "POST", b'{"text": "polish"}')
        assert (status, json.loads(body)) == (201, {"1": "polish"})
        assert json.loads(example.ask("/notes/1")[1]) == {"1": "polish"}
        for bad in (b"{", b"[]", b"{}", b"\xff"):
            assert example.ask("/notes", "POST", bad)[0] == 400
        assert example.ask("/notes/1", "DELETE") == (204, b"")
        assert example.ask("/notes/1", "DELETE")[0] == 404
        assert example.ask("/elsewhere")[0] == 404


def test_streaming() -> None:
    with running("streaming.py") as example:
        assert example.ask("/?20")[1] == b"2\n3\n5\n7\n11\n13\n17\n19\n"
        assert example.ask("/?100000")[1].splitlines()[-1] == b"99991"
        assert example.ask("/?nonsense")[1].splitlines()[-1] == b"997"
        upload = os.urandom(3_000_000)
        told = json.loads(example.ask("/", "PUT", upload)[1])
        assert told == {"sha256": hashlib.sha256(upload).hexdigest(), "size": len(upload)}


def test_blocking_blocks_nobody_else() -> None:
    with running("blocking.py") as example:
        slow = [threading.Thread(target=example.ask, args=(path,)) for path in ("/slow", "/told")]
        begun = time.monotonic()
        for each in slow:
            each.start()
        time.sleep(0.2)
        assert b"At once" in example.ask("/")[1]
        assert time.monotonic() - begun < 0.9
        for each in slow:
            each.join()
        assert 1.0 <= time.monotonic() - begun < 1.9
        assert example.ask("/nothing")[0] == 404


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_tested(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60
    assert f'running("{path.name}")' in Path(__file__).read_text()


class Links(HTMLParser):
    """The addresses that a page leads to or loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.update(value for name, value in attrs if name in ("href", "src") and value)


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    with Server(Folder(EXAMPLES / "site"), "127.0.0.1:0") as server:
        yield server


def test_every_link_of_the_site_leads_somewhere(site: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=SECONDS)
    waiting, seen = ["/"], {"/"}
    while waiting:
        here = waiting.pop()
        connection.request("GET", here)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, here
        if "?" in here or not (response.getheader("Content-Type") or "").startswith("text/html"):
            continue
        links = Links()
        links.feed(body.decode())
        there = {urldefrag(urljoin(here, link))[0] for link in links.found if not link.startswith("data:")}
        assert all(link.startswith("/") for link in there), "the site needs nothing from elsewhere"
        waiting += there - seen
        seen |= there
    connection.close()
    assert {"/crew.html", "/style.css", "/images/tray.svg", "/files/letters/", "/files/?sort=size&order=desc"} <= seen
    assert len(seen) > 30


def test_the_site_is_small_and_has_something_large() -> None:
    sizes = [path.stat().st_size for path in (EXAMPLES / "site").rglob("*") if path.is_file()]
    assert sum(sizes) < 3_000_000
    assert max(sizes) > 1_000_000
    assert len(list((EXAMPLES / "site" / "files").iterdir())) >= 12


def test_the_site_says_what_the_command_says(site: Server) -> None:
    """The commands that the pages show have only options that there are."""
    shown = "".join(path.read_text() for path in (EXAMPLES / "site").glob("*.html"))
    done = subprocess.run(
        [sys.executable, "-m", "salver", "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    options = set(re.findall(r"(?<=[ >])--[a-z-]+", shown))
    assert options
    assert all(option in done.stdout for option in options)
