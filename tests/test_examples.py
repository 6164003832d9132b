"""Every example is run as it says, and does what it says; every link of the example site leads somewhere."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin

import pytest

from salver.files import Folder
from salver.service.server import Server
from tests.accounts.mail_server import MailServer
from tests.examples.app_examples import EXAMPLES, ROOT, SECONDS, Example, running

JSON = {"Content-Type": "application/json", "Accept": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BROWSED = ROOT / "tests" / "browser" / "test_examples_in_browser.py"


def test_hello() -> None:
    with running("hello.py") as example:
        assert b"<h1>Hello, 127.0.0.1!</h1>" in example.ask("/")[1]


def test_json_api() -> None:
    with running("json_api.py") as example:
        assert example.ask("/notes") == (200, b"{}")
        assert ask_json(example, "/notes", "POST", {"text": "polish"}) == (201, {"id": 1, "text": "polish"})
        assert ask_json(example, "/notes/1") == (200, {"id": 1, "text": "polish"})
        assert ask_json(example, "/notes") == (200, {"1": "polish"})
        for bad in (b"{", b"[]", b"{}", b'{"text": 5}', b"\xff"):
            assert example.ask("/notes", "POST", bad, JSON)[0] == 400
        assert example.ask("/notes", "POST", b"text=polish", FORM)[0] == 415
        assert example.ask("/notes", "PATCH")[0] == 405
        assert example.ask("/notes/1", "DELETE") == (204, b"")
        assert example.ask("/notes/1", "DELETE")[0] == 404
        assert example.ask("/notes/none")[0] == 404
        status, said = ask_json(example, "/notes/7")
        assert (status, said["detail"]) == (404, "There is no note 7.")


def ask_json(example: Example, path: str, method: str = "GET", value: Any = None) -> tuple[int, Any]:
    status, body = example.ask(path, method, None if value is None else json.dumps(value).encode(), JSON)
    return status, json.loads(body)


def test_accounts(tmp_path: Path) -> None:
    """Each has notes of their own, and nobody without an account sees any."""
    with running("accounts.py", f"sqlite:///{tmp_path}/accounts.db") as example:
        assert b"data-salver-login" in example.ask("/")[1]
        assert example.ask("/notes")[0] == 401
        assert example.ask("/notes", "POST", b"note=x", FORM)[0] == 401
        notes = {}
        for name in ("ada", "bob"):
            account = {"username": name, "nickname": f"<{name}>", "password": "difference engine"}
            assert ask_json(example, "/accounts/api/register", "POST", account)[1]["code"] == 0
            cookie = log_in(example, account)
            assert example.ask("/notes", "POST", f"note=<i>{name}".encode(), {**FORM, **cookie})[0] == 303
            notes[name] = example.ask("/notes", fields=cookie)[1]
            assert f"Hello, &lt;{name}&gt;".encode() in example.ask("/", fields=cookie)[1]
            assert example.ask("/accounts/logout", "POST", b"", cookie)[0] == 303
            assert example.ask("/notes", fields=cookie)[0] == 401
        assert b"<li>&lt;i&gt;ada</li>" in notes["ada"]
        assert b"ada" not in notes["bob"]


def test_accounts_mail(tmp_path: Path) -> None:
    """The whole way from a forgotten password to a new one, by letters that a mail server has taken."""
    account = {"username": "ada", "password": "difference engine", "email": "ada@example.org"}
    with MailServer() as mail:
        arguments = (f"sqlite:///{tmp_path}/accounts.db", f"smtp://127.0.0.1:{mail.port}")
        with running("accounts_mail.py", *arguments) as example:
            assert ask_json(example, "/accounts/api/register", "POST", account)[1]["code"] == 0
            assert b"no address yet" in example.ask("/", fields=log_in(example, account))[1]
            for path, fields in (("confirm", {}), ("reset", {"password": "analytical engine"})):
                link = mail.take().link
                assert link.startswith(f"http://127.0.0.1:{example.port}/accounts/{path}?token=")
                sent = {"token": link.partition("=")[2], **fields}
                assert ask_json(example, f"/accounts/api/{path}", "POST", sent)[1]["code"] == 0
                if path == "confirm":
                    ask_json(example, "/accounts/api/forgotten", "POST", {"account": "ada@example.org"})
            cookie = log_in(example, {**account, "password": "analytical engine"})
            assert b"Hello, ada: ada@example.org." in example.ask("/", fields=cookie)[1]
            assert "was changed" in mail.take().text


def log_in(example: Example, account: dict[str, str]) -> dict[str, str]:
    """The Cookie field of a login."""
    connection = http.client.HTTPConnection("127.0.0.1", example.port, timeout=SECONDS)
    connection.request("POST", "/accounts/api/login", json.dumps(account), JSON)
    cookie = connection.getresponse().getheader("Set-Cookie", "").partition(";")[0]
    connection.close()
    return {"Cookie": cookie}


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


def test_client(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        "<a href=a%20b.html>a</a><a href=/none>x</a><a href=http://other.invalid/>y</a>"
    )
    (tmp_path / "a b.html").write_text("<img src=i.png><a href=/#top>back</a>")
    (tmp_path / "i.png").write_bytes(b"\x89PNG")
    with Server(Folder(tmp_path), "127.0.0.1:0") as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert ran("client.py", url) == (1, f"{url}none: 404 Not Found\n4 URLs, 1 broken\n")


def ran(name: str, *arguments: str) -> tuple[int, str]:
    """The exit status and what it says, of an example that ends by itself."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_tested(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60
    tests = Path(__file__).read_text() + BROWSED.read_text()
    assert f'running("{path.name}"' in tests or f'ran("{path.name}"' in tests


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
