"""Django: the admin with its login, static files, pages from the database, a cursor read while it is sent."""

from __future__ import annotations

import importlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.applications.served import PROJECTS, served, url
from tests.cli.commands import Running, environment

pytest.importorskip("django")


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    database = str(tmp_path_factory.mktemp("django") / "shop.sqlite3")
    command = [sys.executable, "-m", "shop.prepare"]
    settings = environment(SHOP_DATABASE=database, PYTHONDONTWRITEBYTECODE="1")
    subprocess.run(command, cwd=PROJECTS, env=settings, check=True, timeout=60)
    with served("shop.wsgi:with_static", SHOP_DATABASE=database) as server:
        yield server


def _token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.fixture
def administrator(django: Running) -> Iterator[requests.Session]:
    with requests.Session() as browser:
        login = url(django, "/admin/login/?next=/admin/")
        page = browser.get(login)
        form = {"username": "admin", "password": "open sesame", "csrfmiddlewaretoken": _token(page.text)}
        answer = browser.post(login, data=form, headers={"Referer": login})
        assert [each.status_code for each in answer.history] == [302]
        assert "Site administration" in answer.text
        yield browser


def test_the_admin_adds_and_shows(django: Running, administrator: requests.Session) -> None:
    add = url(django, "/admin/shop/thing/add/")
    form = {"name": "Ünïque", "price": "9.50", "csrfmiddlewaretoken": _token(administrator.get(add).text)}
    answer = administrator.post(add, data=form, headers={"Referer": add})
    assert answer.url == url(django, "/admin/shop/thing/") and "was added successfully" in answer.text
    assert "Ünïque: 9.50" in requests.get(url(django, "/things/")).text


def test_without_its_token_a_form_is_refused(django: Running, administrator: requests.Session) -> None:
    answer = administrator.post(url(django, "/admin/shop/thing/add/"), data={"name": "x", "price": "1"})
    assert answer.status_code == 403


def test_a_wrong_password(django: Running) -> None:
    with requests.Session() as browser:
        login = url(django, "/admin/login/")
        form = {"username": "admin", "password": "wrong", "csrfmiddlewaretoken": _token(browser.get(login).text)}
        answer = browser.post(login, data=form, headers={"Referer": login})
        assert "correct username and password" in answer.text and "sessionid" not in browser.cookies


def test_static_files(django: Running) -> None:
    admin, server = importlib.import_module("django.contrib.admin"), django
    source = Path(str(admin.__file__)).parent / "static" / "admin" / "css" / "base.css"
    answer = requests.get(url(server, "/static/admin/css/base.css"))
    assert answer.content == source.read_bytes()
    assert answer.headers["Content-Type"].startswith("text/css")
    since = {"If-Modified-Since": answer.headers["Last-Modified"]}
    assert requests.get(answer.url, headers=since).status_code == 304


def test_a_page_from_the_database_and_its_head(django: Running) -> None:
    page = requests.get(url(django, "/things/"))
    assert page.text.count("<li>") >= 300 and "thing 007: 7.00" in page.text
    head = requests.head(url(django, "/things/"))
    assert head.status_code == 200 and head.headers["Content-Length"] == page.headers["Content-Length"]


def test_a_file_response(django: Running) -> None:
    answer = requests.get(url(django, "/source/"))
    assert answer.content == (PROJECTS / "shop" / "views.py").read_bytes()


def test_uploads_by_length_and_by_chunks(django: Running) -> None:
    answer = requests.post(url(django, "/upload/"), files={"file": ("large.bin", b"x" * 5_000_000)})
    assert answer.text == "large.bin 5000000"
    assert requests.post(url(django, "/body/"), data=b"x" * 1000).text == "1000 of 1000"
    assert requests.post(url(django, "/body/"), data=iter([b"x" * 400, b"y" * 600])).text == "1000 of 1000"


def test_a_cursor_stays_in_its_thread_however_slowly_it_is_read(django: Running) -> None:
    """20 MB from a cursor, to a client that leaves the socket full, while other requests are served: sqlite refuses a
    cursor that another thread goes on with."""
    address = urlsplit(django.urls[0])
    stop = threading.Event()
    others = [threading.Thread(target=_keep_busy, args=(django, stop)) for _ in range(2)]
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall(b"GET /export/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
        for other in others:
            other.start()
        time.sleep(0.5)  # nothing is read, and others have the lead
        got = b"".join(iter(lambda: client.recv(1 << 20), b""))
        stop.set()
        for other in others:
            other.join()
    lines = got.partition(b"\r\n\r\n")[2].splitlines()
    assert lines.count(b"thing 000") == lines.count(b"thing 299") == 6_000
    assert len(lines) >= 1_800_000


def _keep_busy(server: Running, stop: threading.Event) -> None:
    with requests.Session() as browser:
        while not stop.is_set():
            assert browser.get(url(server, "/things/"), timeout=30).status_code == 200
