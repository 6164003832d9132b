"""A server with accounts, and windows on it in which nobody is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.browser.accounts.pages import CHROMIUM, DRIVER, Windows, complaints, made, prepare
from tests.browser.webdriver import Browser
from tests.cli.commands import salver

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with accounts at /accounts, and / and /mine beside them."""
    database = tmp_path_factory.mktemp("accounts") / "accounts.db"
    variables: dict[str, Any] = {"DATABASE": f"sqlite:///{database}", "CHEAP": "1"}
    with salver("run", "tests.accounts.served_app:app", "--no-access-log", cwd=ROOT, **variables) as server:
        yield server.urls[0].rstrip("/").replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def browsers() -> Iterator[dict[str, Browser]]:
    """One window of each kind that has been asked for."""
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    with ExitStack() as stack:
        yield Windows(stack)


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
