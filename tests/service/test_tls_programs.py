"""HTTPS with the clients of others, and a thousand of ours: nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from salver.service.server import Server
from tests.service.tls_serving import GET, Keys, connect, context, read_response, tcp


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_thousand_connections_leave_nothing_behind(tls_server: Server, tls_pair: Keys) -> None:
    made = context(tls_pair)

    def come_and_go(times: int) -> None:
        for number in range(times):
            if number % 10 == 9:
                with closing(tcp(tls_server)) as client:
                    client.sendall(b"\x16\x03\x01")
                continue
            with connect(tls_server, tls_pair, made) as client:
                client.sendall(GET % b"/")
                assert read_response(client)[0] == 200

    come_and_go(200)
    before, files = resident(), len(os.listdir("/proc/self/fd"))
    come_and_go(1_000)
    settled(tls_server)
    assert len(os.listdir("/proc/self/fd")) <= files + 2
    assert resident() - before < 6_000_000  # 1,000 sessions of OpenSSL would be over 20 MB


def settled(server: Server) -> None:
    crew = server._crew
    assert crew is not None
    for _ in range(200):
        if len(crew.members) == 1:  # the acceptor
            return
        time.sleep(0.02)
    raise AssertionError(f"{len(crew.members) - 1} connections are left")


def test_curl(tls_server: Server, tls_pair: Keys, program: Callable[[str], str]) -> None:
    command = [program("curl"), "-sS", "--max-time", "10", "--cacert", str(tls_pair[0])]
    where = f"https://localhost:{tls_server.port}"
    done = subprocess.run(
        [*command, "--resolve", f"localhost:{tls_server.port}:127.0.0.1", f"{where}/a", f"{where}/b"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"https /ahttps /b"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client(tls_server: Server, tls_pair: Keys, program: Callable[[str], str], version: str) -> None:
    command = [
        program("openssl"),
        "s_client",
        "-connect",
        f"127.0.0.1:{tls_server.port}",
        version,
        "-alpn",
        "h2,http/1.1",
    ]
    command += ["-CAfile", str(tls_pair[0]), "-servername", "localhost", "-ign_eof"]
    request = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    done = subprocess.run(command, input=request, capture_output=True, check=False, timeout=20)
    assert b"https /x" in done.stdout
    assert b"ALPN protocol: http/1.1" in done.stdout
    assert b"Verify return code: 0" in done.stdout
