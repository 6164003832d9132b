"""A listing of 10,000 entries by a real server: how long it takes, and what others feel of it."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from salver.files import Folder
from salver.service.server import Server

_CLIENT = """
import http.client, sys, time
connection = http.client.HTTPConnection(sys.argv[1])
for _ in range(10):
    begun = time.perf_counter()
    connection.request("GET", "/many/")
    assert connection.getresponse().read().endswith(b"</html>\\n")
    print(time.perf_counter() - begun, flush=True)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("root")
    (root / "many").mkdir()
    for number in range(10_000):
        (root / "many" / f"report {number}.txt").touch()
    (root / "small.txt").write_text("small\n")
    with Server(Folder(root), "127.0.0.1:0") as server:
        yield server.addresses[0]


@pytest.mark.parametrize(("method", "length"), [("GET", 2_000_000), ("HEAD", 0)])
def test_it_is_whole(address: str, method: str, length: int) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(method, "/many/")
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"
    body = response.read()
    assert len(body) >= length
    assert body.count(b"<tr class=t ") == (10_000 if method == "GET" else 0)
    connection.request("GET", "/small.txt")  # the connection is in step
    assert connection.getresponse().read() == b"small\n"
    connection.close()


def test_a_reader_that_goes_away_harms_nobody(address: str) -> None:
    for _ in range(3):
        connection = http.client.HTTPConnection(address, timeout=30)
        connection.request("GET", "/many/")
        connection.getresponse().read(1000)
        connection.close()
    test_it_is_whole(address, "GET", 2_000_000)


def test_others_are_served_while_a_reader_takes_its_time(address: str) -> None:
    reader, other = (http.client.HTTPConnection(address, timeout=30) for _ in range(2))
    reader.request("GET", "/many/")
    listing = reader.getresponse()
    begun = listing.read(1000)
    for _ in range(10):
        other.request("GET", "/small.txt")
        assert other.getresponse().read() == b"small\n"
    assert (begun + listing.read()).count(b"<tr class=t ") == 10_000
    reader.close()
    other.close()


@pytest.mark.bench
def test_others_are_served_meanwhile(address: str) -> None:
    reader = subprocess.Popen([sys.executable, "-c", _CLIENT, address], stdout=subprocess.PIPE, text=True)
    connection = http.client.HTTPConnection(address, timeout=30)
    waits = []
    while reader.poll() is None:
        begun = time.perf_counter()
        connection.request("GET", "/small.txt")
        connection.getresponse().read()
        waits.append(time.perf_counter() - begun)
        time.sleep(0.002)
    connection.close()
    took = sorted(float(line) for line in reader.communicate()[0].splitlines())
    assert len(took) == 10
    assert took[0] < 0.1
    waits.sort()
    assert waits[len(waits) // 2] < 0.005
    assert waits[-1] < 0.05
