"""What a command says while it starts and ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.commands import (
    SALVER,
    SECONDS,
    Running,
    _lines_until_ready,
    answers,
    environment,
    salver,
    until,
)


def test_it_says_where_it_is_how_to_stop_it_and_nothing_else(site: Path) -> None:
    with salver(str(site)) as server:
        assert len(server.said) == 3
        assert server.said[0] == f"Serving {site}"
        assert re.fullmatch(r"  http://127\.0\.0\.1:[1-9][0-9]*/", server.said[1])
        assert server.said[2] == "Stop it with Ctrl-C."
        assert server.get() == (200, server.get()[1], b"<p>the index\n")
        assert server.stop() == (0, "", "")


def test_bound_to_all_it_says_every_address(site: Path) -> None:
    with salver(str(site), "-b", "*") as server:
        assert len(server.urls) >= 1
        assert len(set(server.urls)) == len(server.urls)
        assert "http://127.0.0.1:" in "".join(server.urls)
        assert "0.0.0.0" not in "".join(server.urls)


def test_several_addresses(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with salver(str(site), "-b", "127.0.0.1", "-b", f"unix:{path}") as server:
        assert server.urls[1] == f"unix:{path}"
        assert server.get()[0] == 200
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SECONDS)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"


def test_an_address_with_its_own_port(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with salver(str(site), "-b", f"127.0.0.1:{port}", port=False) as server:
        assert server.urls == [f"http://127.0.0.1:{port}/"]


def test_the_sockets_of_systemd(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The process that it is meant for has to be named, and exec keeps the number.
        starter = f"exec env LISTEN_PID=$$ LISTEN_FDS=1 {sys.executable} -m salver {site} 3<&{listener.fileno()}"
        process = subprocess.Popen(
            ["/bin/bash", "-c", starter],
            env=environment(),
            pass_fds=[listener.fileno()],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        server = Running(process, list(_lines_until_ready(process)))
        assert server.urls == [f"http://127.0.0.1:{listener.getsockname()[1]}/"]
        assert server.get()[0] == 200
        assert server.stop() == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_a_signal_ends_it_cleanly(site: Path, number: int, more: list[str]) -> None:
    with salver(str(site), *more) as server:
        assert server.get()[0] == 200
        assert server.stop(number) == (0, "", "")


def test_a_signal_as_soon_as_it_has_spoken(site: Path) -> None:
    for _ in range(3):
        with salver(str(site)) as server:
            status, output, errors = server.stop()
            assert status in (0, 130)
            assert (output, errors) == ("", "")
            server.process.returncode = 0


def test_a_signal_before_it_has_spoken(site: Path) -> None:
    begin = "import sys; from salver.cli import main; print(1, flush=True); sys.exit(main())"
    for delay in (0.005, 0.02, 0.04, 0.08):
        process = subprocess.Popen(
            [sys.executable, "-c", begin, str(site), "-p", "0"],
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
            process.communicate()
        assert errors == ""
        assert process.returncode in (0, -signal.SIGINT)


def test_nobody_reads_what_it_says(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*SALVER, str(site), "-p", str(port)], env=environment(), text=True, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    server = Running(process, [f"  http://127.0.0.1:{port}/"])
    until(lambda: answers(port))
    assert server.get()[0] == 200
    assert server.stop()[2] == ""
