"""How a program is started: what it finds, what it does not, and what is said where it cannot be."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from salver.gateway import cgi_start
from salver.gateway.cgi_start import Forked, Process, start_process


@pytest.fixture
def nothing() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor < 3:
        descriptor = os.dup(descriptor)
    yield descriptor
    os.close(descriptor)


def said_by(text: str, nothing: int, folder: Path) -> str:
    """What a shell writes that is given `text`."""
    reading, writing = os.pipe()
    command = ("/bin/sh", "-c", text, str(folder / "x"))
    process = start_process(command, {b"A": b"1", b"B": b"=\xe9"}, (nothing, writing, nothing))
    os.close(writing)
    with open(reading, encoding="latin-1") as output:
        said = output.read()
    assert process.wait() == 0
    return said


@pytest.fixture(params=["the short way", "the long way"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type:
    if request.param == "the short way":
        return Forked
    monkeypatch.setattr(cgi_start, "_posixsubprocess", None)
    return subprocess.Popen


def test_the_short_way_is_taken(nothing: int) -> None:
    """By each interpreter that these tests run on: else nothing is gained there."""
    process = start_process(("/bin/true",), {}, (nothing, nothing, nothing))
    assert isinstance(process, Forked) and process.wait() == 0


def test_folder_and_environment(way: type, nothing: int, tmp_path: Path) -> None:
    assert said_by("pwd -P", nothing, tmp_path) == f"{tmp_path.resolve()}\n"
    assert said_by('echo "$A$B"', nothing, tmp_path) == "1=\xe9\n"


def test_no_descriptor_of_ours(way: type, nothing: int, tmp_path: Path) -> None:
    left = os.dup(nothing)
    os.set_inheritable(left, True)
    try:
        text = f"test -e /proc/self/fd/{left} && echo there; test -e /proc/self/fd/1 && echo output"
        assert said_by(text, nothing, tmp_path) == "output\n"
    finally:
        os.close(left)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_signals_do_what_they_do_by_default(way: type, nothing: int, tmp_path: Path) -> None:
    """SIGPIPE above all, which Python ignores; and none is blocked."""
    said = said_by("grep -E 'SigIgn|SigBlk' /proc/self/status", nothing, tmp_path).split()
    ignored, blocked = int(said[said.index("SigIgn:") + 1], 16), int(said[said.index("SigBlk:") + 1], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1) and blocked == 0


@pytest.mark.parametrize(("status", "code"), [("exit 7", 7), ("kill -9 $$", -9)])
def test_how_it_ended(way: type, nothing: int, status: str, code: int) -> None:
    process = start_process(("/bin/sh", "-c", status, "/x"), {}, (nothing, nothing, nothing))
    assert isinstance(process, way)
    assert process.wait() == code and process.poll() == code and process.returncode == code


def test_one_that_runs_leads_a_session_and_has_not_ended(way: type, nothing: int) -> None:
    process = start_process(("/bin/sh", "-c", "sleep 60", "/x"), {}, (nothing, nothing, nothing))
    assert process.poll() is None and process.returncode is None
    assert os.getsid(process.pid) == process.pid
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("/nowhere/x",), errno.ENOENT),
        (("/bin/sh", "/nowhere/x"), errno.ENOENT),
        (("no-such-interpreter", "/x"), errno.ENOENT),
        ((os.path.abspath(__file__),), errno.EACCES),
    ],
)
def test_what_cannot_be_started(way: type, nothing: int, command: tuple[str, ...], code: int) -> None:
    if os.access(__file__, os.X_OK):
        pytest.skip("this file system gives every file its run bit")
    with pytest.raises(OSError) as caught:
        start_process(command, {b"PATH": b"/bin:/usr/bin"}, (nothing, nothing, nothing))
    assert caught.value.errno == code and caught.value.filename


def test_an_interpreter_is_looked_for_on_the_path(way: type, nothing: int, tmp_path: Path) -> None:
    (tmp_path / "speak").symlink_to("/bin/true")
    path = f"/nowhere:{tmp_path}".encode()
    assert start_process(("speak", "/x"), {b"PATH": path}, (nothing, nothing, nothing)).wait() == 0


def test_a_version_that_wants_other_arguments(monkeypatch: pytest.MonkeyPatch, nothing: int) -> None:
    monkeypatch.setattr(cgi_start, "_ALLOW_VFORK", (True, True, True))
    process = start_process(("/bin/true",), {}, (nothing, nothing, nothing))
    assert isinstance(process, subprocess.Popen) and process.wait() == 0


def test_standard_descriptors_that_are_free() -> None:
    """A daemon's: its pipes may be 0, 1 and 2."""
    program = (
        "import os\nfrom salver.gateway.cgi_start import start_process\n"
        "kept = os.dup(1)\nos.closerange(0, 3)\nreading, writing = os.pipe()\nnull = os.open(os.devnull, os.O_RDWR)\n"
        "process = start_process(('/bin/sh', '-c', 'echo here', '/x'), {}, (null, writing, null))\nos.close(writing)\n"
        "said = os.read(reading, 100)\nassert process.wait() == 0\nos.write(kept, said)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, env=environment, stdout=subprocess.PIPE, timeout=60
    )
    assert done.stdout == b"here\n"


def test_nothing_is_left_open(way: type, nothing: int) -> None:
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    for command in (("/bin/true",), ("/nowhere/x",)):
        try:
            start_process(command, {}, (nothing, nothing, nothing)).wait()
        except FileNotFoundError:
            pass
    assert len(before) == len(os.listdir("/proc/self/fd") if before else [])


def test_one_that_somebody_else_has_waited_for(nothing: int) -> None:
    process: Process = start_process(("/bin/true",), {}, (nothing, nothing, nothing))
    os.waitpid(process.pid, 0)
    assert process.poll() == 0 and process.wait() == 0


@pytest.mark.parametrize("said", [b"SubprocessError:0:", b"RuntimeError:zz:x", b"?"])
def test_a_report_that_says_little(said: bytes) -> None:
    assert isinstance(cgi_start._why(said, ("/x",)), OSError)
