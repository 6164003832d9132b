"""Flask: forms, sessions, streams, files, and uploads of 100 MB."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.applications.served import PROJECTS, peak_memory, served, url
from tests.cli.commands import Running

pytest.importorskip("flask")

MIB = 1024 * 1024
PIECE = bytes(range(256)) * 256  # 64 KiB
MANY = 100 * 16  # of them are 100 MiB


@pytest.fixture(scope="module")
def flask() -> Iterator[Running]:
    with served("flask_site:app") as server:
        yield server


def test_a_form_a_session_and_cookies(flask: Running) -> None:
    with requests.Session() as browser:
        assert "<form" in browser.get(url(flask, "/form")).text
        answer = browser.post(url(flask, "/form"), data={"name": "Zoë & Co."})
        assert [each.status_code for each in answer.history] == [303]
        assert answer.text == f"You are Zoë & Co., here at {url(flask, '/who')}"
        assert browser.cookies["visits"] == "1"
        browser.get(url(flask, "/who"))
        assert browser.cookies["visits"] == "2"


def test_each_piece_of_a_stream_comes_before_the_next_is_made(flask: Running) -> None:
    with requests.get(url(flask, "/stream"), stream=True, timeout=20) as answer:
        lines = answer.iter_lines(chunk_size=1)
        for number in range(3):
            assert next(lines) == b"piece %d of /stream" % number
            assert requests.post(url(flask, "/go-on"), timeout=20).status_code == 204
        assert list(lines) == []


@pytest.mark.slow
def test_an_upload_of_100_mb_takes_little_memory(flask: Running) -> None:
    before, boundary = peak_memory(flask), "aBoundary"
    start = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\nA title\r\n--{boundary}\r\n'
        'Content-Disposition: form-data; name="file"; filename="large.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    end = f"\r\n--{boundary}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        yield start
        for _ in range(MANY):
            yield PIECE
        yield end

    length = len(start) + MANY * len(PIECE) + len(end)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)}
    got = _post(flask, "/upload", pieces(), headers)
    assert got == {"name": "large.bin", "size": 100 * MIB, "sha256": _sum_of_all(), "title": "A title"}
    assert peak_memory(flask) - before < 32 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_100_mb_takes_little_memory(flask: Running, chunked: bool) -> None:
    """By length it is read as it comes; by chunks it lies in a file, and has a length."""
    before = peak_memory(flask)
    headers = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(100 * MIB)}
    got = _post(flask, "/raw", (PIECE for _ in range(MANY)), headers)
    assert got == {"size": 100 * MIB, "sha256": _sum_of_all(), "length": 100 * MIB}
    assert peak_memory(flask) - before < 32 * MIB


def _post(server: Running, path: str, pieces: Iterator[bytes], headers: dict[str, str]) -> object:
    connection = http.client.HTTPConnection(urlsplit(server.urls[0]).netloc, timeout=60)
    try:
        connection.request("POST", path, body=pieces, headers=headers, encode_chunked="Transfer-Encoding" in headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return json.loads(answer.read())
    finally:
        connection.close()


def _sum_of_all() -> str:
    sums = hashlib.sha256()
    for _ in range(MANY):
        sums.update(PIECE)
    return sums.hexdigest()


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "ü"]}, [], "x" * 100_000])
def test_json_there_and_back(flask: Running, value: Any) -> None:
    assert requests.post(url(flask, "/json"), json=value).json() == {"got": value}


def test_json_in_chunks(flask: Running) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(url(flask, "/json"), data=iter([b'{"a"', b": 1}"]), headers=headers)
    assert answer.json() == {"got": {"a": 1}}


def test_what_is_not_json_is_refused(flask: Running) -> None:
    headers = {"Content-Type": "application/json"}
    assert requests.post(url(flask, "/json"), data=b"{", headers=headers).status_code == 400


def test_a_temporary_file(flask: Running) -> None:
    answer = requests.get(url(flask, "/file"))
    assert answer.content == bytes(range(256)) * 4096
    assert answer.headers["Content-Length"] == str(MIB)


def test_a_file_its_ranges_and_its_conditions(flask: Running) -> None:
    source = (PROJECTS / "flask_site.py").read_bytes()
    whole = requests.get(url(flask, "/this-file"))
    assert whole.content == source
    part = requests.get(url(flask, "/this-file"), headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, source[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(source)}"
    known = requests.get(url(flask, "/this-file"), headers={"If-None-Match": whole.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = requests.head(url(flask, "/this-file"))
    assert (head.headers["Content-Length"], head.content) == (str(len(source)), b"")


@pytest.mark.parametrize("path", ["/path/a b/c", "/path/caf\xe9/\u2603", "/path/100%25"])
def test_paths_and_queries_are_what_they_were(flask: Running, path: str) -> None:
    got = requests.get(url(flask, path), params={"q": ["\u2603", "&="]}).json()
    expected = path.removeprefix("/path/").replace("%25", "%")
    assert got == {"rest": expected, "root": "", "args": {"q": ["\u2603", "&="]}}


def test_statuses_of_its_own(flask: Running) -> None:
    assert requests.get(url(flask, "/nowhere")).status_code == 404
    assert requests.delete(url(flask, "/form")).status_code == 405
    options = requests.options(url(flask, "/form"))
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_with_workers() -> None:
    with served("flask_site:app", "--workers", "2") as server, requests.Session() as browser:
        browser.post(url(server, "/form"), data={"name": "Ann"})
        for _ in range(5):
            assert "You are Ann" in requests.get(url(server, "/who"), cookies=browser.cookies).text


def test_a_limit_that_is_said() -> None:
    with served("flask_site:app", "--limit-body", "1K", "--interface", "wsgi") as server:
        assert requests.post(url(server, "/raw"), data=b"x" * 1024).status_code == 200
        assert requests.post(url(server, "/raw"), data=io.BytesIO(b"x" * 1025)).status_code == 413
