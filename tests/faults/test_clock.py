"""The wall clock jumps an hour, both ways: what is shown changes, and nothing times out or hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.faults.live import HELLO, Live, Reply, live, read_reply, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]

LIBRARIES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib*/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/*",
)


class Clock:
    """The offset that the server's wall clock has; its monotonic clock is the real one."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        """From now on the server sees this much more than the time."""
        self.file.write_text(f"{seconds:+d}\n")


@pytest.fixture
def clocked(tmp_path) -> Iterator[tuple[Live, Clock]]:
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])]
    if not found:
        pytest.skip("needs libfaketime (package faketime), which is not installed")
    clock = Clock(tmp_path / "offset")
    environment = {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock.file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    short = (
        "--set",
        "timeout_head=4",
        "--set",
        "timeout_idle=4",
        "--set",
        "timeout_body=4",
        "--set",
        "timeout_stalled=4",
    )
    log = ("--set", f"access_log={tmp_path / 'log'}", "--set", "log_format={time_unix} {target}")
    with live(*short, *log, environment=environment) as server:
        yield server, clock


def seconds_ahead(reply: Reply) -> float:
    return parsedate_to_datetime(reply.headers["Date"]).timestamp() - time.time()


@pytest.mark.parametrize("hours", [1, -1])
def test_nothing_times_out(clocked, hours):
    server, clock = clocked
    with server.connect() as idle, server.connect() as head, server.connect() as body, server.connect() as busy:
        idle.sendall(HELLO)
        assert abs(seconds_ahead(read_reply(idle))) < 3
        head.sendall(HELLO[:10])
        body.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
        busy.sendall(b"GET /sleep?s=2.5 HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        clock.set(hours * 3600)
        time.sleep(1.5)
        head.sendall(HELLO[10:])
        body.sendall(b"x")
        idle.sendall(HELLO)
        assert [read_reply(client).status for client in (head, body, busy)] == [200, 200, 200]
        assert abs(seconds_ahead(read_reply(idle)) - hours * 3600) < 3


@pytest.mark.parametrize("hours", [1, -1])
def test_what_is_due_still_comes(clocked, hours):
    """A clock set back must not make a deadline an hour longer."""
    server, clock = clocked
    with server.connect() as idle:
        idle.sendall(HELLO)
        read_reply(idle)
        clock.set(hours * 3600)
        begun = time.monotonic()
        assert idle.recv(10) == b""
        assert 3 <= time.monotonic() - begun <= 9


def test_the_log_goes_on(clocked, tmp_path):
    server, clock = clocked
    for offset in (3600, -3600, 0):
        clock.set(offset)
        time.sleep(1.2)
        server.get(f"/{offset}")
        assert abs(logged_at(tmp_path / "log", f"/{offset}") - time.time() - offset) < 5


def logged_at(log: Path, target: str) -> int:
    """The Unix time of the line for `target`, when there is one."""
    stamps: dict[str, int] = {}

    def is_there() -> bool:
        stamps.update({line.split()[1]: int(line.split()[0]) for line in log.read_text().splitlines()})
        return target in stamps

    wait_until(is_there)
    return stamps[target]
