"""A file of a gigabyte comes by a multipart form, and is kept on a tmpfs: how fast, in how much memory, and what others
wait meanwhile.

The others are one client on a connection of its own that asks for a greeting a thousand times a second. A smaller file
comes first, so that the server's memory is the one that it has in use, and the system's pages have been there once.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from statistics import median

from benchmarks.measure import MeasureError, on_core, resident_bytes
from benchmarks.peers import APPS, Contender, Running, running
from benchmarks.report import Finding, at_least, at_most
from benchmarks.rounds import Plan

_CASE = "upload of 1 GB"
_MIB = 1 << 20
_LARGE, _WARMING = 1_000, 64  # MiB
_ROUNDS = 3
_TMPFS = "/dev/shm"
_GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_PAUSE = 0.001  # seconds


def run(plan: Plan) -> list[Finding]:
    """MB/s, the most memory, and the 99th percentile of the others' waiting."""
    if not os.path.isdir(_TMPFS):
        raise MeasureError(f"there is no tmpfs at {_TMPFS}")
    with tempfile.TemporaryDirectory(dir=_TMPFS, prefix="salver-bench-") as folder:
        command = [sys.executable, str(APPS / "uploads.py")]
        contender = Contender("salver", lambda port, _: [*command, str(port), folder])
        with running(contender, plan.cores.server) as server:
            _upload(server, _WARMING, plan.cores.load)
            rounds = [_upload(server, _LARGE, plan.cores.load) for _ in range(min(_ROUNDS, plan.rounds))]
    return [
        at_least(_CASE, "MB/s to a tmpfs", median(rate for rate, _, _ in rounds), 300, "{:,.0f}"),
        at_most(_CASE, "memory, MB", max(memory for _, memory, _ in rounds), 64, "{:.1f}"),
        at_most(_CASE, "others' p99, ms", median(waited for _, _, waited in rounds), 10, "{:.2f}"),
    ]


def _upload(server: Running, mebibytes: int, core: int) -> tuple[float, float, float]:
    """(MB/s, the most resident MB, the others' p99 in ms) of one upload."""
    command = [sys.executable, str(APPS / "upload_client.py"), str(server.port), str(mebibytes)]
    with on_core(core):
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        waited, most = _ask_meanwhile(server, client)
    said, _ = client.communicate()
    answer = json.loads(said or "{}")
    if client.returncode or answer.get("size") != mebibytes * _MIB:
        raise MeasureError(f"the upload gave {said[:200]!r}")
    waited.sort()
    return answer["size"] / answer["seconds"] / 1e6, most / 1e6, waited[len(waited) * 99 // 100] * 1_000


def _ask_meanwhile(server: Running, client: subprocess.Popen[str]) -> tuple[list[float], int]:
    """The seconds that each greeting took until the client has ended, and the most memory seen."""
    waited: list[float] = []
    most = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while client.poll() is None or not waited:
            began = time.perf_counter()
            connection.sendall(_GET)
            if not connection.recv(65_536).startswith(b"HTTP/1.1 200"):
                raise MeasureError("the others were refused")
            waited.append(time.perf_counter() - began)
            if len(waited) % 32 == 1:
                most = max(most, resident_bytes(server.process.pid))
            time.sleep(_PAUSE)
    return waited, most
