"""What a handler raised, in the log."""

from __future__ import annotations

import logging

import pytest

from salver.failures import LOGGED_ID, log_failure
from salver.handler import ResultError
from tests.test_request import request

LOGGER = logging.getLogger("tests.failures")


def failed(caplog: pytest.LogCaptureFixture, error: BaseException, target: str = "/a") -> logging.LogRecord:
    asked = request()
    asked.target = target
    log_failure(LOGGER, "it failed", asked, error)
    (record,) = caplog.records
    return record


def test_the_traceback_is_behind_the_line(caplog: pytest.LogCaptureFixture) -> None:
    error = LookupError("lost")
    record = failed(caplog, error)
    assert record.getMessage() == "it failed on GET '/a'" and record.levelname == "ERROR"
    assert record.exc_info is not None and record.exc_info[1] is error


def test_an_error_that_says_all_has_none(caplog: pytest.LogCaptureFixture) -> None:
    record = failed(caplog, ResultError("the view x returned None"))
    assert record.getMessage() == "it failed on GET '/a': the view x returned None" and not record.exc_info


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/reset?token=abc&x=1", "'/reset?***'"),
        ("/a?x=1", "'/a?x=1'"),
        ("/a\x1b[2J\u2028", r"'/a\x1b[2J\u2028'"),
        ("/" + "a" * 8_000, f"'/{'a' * 498}…'"),
    ],
)
@pytest.mark.parametrize("error", [LookupError("lost"), ResultError("returned None")])
def test_what_was_asked_for_is_told_in_one_short_line_without_secrets(
    target: str, shown: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    message = failed(caplog, error, target).getMessage()
    assert message.startswith(f"it failed on GET {shown}") and "\n" not in message


def test_the_id_of_the_request(caplog: pytest.LogCaptureFixture) -> None:
    asked = request()
    log_failure(LOGGER, "it failed", asked, LookupError())
    asked.attributes["request_id"] = "id-of-this"
    log_failure(LOGGER, "it failed", asked, LookupError())
    assert [record.__dict__[LOGGED_ID] for record in caplog.records] == [None, "id-of-this"]
