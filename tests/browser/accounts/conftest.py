"""A server with accounts, in each way in which accounts are kept, and windows on it in which nobody is logged in.

Every test is run on SQLite, on PostgreSQL, and on PostgreSQL and Redis with two processes behind HAProxy, which gives
each request to whichever of them it likes. The servers are those of the tests without a browser; one window of each
kind serves all three.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.mail_server import MailServer
from tests.accounts.servers import PostgreSQL, folder, haproxy, postgresql, redis, salvers, until
from tests.accounts.visitors import ask
from tests.browser.accounts.pages import CHROMIUM, DRIVER, Windows, complaints, made, prepare
from tests.browser.webdriver import Browser
from tests.cli.commands import salver

pytest.importorskip("sqlalchemy", reason='accounts need the extra "accounts"')
pytest.importorskip("argon2", reason='accounts need the extra "accounts"')

ROOT = Path(__file__).resolve().parents[3]
APP = "tests.accounts.served_app:app"


@pytest.fixture(scope="package")
def browsers() -> Iterator[dict[str, Browser]]:
    """One window of each kind that has been asked for."""
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    with ExitStack() as stack:
        yield Windows(stack)


@pytest.fixture(scope="package")
def database_server(browsers: dict[str, Browser]) -> Iterator[PostgreSQL]:
    with postgresql() as server:
        yield server


@pytest.fixture(scope="package")
def mail_server(browsers: dict[str, Browser]) -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="package", params=["sqlite", "postgresql", "postgresql and redis, two"])
def base(request: pytest.FixtureRequest, mail_server: MailServer) -> Iterator[str]:
    """The address of a server with accounts at /accounts, and / and /mine beside them; at /mailed the same accounts
    with letters."""
    env = {"CHEAP": "1", "MAIL_SERVER": f"smtp://127.0.0.1:{mail_server.port}"}
    if request.param == "sqlite":
        with folder() as where, served(f"sqlite:///{where}/accounts.db", env) as address:
            yield address
        return
    server: PostgreSQL = request.getfixturevalue("database_server")
    start = served if request.param == "postgresql" else served_by_two
    with start(server.url(request.param), env) as address:
        yield address


@contextlib.contextmanager
def served(database: str, env: dict[str, Any]) -> Iterator[str]:
    with salver("run", APP, "--no-access-log", cwd=ROOT, SALVER_DATABASE=database, **env) as server:
        yield server.urls[0].rstrip("/").replace("127.0.0.1", "localhost")


@contextlib.contextmanager
def served_by_two(database: str, env: dict[str, Any]) -> Iterator[str]:
    with (
        redis() as counts,
        salvers(2, database, counts.url, app=APP, **env) as (one, two),
        haproxy(one.address, two.address) as front,
    ):
        processes: set[int] = set()
        until(lambda: processes.add(ask(front.address, "GET", "/health").json["process"]) or len(processes) == 2)
        yield f"http://localhost:{front.port}"


@pytest.fixture
def browser(browsers: dict[str, Browser], base: str) -> Iterator[Browser]:
    """Nobody is logged in. By the end the console has said nothing, but of answers that are meant to be refusals."""
    browser = browsers["usual"]
    prepare(browser, base)
    yield browser
    assert complaints(browser) == []


@pytest.fixture
def name(browser: Browser, base: str) -> str:
    """An account that exists."""
    return made(browser, base)
