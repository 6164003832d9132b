"""slowhttptest: slow heads, slow bodies, slow readers. The site stays up, and the slow ones are ended."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.faults.live import live

pytestmark = [pytest.mark.slow, pytest.mark.fault]

SHORT = [word for name in ("head", "body", "stalled") for word in ("--set", f"timeout_{name}=3")]


@pytest.mark.parametrize(
    ("mode", "target"),
    [(["-H"], "/"), (["-B"], "/echo"), (["-X", "-w", "1", "-y", "2", "-n", "1", "-z", "1"], "/pieces?n=800")],
    ids=["heads", "bodies", "readers"],
)
def test_the_site_stays_up(program, mode, target):
    path = program("slowhttptest")
    with live(*SHORT) as server:
        words = [path, *mode, "-c", "200", "-r", "200", "-i", "1", "-l", "12", "-p", "2", "-u"]
        done = subprocess.run(
            [*words, f"http://127.0.0.1:{server.port}{target}"], capture_output=True, timeout=60, check=False
        )
        said = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout.decode())
        assert re.findall(r"service available:\s+(\w+)", said)
        assert set(re.findall(r"service available:\s+(\w+)", said)) == {"YES"}
        assert server.answers_promptly()
        assert "Traceback" not in server.log
        if mode != ["-H"]:  # by then it has counted them; heads it reopens
            assert server.descriptors() < 60
