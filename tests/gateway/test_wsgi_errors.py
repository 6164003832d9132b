"""`wsgi.errors` and the log: records are lines as they were written."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from salver.gateway.wsgi_errors import ErrorsToLog
from tests.gateway.wsgi_support import GET, PLAIN, Environ, valid


@pytest.mark.parametrize(
    ("written", "records"),
    [
        (["one\n"], ["one"]),
        (["o", "n", "e", "\n"], ["one"]),
        (["one", "\n", "two\n"], ["one", "two"]),
        (["Traceback:\n  File\nError\n"], ["Traceback:\n  File\nError"]),
        (["one\ntwo"], ["one"]),
        (["one"], []),
        (["\n", "  \n"], []),
        ([""], []),
        (["100 %s\n"], ["100 %s"]),
        (["x" * 70_000], ["x" * 70_000]),
    ],
)
def test_a_record_ends_with_a_line(written: list[str], records: list[str], caplog: pytest.LogCaptureFixture) -> None:
    stream = ErrorsToLog()
    for text in written:
        assert stream.write(text) == len(text)
    assert caplog.messages == records
    assert all(record.name == "salver.wsgi" and record.levelname == "ERROR" for record in caplog.records)


def test_flush_ends_a_line(caplog: pytest.LogCaptureFixture) -> None:
    stream = ErrorsToLog()
    stream.write("half")
    stream.flush()
    stream.flush()
    stream.writelines(["of ", "it\n"])
    assert caplog.messages == ["half", "of it"]


def test_two_threads_do_not_mix_their_lines(caplog: pytest.LogCaptureFixture) -> None:
    stream = ErrorsToLog()
    stream.write("mine ")
    thread = threading.Thread(target=lambda: (stream.write("its "), stream.write("own\n")))
    thread.start()
    thread.join()
    stream.write("alone\n")
    assert caplog.messages == ["its own", "mine alone"]


@pytest.mark.parametrize("text", [b"bytes", 5, None])
def test_what_is_no_text(text: Any) -> None:
    with pytest.raises(TypeError, match="takes str"):
        ErrorsToLog().write(text)


def test_an_application_prints_to_it(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        print("something", "happened", file=environ["wsgi.errors"])
        start_response("200 OK", PLAIN)
        return [b"abc"]

    assert valid(app).say(GET).statuses == [200]
    assert caplog.messages == ["something happened"]
