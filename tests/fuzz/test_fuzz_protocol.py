"""The fuzz target itself: it runs, it repeats a run, and it finds what is planted."""

from __future__ import annotations

import re

import pytest

from salver.protocol import connection, server_connection
from tests.fuzz import fuzz_protocol
from tests.fuzz.fuzz_protocol import Finding, check, fuzz, main


def test_it_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "1.5", "--seed", "1", "--no-atheris"]) == 0
    assert re.match(r"nothing found: \d{3,} inputs, \d{2,} of them kept, seed 1$", capsys.readouterr().out)


def test_every_seed_input_holds() -> None:
    for data in fuzz_protocol.seeds():
        check(data, [len(data) // 3, len(data) // 2])


def test_it_finds_a_verdict_that_depends_on_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_connection, "ORIGIN_LINE_START", re.compile(rb"(\S+) (/\S*)"))
    with pytest.raises(Finding, match=r"byte by byte|cut|forgetful"):
        fuzz(30, 1)


def test_it_finds_a_verdict_that_depends_on_the_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "NEVER_IN_HEAD", re.compile(rb"\x00|\n"))
    with pytest.raises(Finding, match=r"byte by byte|cut|depends on the split"):
        fuzz(30, 1)


def test_it_finds_an_undocumented_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(line: bytes) -> tuple[bytes, bytes, int]:
        raise ValueError(line)

    monkeypatch.setattr(server_connection, "parse_request_line", broken)
    assert main(["--seconds", "30", "--seed", "1", "--no-atheris"]) == 1
    assert "undocumented error: ValueError" in capsys.readouterr().out
