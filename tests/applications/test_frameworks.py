"""Bottle, Falcon and Pyramid: what their first pages do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from tests.applications.served import PROJECTS, served, url
from tests.cli.commands import Running


def _server(module: str, target: str) -> Callable[[], Iterator[Running]]:
    def fixture() -> Iterator[Running]:
        pytest.importorskip(module)
        with served(target) as server:
            yield server

    return fixture


bottle = pytest.fixture(scope="module", name="bottle")(_server("bottle", "bottle_site:app"))
falcon = pytest.fixture(scope="module", name="falcon")(_server("falcon", "falcon_site:app"))
pyramid = pytest.fixture(scope="module", name="pyramid")(_server("pyramid", "pyramid_site:app"))


def test_bottle(bottle: Running) -> None:
    assert requests.get(url(bottle, "/hello/<Ann>")).text == "<b>Hello &lt;Ann&gt;</b>!"
    with requests.Session() as browser:
        answer = browser.post(url(bottle, "/form"), data={"name": "Zoë"}, headers={"User-Agent": "test"})
        assert answer.json() == {"name": "Zoë", "agent": "test"}
        assert browser.cookies["seen"] == "yes"
    assert requests.get(url(bottle, "/pieces")).text == "one two three"
    assert requests.get(url(bottle, "/nowhere")).status_code == 404


def test_bottle_s_files(bottle: Running) -> None:
    source = (PROJECTS / "bottle_site.py").read_bytes()
    assert requests.get(url(bottle, "/files/bottle_site.py")).content == source
    part = requests.get(url(bottle, "/files/bottle_site.py"), headers={"Range": "bytes=-5"})
    assert (part.status_code, part.content) == (206, source[-5:])


def test_falcon(falcon: Running) -> None:
    answer = requests.get(url(falcon, "/things/5"), params={"a": "b c"})
    assert answer.json() == {"number": 5, "query": {"a": "b c"}, "url": answer.url}
    assert answer.headers["X-Thing"] == "5"
    created = requests.put(url(falcon, "/things/6"), json={"x": "☃"})
    assert (created.status_code, created.json()) == (201, {"number": 6, "got": {"x": "☃"}})
    assert requests.delete(url(falcon, "/things/6")).status_code == 204
    assert (
        requests.put(url(falcon, "/things/6"), data=b"{", headers={"Content-Type": "application/json"}).status_code
        == 400
    )
    assert requests.get(url(falcon, "/things/x")).status_code == 404


def test_falcon_s_streams(falcon: Running) -> None:
    assert requests.get(url(falcon, "/streamed")).text.split() == [str(number) for number in range(1000)]
    assert requests.post(url(falcon, "/streamed"), data=b"x" * 3_000_000).json() == {"size": 3_000_000}


def test_pyramid(pyramid: Running) -> None:
    answer = requests.get(url(pyramid, "/go"))
    assert [each.status_code for each in answer.history] == [302]
    host = pyramid.urls[0].removeprefix("http://").rstrip("/")
    assert answer.json() == {"name": "there", "method": "GET", "host": host}
    assert requests.get(url(pyramid, "/pieces")).text.split() == [str(number) for number in range(100)]
    assert requests.get(url(pyramid, "/nowhere")).status_code == 404


def test_pyramid_s_file(pyramid: Running) -> None:
    source = (PROJECTS / "pyramid_site.py").read_bytes()
    answer = requests.get(url(pyramid, "/file"))
    assert answer.content == source and answer.headers["Content-Length"] == str(len(source))
    assert requests.head(url(pyramid, "/file")).headers["Content-Length"] == str(len(source))
