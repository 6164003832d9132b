"""What is watched, and what a change is."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from salver.cli.errors import UsageError
from salver.cli.watching import FAILED, READY, Watch, is_inside, outermost
from tests.cli.commands import SECONDS, environment, until

pytest.importorskip("watchfiles")


def test_folders_within_others_are_watched_once():
    assert set(outermost(["/a/b", "/a", "/ab", "/a", "/c"])) == {"/a", "/c", "/ab"}
    assert outermost(["/", "/a"]) == ["/"]
    assert is_inside("/a/b", "/a") and is_inside("/a", "/a") and is_inside("/a", "/")
    assert not is_inside("/ab", "/a")


def test_what_is_not_there_cannot_be_watched(tmp_path):
    with pytest.raises(UsageError, match=r"no\.such: there is no such file or folder"):
        Watch([str(tmp_path)], ["no.such"])


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UsageError, match=r'pip install "salver\[reload\]"'):
        Watch(["."], [])


PROGRAM = """
import socket, sys
from salver.cli.watching import Watch
folder, extra, fd = sys.argv[1], sys.argv[2:-1], int(sys.argv[-1])
Watch([folder], extra).run(socket.socket(fileno=fd))
"""


class Watching:
    """A watching process, and what it says."""

    def __init__(self, folder: Path, *extra: Path) -> None:
        self.link, theirs = socket.socketpair()
        self.link.settimeout(SECONDS)
        arguments = [str(folder), *map(str, extra), str(theirs.fileno())]
        command = [sys.executable, "-c", PROGRAM, *arguments]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment())
        theirs.close()
        self.lines = self.link.makefile("rb")

    def has_spoken(self) -> bool:
        """Within a second."""
        return bool(select.select([self.link], [], [], 1.0)[0])

    def next(self) -> list[str]:
        """The names that have changed at once."""
        said: list[str] = json.loads(self.lines.readline())
        return [os.path.basename(path) for path in said]

    def __enter__(self) -> Watching:
        assert self.lines.readline().strip() == READY
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.lines.close()
        self.link.close()


def test_python_files_count_and_others_do_not(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / ".git").mkdir()
    with Watching(tmp_path) as watching:
        for name in ("a.txt", "a.pyc", ".a.py.swp", "a.py~", ".git/hook.py", "a.html"):
            (tmp_path / name).write_text("")
        (tmp_path / "package" / "a.py").write_text("")
        assert watching.next() == ["a.py"]
        (tmp_path / "package" / "a.py").rename(tmp_path / "b.py")
        assert set(watching.next()) <= {"a.py", "b.py"}


def test_a_burst_of_changes_is_one(tmp_path):
    with Watching(tmp_path) as watching:
        for number in range(20):
            (tmp_path / f"{number}.py").write_text("")
        seen = watching.next()
        while len(seen) < 20:
            seen += watching.next()
        assert len(seen) == len(set(seen)) == 20


def test_what_is_extra_counts_whatever_it_is_called(tmp_path):
    code, pages, settings = tmp_path / "code", tmp_path / "pages", tmp_path / "settings.toml"
    code.mkdir()
    pages.mkdir()
    settings.write_text("1")
    with Watching(code, pages, settings) as watching:
        (tmp_path / "beside.toml").write_text("")
        (pages / "index.html").write_text("")
        assert watching.next() == ["index.html"]
        for text in "234":
            while not watching.has_spoken():  # for a moment it looks for the file that took the old one's place
                other = tmp_path / "settings.new"
                other.write_text(text)
                other.replace(settings)
            assert watching.next() == ["settings.toml"]


def test_what_cannot_be_watched_is_said(tmp_path):
    watching = Watching(tmp_path / "gone")
    assert watching.lines.readline().startswith(FAILED)
    assert watching.process.wait(SECONDS) == 1
    watching.__exit__()


def test_it_ends_with_its_parent_and_not_with_ctrl_c(tmp_path):
    """A parent that starts it, lets it be interrupted as by Ctrl-C, and is killed."""
    parent = (
        "import os, signal, socket, subprocess, sys\n"
        "ours, theirs = socket.socketpair()\n"
        "command = [sys.executable, '-c', sys.argv[1], sys.argv[2], str(theirs.fileno())]\n"
        "child = subprocess.Popen(command, pass_fds=[theirs.fileno()])\n"
        "ours.recv(100)\n"
        "child.send_signal(signal.SIGINT)\n"
        "open(os.path.join(sys.argv[2], 'a.py'), 'w').close()\n"
        "ours.recv(1000)\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", parent, PROGRAM, str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """It is there, and no zombie that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
