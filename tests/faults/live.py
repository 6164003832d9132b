"""A live server in a process of its own, looked at from outside: its answers, and what /proc says of it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
HELLO = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
_NOTHING: Mapping[str, str] = {}
_TICKS = os.sysconf("SC_CLK_TCK")


class Reply(NamedTuple):
    """One response, complete."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Live:
    """A running `tests.faults.app`. `log` is what it has written to standard error so far."""

    def __init__(self, *arguments: str, prefix: Sequence[str] = (), environment: Mapping[str, str] = _NOTHING) -> None:
        """`prefix`: a command to run it under (`faketime`, a shell with limits)."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.faults.app", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(b"port "), self.log
        self.port = int(line.split()[1])
        self.access_log = Path(os.devnull)  # for a test that has one
        self.get("/")

    # Its answers

    def connect(self, timeout: float = 10.0, receive_buffer: int = 0) -> socket.socket:
        """A connection. `receive_buffer`: bytes that the client's kernel takes, before the window closes."""
        sock = socket.socket()
        sock.settimeout(timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            sock.connect(("127.0.0.1", self.port))
        except OSError:
            sock.close()
            raise
        return sock

    def ask(self, method: str, target: str, timeout: float = 10.0) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, target: str, timeout: float = 10.0) -> Reply:
        """See `ask`."""
        return self.ask("GET", target, timeout)

    def seconds_to_answer(self, target: str = "/") -> float:
        """How long a fresh request takes now."""
        begun = time.monotonic()
        assert self.get(target).status == 200
        return time.monotonic() - begun

    def answers_promptly(self) -> bool:
        """A fresh request takes less than 0.2 s; a busy machine may hold up four of five, the server none."""
        return any(self.seconds_to_answer() < 0.2 for _ in range(5))

    # What /proc says

    @property
    def pid(self) -> int:
        """The server's process; the master's where there are workers."""
        return self.process.pid

    def cpu_seconds(self) -> float:
        """Processor time used so far, by all of its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def descriptors(self) -> int:
        """How many are open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def status(self, name: str) -> int:
        """A number of /proc/PID/status: Threads, VmRSS (KiB)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise KeyError(name)

    @property
    def log(self) -> str:
        """Standard error so far. By `pread`: the place in the file is shared with the server, which writes there."""
        descriptor = self._log.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    # Its end

    def signal(self, number: int) -> None:
        """To the process that was started."""
        self.process.send_signal(number)

    def ends(self, within: float = 10.0) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(within)

    def close(self) -> None:
        """Kill it; its workers see that it has gone, and end."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


@contextmanager
def live(*arguments: str, prefix: Sequence[str] = (), environment: Mapping[str, str] = _NOTHING) -> Iterator[Live]:
    """A server for the length of a block."""
    server = Live(*arguments, prefix=prefix, environment=environment)
    try:
        yield server
    finally:
        server.close()


def with_limits(**limits: int) -> list[str]:
    """A prefix that lowers limits as a shell does: `with_limits(n=64)` is `ulimit -n 64`."""
    words = "; ".join(f"ulimit -{name} {value}" for name, value in limits.items())
    return ["/bin/sh", "-c", f'{words}; exec "$@"', "sh"]


def read_reply(sock: socket.socket, method: str = "GET") -> Reply:
    """The next response of a connection. Raises ConnectionError where it ends before it is complete."""
    response = http.client.HTTPResponse(sock, method=method)
    try:
        response.begin()
        return Reply(response.status, dict(response.getheaders()), response.read())
    except (http.client.HTTPException, ValueError) as error:
        raise ConnectionError(str(error)) from error
    finally:
        response.close()


def read_to_end(sock: socket.socket) -> bytes:
    """Everything until the server closes; a reset counts as a close."""
    received = bytearray()
    try:
        while data := sock.recv(65_536):
            received += data
    except ConnectionError:
        pass
    return bytes(received)


def reset(sock: socket.socket) -> None:
    """Close with a reset instead of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait_until(true: Callable[[], bool], within: float = 10.0) -> float:
    """Seconds until `true()`; fails after `within`."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < within, "it never came true"
        time.sleep(0.01)
    return time.monotonic() - begun


def stop_process(pid: int) -> None:
    """SIGSTOP, and every thread has heard: until then one may still be what a new connection wakes."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    wait_until(lambda: all(_state(each) == "T" for each in threads.iterdir()))


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def wait_until_refused(server: Live) -> None:
    """Nobody listens there any more. A connection that the listener's end cuts off was in its queue."""
    with pytest.raises(ConnectionRefusedError):
        while True:
            with contextlib.suppress(ConnectionResetError):
                server.connect().close()
            time.sleep(0.01)
