"""WsgiDAV, mounted under a prefix, and Debian's `litmus` against it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.applications.served import served, url
from tests.cli.commands import Running

pytest.importorskip("wsgidav")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dav")


@pytest.fixture(scope="module")
def dav(folder: Path) -> Iterator[Running]:
    with served("dav_site:site", DAV_FOLDER=str(folder)) as server:
        yield server


def test_a_file_is_put_listed_and_got(dav: Running, folder: Path) -> None:
    assert requests.put(url(dav, "/dav/caf\xe9.txt"), data=b"content").status_code == 201
    assert (folder / "caf\xe9.txt").read_bytes() == b"content"
    listing = requests.request("PROPFIND", url(dav, "/dav/"), headers={"Depth": "1"})
    assert listing.status_code == 207 and "/dav/caf%C3%A9.txt" in listing.text
    assert requests.get(url(dav, "/dav/caf\xe9.txt")).content == b"content"
    assert requests.delete(url(dav, "/dav/caf\xe9.txt")).status_code == 204


def test_a_large_file_there_and_back(dav: Running, folder: Path) -> None:
    data = bytes(range(256)) * 20_000
    assert requests.put(url(dav, "/dav/large"), data=data).status_code == 201
    assert requests.get(url(dav, "/dav/large")).content == data
    part = requests.get(url(dav, "/dav/large"), headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])


def test_litmus(dav: Running, program: Callable[[str], str], tmp_path: Path) -> None:
    command = [program("litmus"), "-k", url(dav, "/dav/")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    summaries = re.findall(r"<- summary for `(\w+)': of (\d+) tests run: (\d+) passed, (\d+) failed", done.stdout)
    assert {name for name, *_ in summaries} >= {"basic", "copymove", "props", "locks", "http"}, done.stdout[-3000:]
    failed = [line for line in done.stdout.splitlines() if "FAIL" in line]
    assert not failed, done.stdout
