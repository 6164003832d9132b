"""h2load and ab, in small runs: every request answered, connections kept."""

from __future__ import annotations

import re

import pytest

from tests.clients.serving import run


@pytest.mark.parametrize("target", ["index.html", "text.txt", "large.bin"])
def test_h2load_by_http_1_1(program, site, target):
    said = run([program("h2load"), "--h1", "-n", "500", "-c", "20", site.url + target])
    assert "500 total, 500 started, 500 done, 500 succeeded, 0 failed, 0 errored, 0 timeout" in said
    assert "status codes: 500 2xx" in said


def test_h2load_pipelining(program, site):
    said = run([program("h2load"), "--h1", "-n", "2000", "-c", "10", "-m", "8", site.url + "index.html"])
    assert "2000 succeeded, 0 failed" in said


@pytest.mark.parametrize("keep", [True, False])
def test_ab(program, site, keep):
    said = run([program("ab"), "-q", *(["-k"] if keep else []), "-n", "1000", "-c", "10", site.url + "index.html"])
    assert re.search(r"Complete requests:\s+1000", said)
    assert re.search(r"Failed requests:\s+0", said)
    assert bool(re.search(r"Keep-Alive requests:\s+1000", said)) == keep


def test_ab_posts(program, tmp_path):
    from tests.faults.live import live

    (tmp_path / "body").write_bytes(b"x" * 20_000)
    with live() as app:
        url = f"http://127.0.0.1:{app.port}/echo"
        said = run([program("ab"), "-q", "-k", "-n", "500", "-c", "5", "-p", str(tmp_path / "body"), url])
    assert re.search(r"Complete requests:\s+500", said)
    assert "Non-2xx" not in said
