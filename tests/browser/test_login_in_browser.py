"""S5: the tutorial's login page as people use it, in a real browser, on a port that it was not written for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.browser.webdriver import Browser
from tests.examples.running import Tutorial, running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PASSWORD = "Königin <&> 女王"


@pytest.fixture(scope="module")
def tutorial() -> Iterator[Tutorial]:
    with running("login.py", SALVER_USER="ada", SALVER_PASSWORD=PASSWORD) as tutorial:
        yield tutorial
    assert "nigin" not in tutorial.log


@pytest.fixture(scope="module")
def shared() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    with Browser(DRIVER, CHROMIUM) as browser:
        yield browser


@pytest.fixture
def browser(shared: Browser, tutorial: Tutorial) -> Iterator[Browser]:
    """On the page, which counts what it sends; what the console has said by the end of the test must be nothing."""
    shared.console()
    shared.open(f"http://127.0.0.1:{tutorial.port}/")
    shared.run(
        "const real = fetch; window.sent = 0; window.fetch = (...all) => { window.sent += 1; return real(...all); }"
    )
    yield shared
    # The page has its own icon; for the text file behind it, the browser asks the root for one.
    assert [message for message in shared.console() if "/favicon.ico" not in message] == []


def is_open(browser: Browser) -> bool:
    return bool(browser.run("return document.querySelector('dialog').open"))


def focused(browser: Browser) -> str:
    return str(browser.run("return document.activeElement.id"))


def problems(browser: Browser) -> tuple[str, str]:
    return browser.find("#username-problem").text, browser.find("#password-problem").text


def fill(browser: Browser, name: str, password: str) -> None:
    browser.find("#username").type(name)
    browser.find("#password").type(password)


def test_it_asks_at_once_and_again_when_one_wants_to(browser: Browser) -> None:
    assert is_open(browser)
    assert focused(browser) == "username"
    browser.press("Escape")
    assert not is_open(browser)
    assert browser.find("#greeting").text == "The pantry is closed"
    browser.find("#open").click()
    assert is_open(browser)
    browser.find("#cancel").click()
    assert not is_open(browser)
    assert not browser.find("#inside").text


def test_empty_fields_are_refused_before_anything_is_sent(browser: Browser) -> None:
    browser.find("#send").click()
    assert problems(browser) == ("Please give your user name.", "Please give your password.")
    assert focused(browser) == "username"
    fill(browser, "   ", "x")
    browser.press("Enter")
    assert problems(browser) == ("Please give your user name.", "")
    browser.find("#cancel").click()
    browser.find("#open").click()
    assert problems(browser) == ("", "")
    browser.find("#username").type("ada")
    browser.press("Enter")
    assert problems(browser) == ("", "Please give your password.")
    assert focused(browser) == "password"
    assert is_open(browser)
    assert browser.run("return window.sent") == 0


def test_a_wrong_password_is_said_beside_the_field(browser: Browser) -> None:
    fill(browser, "ada", "wrong")
    browser.find("#send").click()
    browser.wait_until(lambda: problems(browser)[1] != "")
    assert problems(browser) == ("", "User name and password do not match.")
    assert browser.find("#password").attribute("aria-invalid") == "true"
    assert is_open(browser)
    assert focused(browser) == "password"
    browser.find("#password").type("x")
    assert problems(browser) == ("", "")


def test_the_right_one_closes_the_dialog_and_goes_on(browser: Browser) -> None:
    fill(browser, "ada", "wrong")
    browser.press("Enter")
    browser.wait_until(lambda: problems(browser)[1] != "")
    browser.find("#password").type(PASSWORD)  # what is wrong is selected, and so replaced
    browser.press("Enter")
    browser.wait_until(lambda: not is_open(browser))
    assert browser.find("#greeting").text == "Welcome, ada"
    assert focused(browser) == "greeting"
    assert browser.run("return window.sent") == 2
    browser.link("today’s menu").click()
    browser.wait_until(lambda: browser.url.endswith("/menu.txt"))
    assert "Soup" in browser.find("pre").text


def test_a_server_that_does_not_answer_is_said_too(browser: Browser) -> None:
    browser.run("window.fetch = () => Promise.reject(new TypeError('gone'))")
    fill(browser, "ada", "x")
    browser.press("Enter")
    browser.wait_until(lambda: problems(browser)[1] != "")
    assert problems(browser)[1] == "The server did not answer. Please try again."
    assert browser.run("return document.querySelector('#send').disabled") is False


def test_nothing_comes_from_elsewhere(browser: Browser, tutorial: Tutorial) -> None:
    loaded = browser.run("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert loaded
    assert all(each.startswith((f"http://127.0.0.1:{tutorial.port}/", "data:")) for each in loaded)


def test_it_is_a_dialog_to_those_who_hear_it(browser: Browser) -> None:
    assert (browser.find("dialog").role, browser.find("dialog").label) == ("dialog", "Log in")
    assert browser.find("#username").label == "User name"
    assert browser.find("#password").label == "Password"


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_nothing_sticks_out_sideways(browser: Browser, width: int) -> None:
    browser.size(width, 700)
    try:
        browser.find("#send").click()
        assert browser.run("return document.documentElement.scrollWidth") <= width
        assert browser.run("return document.querySelector('dialog').getBoundingClientRect().width") <= width
    finally:
        browser.size(1200, 800)
