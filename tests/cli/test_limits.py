"""Limits and time-outs are options, and arrive."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

from salver.cli.words import WORDS, describe
from salver.service.settings import SizeLimits, Timeouts
from tests.cli.commands import (
    SALVER,
    SECONDS,
    environment,
    salver,
)


def test_every_limit_and_timeout_is_an_option() -> None:
    done = subprocess.run(
        [*SALVER, "--help"], env=environment(), text=True, capture_output=True, timeout=SECONDS, check=True
    )
    names = [f"--limit-{each.name}" for each in fields(SizeLimits)] + [
        f"--timeout-{each.name}" for each in fields(Timeouts)
    ]
    for name in names:
        assert f" {name.replace('_', '-')} " in done.stdout


def test_the_help_has_words_for_each() -> None:
    names = {f"limit_{each.name}" for each in fields(SizeLimits)} | {
        f"timeout_{each.name}" for each in fields(Timeouts)
    }
    assert set(WORDS) == names
    assert describe("limit_body", 16 * 1024 * 1024).endswith("past it 413 (16M)")
    assert describe("limit_fields", 100) == "header fields; past it 431 (100)"
    assert describe("timeout_linger", 0.5).endswith("(0.5)")


def test_limits_arrive(site: Path) -> None:
    with salver(str(site), "--limit-request-line", "1K", "--limit-fields", "3", "--timeout-head", "0.5") as server:
        assert server.get("/" + "x" * 900)[0] == 404
        assert server.get("/" + "x" * 1100)[0] == 414
        assert server.get("/", A="1", B="2", C="3")[0] == 431
        with socket.create_connection(("127.0.0.1", urlsplit(server.urls[0]).port or 0), timeout=SECONDS) as silent:
            assert silent.recv(100) == b""
