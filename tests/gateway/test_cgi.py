"""Scripts through the handlers, real processes and no server: what they give, how they fail, and what is left."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from salver.gateway import CGIFolder, CGIScript, cgi_runner
from salver.gateway.cgi_runner import ScriptFailed
from salver.handler import DeclaredSite
from salver.request import Request, RequestBodyError
from salver.response import Response
from tests.gateway.support import (
    BrokenBody,
    FakeExchange,
    children,
    content,
    descriptors,
    eventually,
    is_running,
    request,
    script,
)

HEAD = "printf 'Content-Type: text/plain\\n\\n'\n"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After each test: no process, no zombie, no descriptor."""
    before = descriptors()
    yield
    assert eventually(lambda: not children()), "a process was left"
    assert eventually(lambda: descriptors() <= before), "a descriptor was left"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    return tmp_path / "cgi"


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script says is waited for to be whole: no test of that depends on how fast the machine is."""
    monkeypatch.setattr(cgi_runner, "_GATHER", 3.0)


def run(scripts: Path, text: str, *, name: str = "x", **settings) -> Response:
    """The answer of a script to a plain GET."""
    script(scripts, name, text)
    return CGIFolder(scripts, **settings)(request("/" + name))


# What scripts give


@pytest.mark.usefixtures("whole")
def test_a_short_answer_comes_whole(scripts: Path) -> None:
    response = run(scripts, HEAD + "echo hello")
    assert response.status == 200 and response.body == b"hello\n"
    assert response.headers["content-type"] == "text/plain"


@pytest.mark.usefixtures("whole")
def test_a_status_and_fields(scripts: Path) -> None:
    response = run(
        scripts, "printf 'Status: 418 Short and stout\\r\\nSet-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\n\\r\\n'"
    )
    assert (response.status, response.reason, response.body) == (418, "Short and stout", b"")
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_a_body_is_streamed(scripts: Path) -> None:
    response = run(scripts, HEAD + "echo 1; sleep 0.1; echo 2; sleep 0.1; echo 3")
    pieces: list[bytes] = list(response.body)  # type: ignore[arg-type]
    assert b"".join(pieces) == b"1\n2\n3\n" and len(pieces) == 3


def test_a_large_body_comes_in_pieces(scripts: Path) -> None:
    response = run(scripts, HEAD + "head -c 3000000 /dev/zero")
    assert content(response) == bytes(3_000_000)


def test_a_large_body_knows_its_length_where_the_script_does(scripts: Path) -> None:
    response = run(scripts, "printf 'Content-Type: a/b\\nContent-Length: 3000000\\n\\n'; head -c 3000000 /dev/zero")
    assert response.headers["content-length"] == "3000000" and len(content(response)) == 3_000_000


def test_a_script_runs_in_its_folder_with_a_fixed_argument_vector(scripts: Path) -> None:
    script(scripts, "sub/x", HEAD + 'pwd; echo $#; echo "$0"')
    response = CGIFolder(scripts)(request("/sub/x/info?-s+one+two"))
    assert content(response).decode().split() == [str(scripts / "sub"), "0", str(scripts / "sub/x")]


def test_nothing_of_ours_is_open_in_a_script(scripts: Path) -> None:
    inherited = os.dup(0) if os.path.exists("/proc/self/fd/0") else os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        response = run(scripts, HEAD + "ls /proc/$$/fd")
    finally:
        os.close(inherited)
    # dash keeps the script itself at 10
    assert set(content(response).split()) <= {b"0", b"1", b"2", b"10", b"255"}


def test_a_script_leads_a_session_of_its_own(scripts: Path) -> None:
    response = run(scripts, HEAD + "cut -d' ' -f6 /proc/$$/stat; echo $$")
    session, pid = content(response).split()
    assert session == pid


def test_python_without_a_run_bit(scripts: Path) -> None:
    script(scripts, "x.py", "import sys\nprint('Content-Type: a/b\\n')\nprint(sys.flags.interactive, 'py')", 0o644)
    assert content(CGIFolder(scripts)(request("/x.py"))) == b"0 py\n"


def test_python_with_a_run_bit_and_without_a_first_line(scripts: Path) -> None:
    script(scripts, "x.py", "print('Content-Type: a/b\\n')\nprint('py')", 0o755)
    assert content(CGIFolder(scripts)(request("/x.py"))) == b"py\n"


def test_an_interpreter_of_the_settings(scripts: Path) -> None:
    script(scripts, "x.foo", HEAD + "echo foo $0", 0o644)
    response = CGIFolder(scripts, interpreters={".foo": ["/bin/sh"]})(request("/x.foo"))
    assert content(response) == f"foo {scripts}/x.foo\n".encode()


def test_a_single_script_has_the_whole_path(scripts: Path) -> None:
    path = script(scripts, "x", HEAD + 'echo "$SCRIPT_NAME|$PATH_INFO|$QUERY_STRING"')
    handler = CGIScript(path)
    assert content(handler(request("/a/b?c"))) == b"|/a/b|c\n"
    assert content(handler(request("/git/a%20b", prefix="/git"))) == b"/git|/a b|\n"
    assert content(handler(request("/git", prefix="/git"))) == b"/git||\n"
    assert handler(request("/%zz")).status == 400 and handler(request("/..")).status == 404
    assert CGIScript(scripts / "none")(request("/")).status == 404


def test_head_has_no_body(scripts: Path) -> None:
    script(scripts, "x", "printf 'Content-Type: a/b\\nContent-Length: 5\\n\\n'; echo $REQUEST_METHOD")
    response = CGIFolder(scripts)(request("/x", "HEAD"))
    assert response.body == () and response.headers["content-length"] == "5"
    assert "content-length" not in run(scripts, HEAD + "echo 1").headers


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(scripts: Path, status: int) -> None:
    assert content(run(scripts, f"printf 'Status: {status}\\nContent-Length: 0\\n\\n'")) == b""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_any_method_is_the_scripts_business(scripts: Path, method: str) -> None:
    script(scripts, "x", HEAD + "echo $REQUEST_METHOD")
    assert content(CGIFolder(scripts)(request("/x", method))) == method.encode() + b"\n"


def test_trace_is_not(scripts: Path) -> None:
    response = CGIFolder(scripts)(request("/x", "TRACE"))
    assert response.status == 405 and "GET" in response.headers["allow"]


@pytest.mark.parametrize(("path", "status"), [("/none", 404), ("/", 404), ("/data", 403), ("/%zz", 400)])
def test_what_is_not_run(scripts: Path, path: str, status: int) -> None:
    script(scripts, "data", "secret", 0o644)
    response = CGIFolder(scripts)(request(path))
    assert response.status == status and b"secret" not in content(response)


# Bodies


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


# Failures


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
    response = run(scripts, text)
    assert response.status == 502 and b"half" not in content(response)
    assert len(caplog.records) == 1 and str(scripts / "x") in caplog.records[0].getMessage()


@pytest.mark.parametrize("text", ["#!/no/such/interpreter\n", "#!/dev/null\n"])
def test_what_cannot_be_started_is_500(scripts: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert run(scripts, text).status == 500
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
    response = run(scripts, text, timeout=0.3, grace=0.2)
    assert response.status == 504 and time.monotonic() - began < 5
    assert eventually(lambda: not children(), 3)
    if (scripts / "pid").exists():
        assert eventually(lambda: not is_running(int((scripts / "pid").read_text())))


def test_what_lasts_too_long_ends_however_much_it_says(scripts: Path) -> None:
    response = run(scripts, HEAD + "while :; do echo x; sleep 0.05; done", total_time=0.5)
    with pytest.raises(ScriptFailed):
        content(response)


def test_a_script_that_does_not_read_its_input_in_time(scripts: Path) -> None:
    script(scripts, "x", "sleep 60")
    handler = CGIFolder(scripts, timeout=0.3)
    assert handler(request("/x", "POST", body=bytes(1_000_000))).status == 504


@pytest.mark.parametrize("ending", ["kill -9 $$", "sleep 60"])
def test_what_breaks_off_within_its_body_is_no_end(scripts: Path, ending: str) -> None:
    response = run(scripts, HEAD + "echo half; sleep 0.1; " + ending, timeout=0.4)
    pieces = iter(response.body)  # type: ignore[arg-type]
    assert next(pieces) == b"half\n"
    with pytest.raises(ScriptFailed):
        next(pieces)
    response.close()


def test_an_exit_code_is_no_failure(scripts: Path) -> None:
    assert content(run(scripts, HEAD + "echo all; exit 128")) == b"all\n"
    assert content(run(scripts, HEAD + "echo all; sleep 0.1; exit 1")) == b"all\n"


@pytest.mark.usefixtures("whole")
def test_more_than_was_promised_is_cut(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    response = run(scripts, "printf 'Content-Type: a/b\\nContent-Length: 4\\n\\nabcdef'")
    assert response.body == b"abcd" and "promised" in caplog.text


# Standard error


def test_standard_error_goes_to_the_log(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(scripts, "printf 'oh \\033[2J\\nno' >&2\n" + HEAD)
    assert [each.getMessage() for each in caplog.records] == [
        f"{scripts}/x: oh \\x1b[2J",
        f"{scripts}/x: no",
    ]


def test_endless_complaints_stop_nobody(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    response = run(scripts, "head -c 20000000 /dev/zero | tr '\\0' e >&2\n" + HEAD + "echo done")
    assert content(response) == b"done\n"
    assert sum(len(each.getMessage()) for each in caplog.records) < 80_000


def test_complaints_within_a_body(scripts: Path, caplog: pytest.LogCaptureFixture) -> None:
    response = run(scripts, HEAD + "echo a; sleep 0.1; head -c 1000000 /dev/zero >&2; echo b", max_stderr=0)
    assert content(response) == b"a\nb\n"


# Ends


def test_what_a_script_leaves_behind_is_not_waited_for(scripts: Path) -> None:
    began = time.monotonic()
    response = run(scripts, "sleep 5 & echo $! > pid\n" + HEAD + "echo done")
    assert content(response) == b"done\n" and time.monotonic() - began < 3
    os.kill(int((scripts / "pid").read_text()), signal.SIGKILL)


def test_a_script_may_go_on_when_it_has_closed_its_output(scripts: Path) -> None:
    response = run(scripts, HEAD + "echo done; exec >&- 2>&-; sleep 0.5; echo later > later")
    assert content(response) == b"done\n" and not (scripts / "later").exists()
    assert eventually((scripts / "later").exists)


def test_but_not_for_ever(scripts: Path) -> None:
    response = run(scripts, HEAD + "echo done; exec >&- 2>&-; sleep 60", total_time=0.5, grace=0.1)
    assert content(response) == b"done\n"
    assert eventually(lambda: not children(), 5)


def test_nobody_reads_any_more(scripts: Path) -> None:
    text = "trap '' TERM PIPE\nsh -c \"trap '' TERM; sleep 60\" &\necho $! > pid\n" + HEAD
    response = run(scripts, text + "echo 1; while :; do sleep 0.05; done", grace=0.3)
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
    response = run(scripts, text, grace=5.0)
    next(iter(response.body))  # type: ignore[arg-type]
    response.close()
    assert eventually((scripts / "bye").exists, 3)
    assert eventually(lambda: not children(), 3)


# Limits


def test_memory_has_a_limit(scripts: Path) -> None:
    text = "print('Content-Type: a/b\\n')\ntry:\n  bytes(300 << 20)\nexcept MemoryError:\n  print('enough')\n"
    script(scripts, "x.py", "import time; time.sleep(0.2)\n" + text)
    assert content(CGIFolder(scripts, memory=200 << 20)(request("/x.py"))) == b"enough\n"


def test_processor_time_has_a_limit(scripts: Path) -> None:
    assert run(scripts, "while :; do :; done", cpu_seconds=1, timeout=20.0).status == 502


def test_what_it_writes_has_a_limit(scripts: Path) -> None:
    text = "sleep 0.2; head -c 2000000 /dev/zero > big; " + HEAD + "echo done"
    content(run(scripts, text, file_size=1_000_000))
    assert (scripts / "big").stat().st_size == 1_000_000


def test_processes_have_a_limit(scripts: Path) -> None:
    response = run(scripts, HEAD + "sleep 0.2; grep 'Max processes' /proc/$$/limits", processes=500)
    assert content(response).split()[2:4] == [b"500", b"500"]


def test_there_is_no_core_file(scripts: Path) -> None:
    assert content(run(scripts, "sleep 0.2;" + HEAD + "ulimit -c")) == b"0\n"


def test_so_many_at_once_and_the_others_wait(scripts: Path) -> None:
    script(scripts, "x", HEAD + "sleep 0.4")
    handler, statuses = CGIFolder(scripts, max_running=2, max_wait=5.0), []

    def ask() -> None:
        response = handler(request("/x"))
        content(response)
        statuses.append(response.status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4 and 0.75 < time.monotonic() - began < 5


def test_who_waits_too_long_is_refused(scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo 1; sleep 60")
    handler = CGIFolder(scripts, max_running=1, max_wait=0.1)
    first = handler(request("/x"))
    second = handler(request("/x"))
    assert second.status == 503 and second.headers["retry-after"] == "1"
    first.close()
    assert eventually(lambda: handler(request("/none")).status == 404 and not children())
    content(handler(request("/x", "HEAD")))


def test_a_place_is_free_again_after_every_kind_of_end(scripts: Path) -> None:
    script(scripts, "fine", HEAD)
    script(scripts, "bad", "exit 3")
    script(scripts, "none", "#!/no/such\n")
    script(scripts, "hang", "sleep 60")
    handler = CGIFolder(scripts, max_running=1, max_wait=5.0, timeout=0.2, grace=0.1)
    for name, status in [("fine", 200), ("bad", 502), ("none", 500), ("hang", 504)] * 3:
        response = handler(request("/" + name))
        content(response)
        assert response.status == status


def test_no_thread_may_block(scripts: Path) -> None:
    script(scripts, "x", HEAD + "sleep 5")
    response = CGIFolder(scripts)(request("/x", exchange=FakeExchange(has_threads=False)))
    assert response.status == 503
    assert eventually(lambda: not children())


def test_it_hands_over_before_it_waits(scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo 1; sleep 0.1; echo 2")
    exchange = FakeExchange()
    response = CGIFolder(scripts)(request("/x", exchange=exchange))
    before = exchange.handed_over
    assert before >= 1
    content(response)
    assert exchange.handed_over > before


def entered(exchange: FakeExchange) -> list[bool]:
    return [site.blocking for site in exchange.entered if isinstance(site, DeclaredSite)]


def test_a_slow_script_is_entered_as_what_blocks_the_next_time(scripts: Path) -> None:
    script(scripts, "x", HEAD + "sleep 0.1")
    handler = CGIFolder(scripts)
    first, second = FakeExchange(), FakeExchange()
    content(handler(request("/x", exchange=first)))
    content(handler(request("/x", exchange=second)))
    assert entered(second) == [True]
    assert first.handed_over and second.handed_over


def test_a_body_is_entered_as_what_blocks(scripts: Path) -> None:
    script(scripts, "x", HEAD + "cat")
    exchange = FakeExchange(b"given")
    asked = request("/x", "POST", body=b"given", exchange=exchange)
    assert content(CGIFolder(scripts)(asked)) == b"given"
    assert entered(exchange) == [True]


def test_out_of_descriptors_is_503(scripts: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    script(scripts, "x", HEAD)
    handler = CGIFolder(scripts, max_running=1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pipe", none_left)
        assert handler(request("/x")).status == 503
    assert handler(request("/x")).status == 200


def test_what_cannot_be_bounded_is_not_run(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    def refused(*_: object) -> None:
        raise PermissionError(1, "not yours")

    script(scripts, "x", HEAD + "sleep 60")
    handler = CGIFolder(scripts, max_running=1)
    with monkeypatch.context() as patched:
        patched.setattr(resource, "prlimit", refused)
        assert handler(request("/x")).status == 500
    assert eventually(lambda: not children())


def test_a_sandbox_without_process_descriptors(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> int:
        raise PermissionError(1, "seccomp")

    monkeypatch.setattr(os, "pidfd_open", refused)
    assert content(run(scripts, HEAD + "echo 1; sleep 0.2; echo 2")) == b"1\n2\n"


@pytest.mark.parametrize("text", [HEAD + "echo 1; sleep 0.2; echo 2", "kill -9 $$", "exec >&-; sleep 0.3"])
def test_a_kernel_without_process_descriptors(scripts: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    response = run(scripts, text)
    assert content(response) == b"1\n2\n" if "echo" in text else response.status == 502


# Local redirects


def test_a_local_redirect_is_answered_here(scripts: Path) -> None:
    script(scripts, "from", "printf 'Location: /cgi/to/x?y=1\\n\\n'")
    script(scripts, "to", HEAD + 'echo "$REQUEST_METHOD|$PATH_INFO|$QUERY_STRING|${CONTENT_LENGTH-}"; cat')
    made = request("/cgi/from", "POST", body=b"abc", prefix="/cgi")
    assert content(CGIFolder(scripts)(made)) == b"GET|/x|y=1|\n"


def test_a_local_redirect_to_elsewhere(scripts: Path) -> None:
    script(scripts, "from", "printf 'Location: /other?z\\n\\n'")

    def site(asked: Request) -> str:
        return f"{asked.method} {asked.path} {asked.query_string} {asked.body!r} {asked.prefix!r}"

    made = request("/cgi/from", "POST", body=b"abc", prefix="/cgi")
    assert CGIFolder(scripts, local=site)(made).body == b"GET /other z b'' ''"
    alone = CGIFolder(scripts)(request("/cgi/from", prefix="/cgi"))
    assert (alone.status, alone.headers["location"]) == (302, "/other?z")


def test_local_redirects_end(scripts: Path) -> None:
    script(scripts, "round", "echo x >> count; printf 'Location: /round\\n\\n'")
    assert CGIFolder(scripts)(request("/round")).status == 502
    assert (scripts / "count").read_text().count("x") == 11


@pytest.mark.parametrize("target", ["/%zz", "/a b"])
def test_a_local_redirect_to_nowhere(scripts: Path, target: str) -> None:
    script(scripts, "x", f"echo 'Location: {target}'; echo")
    assert CGIFolder(scripts)(request("/x")).status == 502


def test_the_log_is_one_line_for_what_a_script_says_of_itself(scripts: Path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    run(scripts, "printf 'Content-Type \\033[2J: x\\n\\n'")
    assert all("\x1b" not in each.getMessage() and "\n" not in each.getMessage() for each in caplog.records)
