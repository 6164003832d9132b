"""The access log's destination fails: a full disk, a pipe that nobody reads. Requests are answered all the same."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.live import HELLO, Live, live, read_reply, wait_until
from tests.faults.load import NOT_HELD_UP, load

pytestmark = pytest.mark.fault


def ask_often(server: Live, count: int) -> None:
    """So many requests on one connection, some in a row each time."""
    answer = b"Hello, World!"
    with server.connect() as client:
        for _ in range(count // 20):
            client.sendall(HELLO * 20)
            received = b""
            while received.count(answer) < 20:
                data = client.recv(65_536)
                assert data
                received += data


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "salver-test", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.slow
def test_the_disk_is_full_and_then_is_not(small_disk):
    path = small_disk / "access.log"
    with live("--set", f"access_log={path}", "--set", "log_format=json") as server:
        (small_disk / "ballast").write_bytes(b"x" * 40_000)
        with load(server, keeping=4, fresh=1) as tally:
            wait_until(lambda: "No space left on device" in server.log)
            slow = tally.slowest
            time.sleep(1)
        assert tally.failures == []
        assert slow < NOT_HELD_UP
        assert server.log.count("No space left") == 1
        time.sleep(1)  # the last batch has found no room either
        (small_disk / "ballast").unlink()
        wait_until(lambda: "takes lines again" in server.log)
        server.get("/last")
        server.signal(signal.SIGTERM)
        assert server.ends() == 0
        text = path.read_text()
        assert text.endswith("\n")
        assert '"/last"' in text
        assert "lines lost: No space left on device" in text
        assert all(line.startswith("{") and line.endswith("}") for line in text.splitlines())


@pytest.mark.slow
def test_a_pipe_that_nobody_reads():
    with live("--set", "access_log=-") as server:
        ask_often(server, 2_000)  # 150 KB of lines: more than the pipe holds
        time.sleep(1.5)
        before, begun = server.status("VmRSS"), time.monotonic()
        ask_often(server, 20_000)
        assert time.monotonic() - begun < 60
        assert server.status("VmRSS") - before < 20_000
        assert server.answers_promptly()
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        server.ends()
        assert time.monotonic() - begun < 10
        assert "takes no lines" in server.log


def test_a_reader_that_has_gone():
    with live("--set", "access_log=-") as server:
        assert server.process.stdout is not None
        server.process.stdout.close()
        with contextlib.closing(server.connect()) as client:
            for _ in range(10):
                client.sendall(HELLO)
                assert read_reply(client).status == 200
                time.sleep(0.1)
        assert server.log.count("Broken pipe") == 1


@pytest.mark.parametrize("target", ["/%1b[2Jx", '/a"b', "/a\\b"])
def test_a_line_is_one_line(tmp_path, target):
    path = tmp_path / "log"
    with live("--set", f"access_log={path}") as server, server.connect() as client:
        client.sendall(
            b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a\r\nReferer: \x9d0;owned\x9c\r\n"
            b'User-Agent: \xff"\\\r\nAuthorization: Basic ZXZlCjEuMi4zLjQ6cHc=\r\n\r\n'
        )
        assert read_reply(client).status == 404
        server.signal(signal.SIGTERM)
        server.ends()
    last = path.read_bytes().split(b"\n")[-2]
    assert all(32 <= byte < 127 for byte in last)
    assert last.endswith(rb'"\x9d0;owned\x9c" "\xff\"\\"')
    assert rb"- eve\x0a1.2.3.4 [" in last
