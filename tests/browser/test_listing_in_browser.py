"""The listing as people see it: a real browser walks it, sorts it, filters it, with and without JavaScript."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from salver.files import Folder
from salver.service.server import Server
from tests.browser.webdriver import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
LATE, EARLY = 1_773_480_413, 1_400_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("walk")
    for name, size, modified in (
        ("item 2.txt", 3_000, EARLY),
        ("item 10.txt", 20, LATE),
        ("Zebra.png", 500_000, EARLY + 5),
        ("<img src=x onerror=alert(1)>.txt", 1, EARLY + 9),
        ("früh am Tag.md", 77, LATE - 9),
    ):
        (root / name).write_bytes(b"x" * size)
        os.utime(root / name, (modified, modified))
    (root / "deep" / "below &amp").mkdir(parents=True)
    (root / "deep" / "below &amp" / "found.txt").write_text("found it\n")
    with open(os.fsencode(root) + b"/odd\xff.txt", "wb") as odd:
        odd.write(b"odd bytes\n")
    os.utime(os.fsencode(root) + b"/odd\xff.txt", (EARLY - 9, EARLY - 9))
    many = root / "many"
    many.mkdir()
    for number in range(10_000):
        (many / f"file {number}.txt").touch()
    return root


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    with Server(Folder(site, title="walk"), "127.0.0.1:0") as server:
        yield server.urls[0]


def _browser(*, javascript: bool = True) -> Browser:
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    return Browser(DRIVER, CHROMIUM, javascript=javascript)


@pytest.fixture(scope="module")
def shared() -> Iterator[Browser]:
    with _browser() as browser:
        yield browser


@pytest.fixture
def browser(shared: Browser, url: str) -> Iterator[Browser]:
    """On the first page; what the console has said by the end of the test must be nothing."""
    shared.console()
    shared.open(url)
    yield shared
    # A page has its own icon; for a file that it shows, the browser asks the root for one.
    assert [message for message in shared.console() if "/favicon.ico" not in message] == []


NAMES = [
    "deep",
    "many",
    "<img src=x onerror=alert(1)>.txt",
    "früh am Tag.md",
    "item 2.txt",
    "item 10.txt",
    "odd\ufffd.txt",
    "Zebra.png",
]


def visible(browser: Browser) -> list[str]:
    """The names of the entries that are to be seen, from the top."""
    return browser.run(  # type: ignore[no-any-return]
        "return [...document.querySelectorAll('tbody.entries tr')].filter(row => row.offsetHeight)"
        ".map(row => row.querySelector('a').textContent)"
    )


def sorted_by(browser: Browser) -> list[str]:
    return browser.run(  # type: ignore[no-any-return]
        "return [...document.querySelectorAll('th[aria-sort]')]"
        ".map(cell => cell.dataset.column + ' ' + cell.getAttribute('aria-sort'))"
    )


def test_it_is_walked_down_and_up(browser: Browser, url: str) -> None:
    assert visible(browser) == NAMES
    browser.link("deep").click()
    assert browser.url == url + "deep/"
    browser.link("below &amp").click()
    assert browser.url == url + "deep/below%20%26amp/"
    assert browser.find("h1").text == "below &amp"
    browser.link("found.txt").click()
    assert "found it" in browser.find("body").text
    browser.back()
    browser.link("deep").click()
    assert browser.url == url + "deep/"
    browser.link("Parent folder").click()
    assert browser.url == url
    browser.open(url + "deep/below%20%26amp/")
    browser.link("walk").click()
    assert browser.url == url


def test_a_name_that_is_no_utf_8_can_be_opened(browser: Browser, url: str) -> None:
    browser.link("odd\ufffd.txt").click()
    assert browser.url == url + "odd%FF.txt"
    assert "odd bytes" in browser.find("body").text


def test_it_sorts_in_place(browser: Browser, url: str) -> None:
    browser.run("window.unchanged = true")
    browser.find("th[data-column=size] a").click()
    assert visible(browser)[:4] == ["deep", "many", "Zebra.png", "item 2.txt"]
    assert sorted_by(browser) == ["size descending"]
    browser.find("th[data-column=size] a").click()
    assert visible(browser)[-2:] == ["item 2.txt", "Zebra.png"]
    assert sorted_by(browser) == ["size ascending"]
    browser.find("th[data-column=date] a").click()
    assert visible(browser)[2:4] == ["item 10.txt", "früh am Tag.md"]
    browser.find("th[data-column=name] a").click()
    assert visible(browser)[2:] == NAMES[2:]
    browser.find("th[data-column=name] a").click()
    assert visible(browser)[2:] == NAMES[:1:-1]
    assert browser.run("return window.unchanged") is True
    assert browser.url == url + "?sort=name&order=desc"


def test_what_was_sorted_here_is_sorted_there(browser: Browser) -> None:
    """The address in the bar is the view, so that a reload shows the same, made by the server."""
    for column in ("size", "size", "date", "name", "name"):
        browser.find(f"th[data-column={column}] a").click()
        here, order = visible(browser), sorted_by(browser)
        browser.reload()
        assert visible(browser) == here
        assert sorted_by(browser) == order


def test_it_filters_while_one_types(browser: Browser, url: str) -> None:
    field = browser.find("input[name=filter]")
    field.type("item")
    assert visible(browser) == ["item 2.txt", "item 10.txt"]
    assert browser.find(".count").text == "2 of 8"
    field.type(" 10")
    assert visible(browser) == ["item 10.txt"]
    browser.find("th[data-column=size] a").click()
    assert visible(browser) == ["item 10.txt"]
    field.type("x")
    assert visible(browser) == []
    assert browser.find(".none").text == "No name here contains “item 10x”."
    browser.press("Escape")
    assert len(visible(browser)) == len(NAMES)
    assert not browser.run("return document.querySelector('.none').offsetHeight")
    assert browser.find(".count").text == "2 folders and 6 files, 503 kB"
    field.type("FRÜH")
    assert visible(browser) == ["früh am Tag.md"]
    browser.press("Enter")
    assert browser.url.startswith(url)
    assert "filter" not in browser.url


def test_a_slash_goes_to_the_filter(browser: Browser) -> None:
    browser.press("/", "z", "e", "b")
    assert visible(browser) == ["Zebra.png"]


def test_a_filtered_page_of_the_server_can_be_widened(browser: Browser, url: str) -> None:
    browser.open(url + "?filter=item&sort=size&order=asc")
    assert visible(browser) == ["item 10.txt", "item 2.txt"]
    browser.press("Backspace")
    browser.wait_until(lambda: "filter=ite&" in browser.url)
    assert visible(browser) == ["item 10.txt", "item 2.txt"]
    browser.press("Escape")
    browser.wait_until(lambda: "filter=&" in browser.url)
    assert len(visible(browser)) == len(NAMES)
    assert sorted_by(browser) == ["size ascending"]


def test_nothing_runs_that_a_name_says(browser: Browser) -> None:
    assert browser.run("return document.querySelectorAll('img').length") == 0
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


def test_times_are_the_readers(browser: Browser) -> None:
    shown = browser.run(
        "const time = [...document.querySelectorAll('time')].find(each => each.dateTime === '2026-03-14T09:26:53Z');"
        "const at = new Date(1773480413000);"
        "return [time.textContent, at.getFullYear() + '-03-' + at.getDate(),"
        " String(at.getHours()).padStart(2, '0') + ':' + String(at.getMinutes()).padStart(2, '0')]"
    )
    assert shown[0] == f"{shown[1]} {shown[2]}"
    assert "UTC" not in browser.find("thead").text


def test_it_is_a_table_to_those_who_hear_it(browser: Browser) -> None:
    for width in (1200, 390):
        browser.size(width, 800)
        assert browser.find("table").role == "table"
        assert browser.find("table").label == "Files in walk"
        assert browser.find("tbody.entries tr").role == "row"
        assert browser.find("tbody.entries th").role == "rowheader"
        assert browser.find("tbody.entries td").role in ("cell", "gridcell")
        assert browser.find("thead th").role == "columnheader"
        assert browser.find("input[name=filter]").label == "Filter by name"
    browser.size(1200, 800)


def test_every_link_can_be_reached_by_keys(browser: Browser) -> None:
    reached = set()
    for _ in range(20):
        browser.press("Tab")
        reached.add(browser.run("return document.activeElement.textContent || document.activeElement.name"))
    assert {"filter", "Name", "Size", "Modified", *NAMES} <= reached


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_sticks_out_sideways(browser: Browser, width: int) -> None:
    browser.size(width, 800)
    try:
        assert browser.run("return document.documentElement.scrollWidth") <= width
    finally:
        browser.size(1200, 800)


def test_ten_thousand_entries_stay_quick(browser: Browser, url: str) -> None:
    browser.open(url + "many/")
    assert browser.run("return document.querySelectorAll('tbody.entries tr').length") == 10_000
    begun = time.monotonic()
    browser.find("th[data-column=name] a").click()
    first = browser.run("return document.querySelector('tbody.entries a').textContent")
    sorting = time.monotonic() - begun
    assert first == "file 9999.txt"
    begun = time.monotonic()
    browser.find("input[name=filter]").type("77")
    filtered = len(visible(browser))
    filtering = time.monotonic() - begun
    assert filtered == sum("77" in str(number) for number in range(10_000))
    assert sorting < 2  # a quiet machine takes a tenth of that
    assert filtering < 2


def test_without_javascript(url: str) -> None:
    with _browser(javascript=False) as browser:
        browser.open(url)
        assert browser.find("button").text == "Filter"
        assert "UTC" in browser.find("thead").text
        browser.find("th[data-column=size] a").click()
        assert browser.url == url + "?sort=size&order=desc"
        assert visible(browser)[2] == "Zebra.png"
        browser.find("input[name=filter]").type("item")
        browser.find("button").click()
        browser.wait_until(lambda: "filter=item" in browser.url)
        assert visible(browser) == ["item 2.txt", "item 10.txt"]
        assert sorted_by(browser) == ["size descending"]
        assert browser.console() == []
