"""A script as a process: its limits, its signals, and its grave."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from salver.gateway.cgi_process import Child, NotBounded, set_limits, start
from salver.gateway.cgi_settings import CGISettings
from tests.gateway.support import children, eventually, is_running


@pytest.fixture
def buried() -> Iterator[list[Child]]:
    found: list[Child] = []
    yield found
    assert eventually(lambda: not children())


def begin(buried: list[Child], text: str, **settings) -> Child:
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        command = ("/bin/sh", "-c", text, "/tmp/x")
        return start(command, {}, (nothing, nothing, nothing), CGISettings(**settings), buried.append)
    finally:
        os.close(nothing)


def test_one_that_has_ended_is_buried_at_once(buried: list[Child]) -> None:
    child = begin(buried, "exit 3")
    assert child.wait(10.0) and child.poll() == 3
    child.end(1.0, 1.0)
    assert buried == [child] and child.exit_fd == -1


def test_one_may_end_by_itself(buried: list[Child]) -> None:
    child = begin(buried, "sleep 0.2")
    assert not child.wait(0.0) and child.poll() is None
    child.end(10.0, 0.0)
    assert buried == [] and eventually(lambda: buried == [child])
    assert child.poll() == 0


def test_one_that_may_not_gets_term_then_kill(buried: list[Child]) -> None:
    child = begin(buried, "trap '' TERM; while :; do sleep 0.05; done")
    assert not child.wait(0.2)
    child.end(0.0, 0.3)
    assert eventually(lambda: buried == [child])
    assert child.poll() == -signal.SIGKILL


def test_after_its_patience_too(buried: list[Child]) -> None:
    child = begin(buried, "sleep 60")
    child.end(0.1, 5.0)
    assert eventually(lambda: buried == [child], 3)
    assert child.poll() == -signal.SIGTERM


def test_without_a_thread_there_is_no_grace(buried: list[Child], monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    child = begin(buried, "sleep 60")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        child.end(0.0, 5.0)
    assert buried == [child]


def test_when_the_server_ends(buried: list[Child]) -> None:
    child = begin(buried, "sleep 60 & sleep 60")
    child.kill_now()
    assert child.wait(10.0)
    child.end(1.0, 0.0)
    assert eventually(lambda: not is_running(child.pid))


def test_one_that_was_waited_for_is_never_signalled(buried: list[Child], monkeypatch: pytest.MonkeyPatch) -> None:
    child = begin(buried, "exit 0")
    child.wait(10.0)
    child.end(1.0, 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", lambda *_: pytest.fail("signalled somebody else"))
        child.signal_group(signal.SIGTERM)


@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_one_that_cannot_be_signalled(
    buried: list[Child], monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def refused(*_: object) -> None:
        raise error

    child = begin(buried, "sleep 0.3")
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", refused)
        child.signal_group(signal.SIGTERM)
    assert child.poll() is None
    child.end(5.0, 0.0)


def test_limits_are_set_and_never_raised(buried: list[Child]) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    child = begin(buried, "sleep 60", memory=100 << 20, cpu_seconds=7, file_size=1_000)
    assert resource.prlimit(child.pid, resource.RLIMIT_DATA) == (100 << 20, 100 << 20)
    assert resource.prlimit(child.pid, resource.RLIMIT_CPU) == (7, 7)
    assert resource.prlimit(child.pid, resource.RLIMIT_FSIZE) == (1_000, 1_000)
    assert resource.prlimit(child.pid, resource.RLIMIT_CORE) == (0, 0)
    assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE)[1] == most
    child.end(0.0, 0.0)


def test_a_limit_above_our_own_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (5, 10))
    monkeypatch.setattr(resource, "prlimit", lambda *limit: told.append(limit))
    set_limits(1, CGISettings(memory=1_000, cpu_seconds=None))
    assert told[-1] == (1, resource.RLIMIT_DATA, (10, 10))


def test_one_that_is_gone_needs_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(resource, "prlimit", gone)
    set_limits(1, CGISettings())


def test_a_system_without_prlimit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(resource, "prlimit")
    set_limits(1, CGISettings())


def test_what_cannot_be_bounded_does_not_run(buried: list[Child], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "not yours")

    with monkeypatch.context() as patched:
        patched.setattr(resource, "prlimit", refused)
        with pytest.raises(NotBounded):
            begin(buried, "sleep 60")
    assert eventually(lambda: len(buried) == 1)


def test_a_process_that_ends_takes_its_scripts_along(tmp_path) -> None:
    """The interpreter's end, with a script at work that ignores SIGTERM."""
    import subprocess

    script = tmp_path / "x"
    script.write_text(
        "#!/bin/sh\ntrap '' TERM\necho $$ > pid\nprintf 'Content-Type: a/b\\n\\n1'\nsleep 60 & wait; wait\n"
    )
    script.chmod(0o755)
    program = (
        "from tests.gateway.support import request\nfrom salver.gateway import CGIFolder\n"
        f"kept = CGIFolder({str(tmp_path)!r})(request('/x'))\nnext(iter(kept.body))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=60)
    assert eventually(lambda: not is_running(int((tmp_path / "pid").read_text())))
