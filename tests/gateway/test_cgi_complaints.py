"""Standard error in the log: one line each, nothing that steers a terminal, and not without end."""

from __future__ import annotations

import pytest

from salver.gateway.cgi_complaints import Complaints


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_lines_are_put_together_and_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints("/x", 1_000)
    for data in (b"one\ntw", b"o\r\n\n", b"three"):
        complaints.add(data)
    complaints.close()
    assert lines(caplog) == ["/x: one", "/x: two", "/x: three"]


def test_what_steers_a_terminal_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints("/x", 1_000)
    complaints.add(b"\x1b[2J \xff \xe2\x80\xae\n")
    assert lines(caplog) == ["/x: \\x1b[2J \\xff \\u202e"]


def test_there_is_a_share_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints("/x", 10_000)
    for _ in range(100):
        complaints.add(b"y" * 1_000)
    complaints.close()
    said = lines(caplog)
    assert sum(line.count("y") for line in said) == 10_000
    assert max(map(len, said)) < 3_000
    assert "too much" in said[-1]
