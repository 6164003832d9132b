"""Event streams as a browser's EventSource sees them: types, lines, ids, and what it missed while it was away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from salver.events import Broadcast, Event
from salver.request import Request
from salver.response import Response
from salver.service.server import Server
from tests.browser.webdriver import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PAGE = """<!DOCTYPE html><title>Events</title><link rel="icon" href="data:,"><script>
const seen = [], source = new EventSource("/events");
const note = (event) => seen.push([event.type, event.data, event.lastEventId]);
source.onmessage = note;
source.addEventListener("tick", note);
source.onopen = () => seen.push("open");
</script>"""


class Site:
    """A page, and a stream whose first connection ends when the test says so."""

    def __init__(self) -> None:
        self.news = Broadcast(history=10)
        self.came_back_with: list[str | None] = []

    def __call__(self, request: Request) -> Response:
        if request.path != "/events":
            return Response(PAGE)
        last = request.headers.get("Last-Event-ID")
        self.came_back_with.append(last)
        return Response.event_stream(self.news, last_event_id=last)


@pytest.fixture
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    with Browser(DRIVER, CHROMIUM) as browser:
        yield browser


def test_a_browser_sees_events_and_what_it_missed(browser: Browser) -> None:
    site = Site()
    with Server(site, "127.0.0.1:0") as server:
        browser.open(server.urls[0])
        browser.wait_until(lambda: len(site.news) == 1)
        site.news.publish(Event(id="0", retry=0.2))
        site.news.publish("zwei\nZeilen ✓", id="1")
        site.news.publish({"a": [1, "\n"]}, event="tick", id="2")
        browser.wait_until(lambda: browser.run("return seen.length") == 3)
        away, site.news = site.news, Broadcast(history=10)
        for number in ("1", "2", "3", "4"):
            site.news.publish(f"number {number}", id=number)
        away.end()
        browser.wait_until(lambda: browser.run("return seen.length") == 6)
        assert browser.run("return seen") == [
            "open",
            ["message", "zwei\nZeilen ✓", "1"],
            ["tick", '{"a":[1,"\\n"]}', "2"],
            "open",
            ["message", "number 3", "3"],
            ["message", "number 4", "4"],
        ]
        assert site.came_back_with == [None, "2"]
        browser.run("source.close()")
        browser.wait_until(lambda: len(site.news) == 0)
        assert browser.console() == []
