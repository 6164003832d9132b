"""The bad requests against a live server, whole, byte by byte, and cut in two: the status, the close, nothing smuggled,
no traceback, one access-log line a response at most, and a fresh request answered all the time."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.faults.live import Live, live, wait_until
from tests.wire.cases import Case, load

pytestmark = pytest.mark.fault

CASES = [*load("bad-requests.jsonl"), *load("more-requests.jsonl")]
PIPELINED = frozenset(case.id for case in CASES if case.max_responses > 1)  # the second request there is a request
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
BY_HANDLER = {204, 404, 405}  # of a request that was well-formed: how a handler says no is its own affair
QUIET = 0.15  # seconds of silence after which a server that may keep the connection is taken to have answered


def whole(data: bytes) -> list[bytes]:
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    """The first 2,000 bytes; past that the kernel would put them together anyway, and a test has its time."""
    return [data[place : place + 1] for place in range(min(len(data), 2_000))] + [data[2_000:]]


def in_thirds(data: bytes) -> list[bytes]:
    """Cut where lines and heads are likely to be: behind a CR, in the middle, before the last byte."""
    at = sorted({0, data.find(b"\r") + 1, data.find(b"\r\n\r\n") + 3, len(data) // 2, len(data) - 1, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


@pytest.fixture(scope="module", params=[(), ("--stream",)], ids=["collected", "streamed"])
def server(request, tmp_path_factory) -> Iterator[Live]:
    log = tmp_path_factory.mktemp("wire") / "access.log"
    with live("--set", f"access_log={log}", *request.param) as running:
        running.access_log = log
        running.get("/")
        wait_until(lambda: logged(running) == 2)
        yield running


def send(sock: socket.socket, pieces: list[bytes], pause: float) -> None:
    """Whoever is answered before it has said everything may find nobody there any more."""
    try:
        for piece in pieces:
            if piece:
                sock.sendall(piece)
                if pause:
                    time.sleep(pause)
    except ConnectionError:
        pass


def receive(sock: socket.socket, quiet: float) -> tuple[bytes, bool]:
    """What comes, and whether the server has closed: by a reset, or by an end."""
    received = b""
    try:
        while True:
            sock.settimeout(quiet if received else 3)
            data = sock.recv(65_536)
            if not data:
                return received, True
            received += data
    except TimeoutError:
        return received, False
    except ConnectionError:
        return received, True


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(received) if status != b"100"]


def verdict(server: Live, case: Case, split: Callable[[bytes], list[bytes]]) -> tuple[str, int]:
    """What is wrong, or "", and how many responses there were."""
    pause = 0.002 if split is in_thirds else 0.0
    with server.connect() as sock:
        send(sock, split(case.data), pause)
        received, closed = receive(sock, 3 if case.must_close else QUIET)
    return describe(case, statuses(received), closed), len(statuses(received))


def describe(case: Case, got: list[int], closed: bool) -> str:
    """What is wrong, or ""."""
    if not got:
        wrong = "" if case.silent_close and (closed or not case.status) else f"no reply, closed: {closed}"
    elif len(got) > case.max_responses:
        wrong = f"{len(got)} responses"
    elif got[0] in BY_HANDLER and case.status & {200, 501}:
        wrong = ""
    elif got[0] not in case.status:
        wrong = f"{got[0]} instead of {sorted(case.status)}"
    elif case.must_close and not closed:
        wrong = f"{got[0]}, and it stays open"
    else:
        wrong = ""
    return f"{case.id}: {wrong}" if wrong else ""


@pytest.mark.slow
@pytest.mark.parametrize("split", [whole, byte_by_byte, in_thirds])
def test_every_case(server, split):
    before = server.log
    lines = logged(server)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda case: verdict(server, case, split), CASES))
    assert [wrong for wrong, _ in results if wrong] == []
    assert set(server.log[len(before) :].split()) <= {"SMUGGLED"}
    assert server.log.count("SMUGGLED") - before.count("SMUGGLED") <= len(PIPELINED)
    responses = sum(count for _, count in results)
    unseen = sum(not count for _, count in results) + len(PIPELINED)  # closed in silence; and what came after `QUIET`
    wait_until(lambda: logged(server) - lines >= responses)
    assert logged(server) - lines <= responses + unseen
    assert server.answers_promptly()


def logged(server: Live) -> int:
    """Lines of the access log so far."""
    lines: int = server.access_log.read_bytes().count(b"\n")
    return lines
