"""Scripts that are sent a body, read or not; real processes and no server."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from salver.gateway import CGIFolder
from salver.request import RequestBodyError
from tests.gateway.scripts import HEAD
from tests.gateway.support import BrokenBody, FakeExchange, children, content, eventually, request, script

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_a_body_goes_to_standard_input(scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo $CONTENT_LENGTH; cat")
    assert content(CGIFolder(scripts)(request("/x", "POST", body=b"a=b"))) == b"3\na=b"


def test_a_body_without_a_length_has_one_for_the_script(scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo $CONTENT_LENGTH; wc -c")
    made = request("/x", "POST", chunked=True, exchange=FakeExchange(bytes(200_000)))
    assert content(CGIFolder(scripts)(made)).split() == [b"200000", b"200000"]


def test_no_body_is_an_empty_input(scripts: Path) -> None:
    script(scripts, "x", HEAD + "wc -c; echo ${CONTENT_LENGTH-none}")
    assert content(CGIFolder(scripts)(request("/x", "POST"))).split() == [b"0", b"none"]
    given = request("/x", "POST", fields=[("Content-Length", "0")])
    assert content(CGIFolder(scripts)(given)).split() == [b"0", b"0"]


def test_a_script_that_answers_while_it_reads_is_no_deadlock(scripts: Path) -> None:
    script(scripts, "x", HEAD + "cat")
    body = os.urandom(5_000_000)
    assert content(CGIFolder(scripts)(request("/x", "POST", body=body))) == body


def test_a_script_that_does_not_read_is_no_deadlock(scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo no thanks")
    assert content(CGIFolder(scripts)(request("/x", "POST", body=bytes(5_000_000)))) == b"no thanks\n"


def test_a_script_that_closes_its_input_and_goes_on(scripts: Path) -> None:
    script(scripts, "x", "exec </dev/null\n" + HEAD + "sleep 0.2; echo done")
    assert content(CGIFolder(scripts)(request("/x", "POST", body=bytes(1_000_000)))) == b"done\n"


def test_a_body_that_is_too_large(scripts: Path) -> None:
    script(scripts, "x", HEAD)
    handler = CGIFolder(scripts, max_body=1_000)
    assert handler(request("/x", "POST", body=bytes(1_001))).status == 413
    assert handler(request("/x", "POST", body=bytes(1_000))).status == 200
    with pytest.raises(RequestBodyError) as caught:
        handler(request("/x", "POST", chunked=True, exchange=FakeExchange(bytes(1_001))))
    assert caught.value.status == 413


def test_a_client_that_goes_away_within_its_body_takes_the_script_along(scripts: Path) -> None:
    script(scripts, "x", "echo $$ > pid; cat")
    broken = request("/x", "POST", fields=[("Content-Length", "1000000")], exchange=BrokenBody())
    with pytest.raises(RequestBodyError):
        CGIFolder(scripts)(broken)
    assert eventually(lambda: not children())


def test_answering_more_than_can_be_held_while_the_body_comes(scripts: Path) -> None:
    script(scripts, "x", HEAD + "head -c 3000000 /dev/zero; cat")
    handler = CGIFolder(scripts, max_body=1_500_000, timeout=1.0)
    assert handler(request("/x", "POST", body=bytes(1_400_000))).status == 504


def test_no_room_for_a_body(scripts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    script(scripts, "x", HEAD)
    handler = CGIFolder(scripts, max_running=1)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "TemporaryFile", full)
        given = request("/x", "POST", chunked=True, exchange=FakeExchange(b"abc"))
        assert handler(given).status == 507 and "No space" in caplog.text
    assert handler(request("/x")).status == 200
