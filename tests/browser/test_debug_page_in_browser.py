"""The page that shows an exception, in a real browser: readable, nothing of it runs, and its policy is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from salver.app import App
from salver.request import Request
from salver.service.server import Server
from tests.browser.webdriver import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


def look_up(stock: dict[str, int], name: str) -> int:
    try:
        return stock[name]
    except KeyError:
        raise LookupError(f"no {name} in stock") from None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = App(debug=True)

    @app.get("/buy/{name}")
    def buy(request: Request, name: str) -> str:
        password = "hunter2"
        return f"{look_up({'eggs': 5}, name)} {password}"

    with Server(app, "127.0.0.1:0") as server:
        yield server.urls[0].rstrip("/")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    with Browser(DRIVER, CHROMIUM) as browser:
        yield browser


def test_it_can_be_read(browser: Browser, url: str) -> None:
    browser.open(f"{url}/buy/ham")
    assert browser.find("h1").text.split("\n") == ["LookupError", "GET /buy/ham"]
    assert browser.find("p.message").text == "no ham in stock"
    opened = browser.find("details[open]")
    assert opened.text.startswith("look_up in tests/browser/test_debug_page_in_browser.py, line ")
    assert browser.find("details[open] .ran").text.endswith('raise LookupError(f"no {name} in stock") from None')
    assert browser.run("return [...document.querySelectorAll('details[open] th')].map(th => th.textContent)")[:2] == [
        "stock", "name",
    ]  # fmt: skip


def test_other_calls_open_by_a_click_and_show_no_secret(browser: Browser, url: str) -> None:
    browser.open(f"{url}/buy/ham")
    caller = browser.find("details:not([open]):not(.library) summary")
    assert "buy" in caller.text
    caller.click()
    assert browser.run("return document.querySelectorAll('details[open]:not(.library)').length") >= 2
    assert "hunter2" not in browser.run("return document.documentElement.outerHTML")


def test_what_a_client_sends_stays_text(browser: Browser, url: str) -> None:
    browser.open(f"{url}/buy/%3Cimg%20src=x%20onerror=document.title='run'%3E")
    assert browser.run("return document.title").startswith("LookupError: no <img src=x onerror=document.title='run'>")
    assert browser.run("return document.images.length") == 0
    assert [line for line in browser.console() if "500" not in line and "favicon" not in line] == []


@pytest.mark.parametrize("width", [320, 1_200])
def test_it_fits(browser: Browser, url: str, width: int) -> None:
    browser.size(width, 800)
    browser.open(f"{url}/buy/ham")
    assert browser.run("return document.documentElement.scrollWidth") <= width
