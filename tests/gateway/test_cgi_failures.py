"""Scripts that fail, complain, or are left alone; real processes and no server."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from salver.gateway import CGIFolder
from salver.gateway.cgi_runner import ScriptFailed
from tests.gateway.scripts import HEAD, run_script
from tests.gateway.support import children, content, eventually, is_running, request, script

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exit 1",
        "echo hello",
        "echo; echo hello",
        "printf 'Content-Type: text/plain'",
        "printf 'Content-Type: text/plain\\n'",
        "printf 'Status: 999\\n\\n'",
        "printf 'Location: /a\\rX: y\\n\\n'",
        "printf 'Content-Type: a\\000b\\n\\n'",
        "printf 'Content-Type: a/b\\nX: '; head -c 40000 /dev/zero | tr '\\0' x; printf '\\n\\n'",
        "while :; do echo 'X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'; done",
        "kill -9 $$",
        "printf 'Content-Type: a/b\\n'; kill -11 $$",
        "printf 'Content-Type: a/b\\n\\nhalf'; kill -9 $$",
        "printf 'Content-Type: a/b\\nContent-Length: 10\\n\\nhalf'",
        "printf 'Content-Type: a/b\\n\\n'; sleep 0.2; kill -9 $$",
    ],
)
@pytest.mark.usefixtures("whole")
def test_what_is_no_answer_is_502(scripts: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    response = run_script(scripts, text)
    assert response.status == 502 and b"half" not in content(response)
    assert len(caplog.records) == 1 and str(scripts / "x") in caplog.records[0].getMessage()


@pytest.mark.parametrize("text", ["#!/no/such/interpreter\n", "#!/dev/null\n"])
def test_what_cannot_be_started_is_500(scripts: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert run_script(scripts, text).status == 500
    assert "cannot be started" in caplog.text


def test_a_binary_of_nobodys_kind_is_500(scripts: Path) -> None:
    script(scripts, "x", "")
    (scripts / "x").write_bytes(b"\x7fELF" + bytes(100))
    assert CGIFolder(scripts)(request("/x")).status == 500


@pytest.mark.parametrize(
    "text",
    ["sleep 60", "trap '' TERM; sleep 60 & echo $! > pid; wait; wait", "printf 'Content-Type: a/b\\n'; sleep 60",
     HEAD + "sleep 60", "exec 2>&-; sleep 60"],
)  # fmt: skip
def test_what_hangs_is_504_and_its_group_ends(scripts: Path, text: str) -> None:
    began = time.monotonic()
    response = run_script(scripts, text, timeout=0.3, grace=0.2)
    assert response.status == 504 and time.monotonic() - began < 5
    assert eventually(lambda: not children(), 3)
    if (scripts / "pid").exists():
        assert eventually(lambda: not is_running(int((scripts / "pid").read_text())))


def test_what_lasts_too_long_ends_however_much_it_says(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "while :; do echo x; sleep 0.05; done", total_time=0.5)
    with pytest.raises(ScriptFailed):
        content(response)


def test_a_script_that_does_not_read_its_input_in_time(scripts: Path) -> None:
    script(scripts, "x", "sleep 60")
    handler = CGIFolder(scripts, timeout=0.3)
    assert handler(request("/x", "POST", body=bytes(1_000_000))).status == 504


@pytest.mark.parametrize("ending", ["kill -9 $$", "sleep 60"])
def test_what_breaks_off_within_its_body_is_no_end(scripts: Path, ending: str) -> None:
    response = run_script(scripts, HEAD + "echo half; sleep 0.1; " + ending, timeout=0.4)
    pieces = iter(response.body)  # type: ignore[arg-type]
    assert next(pieces) == b"half\n"
    with pytest.raises(ScriptFailed):
        next(pieces)
    response.close()


def test_an_exit_code_is_no_failure(scripts: Path) -> None:
    assert content(run_script(scripts, HEAD + "echo all; exit 128")) == b"all\n"
    assert content(run_script(scripts, HEAD + "echo all; sleep 0.1; exit 1")) == b"all\n"


@pytest.mark.usefixtures("whole")
def test_more_than_was_promised_is_cut(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    response = run_script(scripts, "printf 'Content-Type: a/b\\nContent-Length: 4\\n\\nabcdef'")
    assert response.body == b"abcd" and "promised" in caplog.text


def test_standard_error_goes_to_the_log(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    run_script(scripts, "printf 'oh \\033[2J\\nno' >&2\n" + HEAD)
    assert [each.getMessage() for each in caplog.records] == [
        f"{scripts}/x: oh \\x1b[2J",
        f"{scripts}/x: no",
    ]


def test_endless_complaints_stop_nobody(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    response = run_script(scripts, "head -c 20000000 /dev/zero | tr '\\0' e >&2\n" + HEAD + "echo done")
    assert content(response) == b"done\n"
    assert sum(len(each.getMessage()) for each in caplog.records) < 80_000


def test_complaints_within_a_body(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    response = run_script(scripts, HEAD + "echo a; sleep 0.1; head -c 1000000 /dev/zero >&2; echo b", max_stderr=0)
    assert content(response) == b"a\nb\n"


def test_what_a_script_leaves_behind_is_not_waited_for(scripts: Path) -> None:
    began = time.monotonic()
    response = run_script(scripts, "sleep 5 & echo $! > pid\n" + HEAD + "echo done")
    assert content(response) == b"done\n" and time.monotonic() - began < 3
    os.kill(int((scripts / "pid").read_text()), signal.SIGKILL)


def test_a_script_may_go_on_when_it_has_closed_its_output(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "echo done; exec >&- 2>&-; sleep 0.5; echo later > later")
    assert content(response) == b"done\n" and not (scripts / "later").exists()
    assert eventually((scripts / "later").exists)


def test_but_not_for_ever(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "echo done; exec >&- 2>&-; sleep 60", total_time=0.5, grace=0.1)
    assert content(response) == b"done\n"
    assert eventually(lambda: not children(), 5)


def test_nobody_reads_any_more(scripts: Path) -> None:
    text = "trap '' TERM PIPE\nsh -c \"trap '' TERM; sleep 60\" &\necho $! > pid\n" + HEAD
    response = run_script(scripts, text + "echo 1; while :; do sleep 0.05; done", grace=0.3)
    next(iter(response.body))  # type: ignore[arg-type]
    pid = int((scripts / "pid").read_text())
    assert is_running(pid)
    began = time.monotonic()
    response.close()
    assert time.monotonic() - began < 0.2, "close waited"
    assert eventually(lambda: not children() and not is_running(pid), 5)
    response.close()


def test_term_comes_first(scripts: Path) -> None:
    text = "trap 'echo bye > bye; exit' TERM\n" + HEAD + "echo 1\nwhile :; do sleep 0.05; done"
    response = run_script(scripts, text, grace=5.0)
    next(iter(response.body))  # type: ignore[arg-type]
    response.close()
    assert eventually((scripts / "bye").exists, 3)
    assert eventually(lambda: not children(), 3)


def test_the_log_is_one_line_for_what_a_script_says_of_itself(scripts: Path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    run_script(scripts, "printf 'Content-Type \\033[2J: x\\n\\n'")
    assert all("\x1b" not in each.getMessage() and "\n" not in each.getMessage() for each in caplog.records)
