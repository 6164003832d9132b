"""The examples as people meet them: a real browser opens each, does what it is for, and finds nothing from elsewhere.

SALVER_SCREENSHOTS names a folder for pictures of them, in the light and in the dark.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.browser.webdriver import Browser, WebDriverError
from tests.examples.app_examples import running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


def _browser(*, javascript: bool = True, dark: bool = False) -> Browser:
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    return Browser(DRIVER, CHROMIUM, javascript=javascript, dark=dark)


@pytest.fixture(scope="module", params=["light", "dark"])
def shade(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def browser(shade: str) -> Iterator[Browser]:
    with _browser(dark=shade == "dark") as browser:
        yield browser


@pytest.fixture
def picture(browser: Browser, shade: str, request: pytest.FixtureRequest):
    """`picture(name)`, where pictures are wanted."""
    folder = os.environ.get("SALVER_SCREENSHOTS")

    def take(name: str) -> None:
        if folder:
            browser.screenshot(Path(folder) / f"{name}-{shade}.png")

    return take


def wait_for(browser: Browser, selector: str, text: str, seconds: float = 15.0) -> None:
    """Until the first element of `selector` says `text`; meanwhile the page may be on its way to another one."""

    def has_come() -> bool:
        try:
            return browser.find(selector).text == text
        except WebDriverError:
            return False

    browser.wait_until(has_come, seconds)


def looks_right(browser: Browser, shade: str) -> None:
    """The page is as light or as dark as its reader wants it, fits a phone, loads nothing from elsewhere, and its
    console has nothing to say."""
    background = browser.run(
        "const canvas = document.createElement('canvas').getContext('2d');"
        "document.body.insertAdjacentHTML('beforeend', '<i id=probe style=\"color: Canvas\"></i>');"
        "const color = getComputedStyle(document.getElementById('probe')).color;"
        "document.getElementById('probe').remove(); return color"
    )
    assert (background == "rgb(255, 255, 255)") == (shade == "light"), background
    for width in (320, 1000):
        browser.size(width, 700)
        assert browser.run("return document.documentElement.scrollWidth") <= width
    loaded = browser.run("return performance.getEntriesByType('resource').map(each => new URL(each.name).host)")
    assert set(loaded) <= {browser.run("return location.host")}
    assert [said for said in browser.console() if "favicon.ico" not in said] == []


# The framework


def test_a_page_with_an_image_a_form_by_get_and_by_post_and_a_page_for_what_is_not_there(browser, shade, picture):
    with running("framework.py") as example:
        browser.open(example.url)
        assert browser.run("return document.images[0].naturalWidth") > 100
        looks_right(browser, shade)
        picture("framework")
        browser.link("Leave a message").click()
        wait_for(browser, "p", "Say something.")
        said = "Grüße & <b>mehr</b> +1"
        for method in ("GET", "POST"):
            browser.find(f"input[aria-label='Message by {method}']").type(said)
            browser.find(f"form[method={method.lower()}] button").click()
            wait_for(browser, "p", f"You said “{said}” by {method}.")
        assert browser.url == example.url + "msg?message=Gr%C3%BC%C3%9Fe+%26+%3Cb%3Emehr%3C%2Fb%3E+%2B1"
        looks_right(browser, shade)
        picture("framework-message")
        browser.open(example.url + "nothing?here")
        assert browser.find("h1").text == "Not found"
        assert browser.find("p").text == "There is no /nothing here. Back"
        assert example.ask("/nothing")[0] == 404
        browser.link("Back").click()
        browser.wait_until(lambda: browser.url == example.url)
        browser.console()  # the 404 is in it


# The JSON API


def test_a_page_may_use_the_api(browser):
    """By `fetch`, from a page of its own."""
    with running("json_api.py") as example:
        browser.open(example.url + "notes")
        assert browser.find("body").text.startswith("{}")
        script = (
            "const ask = (path, method, value) => fetch(path, {method, headers: {'Content-Type': 'application/json'},"
            " body: value && JSON.stringify(value)});"
            "const made = await ask('/notes', 'POST', {text: 'polish'});"
            "const place = made.headers.get('Location');"
            "const read = await (await ask(place, 'GET')).json();"
            "const removed = await ask(place, 'DELETE');"
            "const gone = await ask(place, 'GET');"
            "return [made.status, place, read.text, removed.status, gone.status]"
        )
        assert browser.run(f"return (async () => {{ {script} }})()") == [201, "/notes/1", "polish", 204, 404]
        browser.console()  # the 404 is in it


# The upload


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "größe <1>.bin"
    path.write_bytes(os.urandom(8_000_000))
    return path


def test_an_upload_shows_how_far_it_is(browser, shade, picture, large, tmp_path):
    kept = tmp_path / "kept"
    with running("upload.py", str(kept)) as example:
        browser.open(example.url)
        assert browser.find("progress").attribute("hidden") == "true"
        browser.run(
            "window.seen = []; const bar = document.querySelector('progress');"
            "new MutationObserver(() => sessionStorage.setItem('seen', bar.value))"
            ".observe(bar, {attributes: true, attributeFilter: ['value']})"
        )
        browser.find("input").type(str(large))
        browser.find("button").click()
        browser.wait_until(lambda: browser.run("return document.querySelectorAll('li').length") == 1)
        assert float(browser.run("return sessionStorage.getItem('seen')")) == 1.0
        assert browser.find("li").text.endswith(", 8,000,000 bytes")
        assert [path.read_bytes() for path in kept.iterdir()] == [large.read_bytes()]
        looks_right(browser, shade)
        picture("upload")


def test_an_upload_needs_no_javascript(large, tmp_path):
    kept = tmp_path / "kept"
    with running("upload.py", str(kept)) as example, _browser(javascript=False) as browser:
        for count in (1, 2):  # the second of a name has a name of its own
            browser.open(example.url)
            browser.find("input").type(str(large))
            browser.find("button").click()
            browser.wait_until(partial(_holds, kept, count))
            browser.wait_until(lambda: browser.url == example.url)
        assert {path.read_bytes() for path in kept.iterdir()} == {large.read_bytes()}
        assert browser.run("return document.querySelectorAll('li').length") == 2


def _holds(folder: Path, count: int) -> bool:
    return len(list(folder.glob("[!.]*"))) == count


# The clock


def test_a_clock_goes_on_and_comes_back(browser, shade, picture):
    with running("clock.py") as example:
        port = example.port
        browser.open(example.url)
        seen = set()

        def two_seconds_have_passed() -> bool:
            seen.add(browser.find("time").text)
            return len(seen - {"--:--:--"}) >= 3

        browser.wait_until(two_seconds_have_passed, 20)
        assert browser.find("p").text == "It is the server's time."
        looks_right(browser, shade)
        picture("clock")
    wait_for(browser, "p", "The server is away; trying again.")
    with running("clock.py", port=port):
        wait_for(browser, "p", "It is the server's time.", 30)
    browser.open("about:blank")
    browser.console()
