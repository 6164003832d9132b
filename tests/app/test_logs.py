"""What an app's author logs."""

from __future__ import annotations

import logging

import pytest

from salver import log


def test_log_is_print_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "salver.app"):
        log("hello", 5, None)
        log("100 %s", level=logging.WARNING)
    first, second = caplog.records
    assert (first.getMessage(), first.levelname, first.filename) == ("hello 5 None", "INFO", "test_logs.py")
    assert (second.getMessage(), second.levelname) == ("100 %s", "WARNING")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nb", "a\\r\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b\x7f\0", "\\x9b\\x7f\\x00"),
        ("\u2028\udcff", "\\u2028\\udcff"),
        ("käse €", "käse €"),
    ],
)
def test_a_line_is_one_line(caplog: pytest.LogCaptureFixture, text: str, line: str) -> None:
    with caplog.at_level(logging.INFO, "salver.app"):
        log(text)
    assert caplog.records[0].getMessage() == line


def test_nothing_is_made_of_what_nobody_reads() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise AssertionError

    log(Unprintable(), level=logging.DEBUG)
