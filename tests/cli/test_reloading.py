"""`salver run --reload` as its users meet it: files change, a port does not, and nobody is left behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import SALVER, SECONDS, environment, refused, until

pytest.importorskip("watchfiles")

ONE = "import os\ndef handler(request):\n    return f'one {os.getpid()}'\n"

SLOW = """
import time
def handler(request):
    if request.path != "/":
        time.sleep(0.8)
    return "one"
"""


class Reloading:
    """A command that runs; `errors` grows as it speaks."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        assert said[0] == "Serving shop:handler, anew whenever a file changes\n", said
        self.port = int(said[1].strip().rstrip("/").rpartition(":")[2])
        self.errors = ""
        self.reading = threading.Thread(target=self._read)
        self.reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        while piece := os.read(self.process.stderr.fileno(), 4_096):
            self.errors += piece.decode()

    def write(self, text: str, name: str = "shop.py") -> None:
        (self.folder / name).write_text(text)

    def get(self, path: str = "/") -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def until_it_says(self, text: str, times: int = 1) -> None:
        until(lambda: self.errors.count(text) >= times)

    def children(self) -> list[int]:
        done = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in done.stdout.split()]

    def end(self, number: int = signal.SIGINT) -> int:
        """Its exit status; none of its children is left."""
        children = self.children()
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self.reading.join(SECONDS)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
        return code


@contextlib.contextmanager
def reloading(folder: Path, *arguments: str, text: str = ONE) -> Iterator[Reloading]:
    (folder / "shop.py").write_text(text)
    process = subprocess.Popen(
        [*SALVER, "run", "shop:handler", "--reload", "-p", "0", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    command = None
    try:
        command = Reloading(process, folder)
        yield command
    finally:
        process.kill()
        process.wait()
        if command is not None:
            command.reading.join(SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def test_a_change_is_served_on_the_same_port(tmp_path):
    with reloading(tmp_path) as command:
        first = command.get()
        assert first.startswith("one ")
        command.write(ONE.replace("one", "two"))
        until(lambda: command.get().startswith("two "))
        assert command.get().split()[1] != first.split()[1]
        command.write(ONE.replace("one", "six"))  # of the same size, and perhaps in the same second
        until(lambda: command.get().startswith("six "))
        assert command.end() == 0
        assert command.errors == "salver: shop.py changed, starting anew\n" * 2


def test_what_a_module_imports_counts_and_is_read_anew(tmp_path):
    (tmp_path / "stock.py").write_text("NAME = 'tray'\n")
    with reloading(tmp_path, text="import stock\ndef handler(request):\n    return stock.NAME\n") as command:
        assert command.get() == "tray"
        command.write("NAME = 'bowl'\n", "stock.py")
        until(lambda: command.get() == "bowl")
        assert command.end() == 0
        assert "salver: stock.py changed, starting anew" in command.errors


def test_a_broken_module_is_shown_and_mended(tmp_path):
    with reloading(tmp_path) as command:
        command.get()
        command.write("def handler(request) return 'two'\n")
        command.until_it_says("waiting for a change")
        assert "SyntaxError: expected ':'" in command.errors
        assert "salver: the module shop cannot be imported; see above why" in command.errors
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(command.get()))  # connects, and waits
        asking.start()
        command.write("1 / 0\n")
        command.until_it_says("ZeroDivisionError")
        command.write("handler = 5\n")
        command.until_it_says("cannot be called")
        command.until_it_says("waiting for a change", 3)
        command.write(ONE.replace("one", "mended"))
        asking.join(SECONDS)
        assert answers and answers[0].startswith("mended ")
        assert command.end() == 0


def test_it_may_begin_broken(tmp_path):
    with reloading(tmp_path, text="import nothing_of_this_name\n") as command:
        command.until_it_says("waiting for a change")
        assert "ModuleNotFoundError" in command.errors
        command.write(ONE)
        until(lambda: command.get().startswith("one "))
        assert command.end() == 0


def test_a_request_in_flight_is_answered_by_the_code_it_met(tmp_path):
    slow = SLOW
    with reloading(tmp_path, text=slow) as command:
        command.get()
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(command.get("/slow")))
        asking.start()
        time.sleep(0.2)  # it is inside its handler
        command.write(slow.replace("one", "two"))
        until(lambda: command.get() == "two")
        asking.join(SECONDS)
        assert answers == ["one"]
        assert command.end() == 0


def test_nobody_is_refused_while_it_starts_anew(tmp_path):
    """Clients that connect all the time, each for one request, while the code changes five times."""
    with reloading(tmp_path) as command:
        command.get()
        wrong: list[BaseException] = []
        seen: set[str] = set()
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                try:
                    seen.add(command.get().split()[0])
                except (OSError, http.client.HTTPException, IndexError) as error:
                    wrong.append(error)
                    return

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        for number in range(5):
            name = f"version{number}"
            command.write(ONE.replace("one", name))
            until(lambda name=name: name in seen or wrong)
        done.set()
        for thread in asking:
            thread.join(SECONDS)
        assert wrong == []
        assert command.end() == 0


def test_an_idle_connection_holds_nothing_up_and_a_fresh_one_is_answered(tmp_path):
    with reloading(tmp_path) as command:
        idle = http.client.HTTPConnection("127.0.0.1", command.port, timeout=SECONDS)
        idle.request("GET", "/")
        idle.getresponse().read()
        fresh = socket.create_connection(("127.0.0.1", command.port), timeout=SECONDS)
        command.write(ONE.replace("one", "two"))
        fresh.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 200 OK" in fresh.recv(4_096)
        until(lambda: command.get().startswith("two "))
        assert idle.sock is not None
        assert idle.sock.recv(1) == b""
        idle.close()
        fresh.close()
        assert command.end() == 0


def test_a_handler_that_does_not_end_does_not_hold_the_change_up(tmp_path):
    stuck = SLOW.replace("0.8", "3600")
    with reloading(tmp_path, text=stuck) as command:
        with socket.create_connection(("127.0.0.1", command.port)) as client:
            client.sendall(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            command.write(ONE)
            until(lambda: command.get().startswith("one "))
        assert command.end() == 0


@pytest.mark.slow
def test_a_server_that_hears_nothing_is_killed(tmp_path):
    with reloading(tmp_path) as command:
        pid = int(command.get().split()[1])
        os.kill(pid, signal.SIGSTOP)
        command.write(ONE.replace("one", "two"))
        until(lambda: not Path(f"/proc/{pid}").exists())
        assert command.get().startswith("two ")
        assert command.end() == 0


def test_a_server_that_was_killed_is_started_by_the_next_change(tmp_path):
    with reloading(tmp_path) as command:
        os.kill(int(command.get().split()[1]), signal.SIGKILL)
        command.until_it_says("the server was ended by SIGKILL; waiting for a change")
        command.write(ONE.replace("one", "two"))
        assert command.get().startswith("two ")
        assert command.end() == 0


def test_it_serves_on_when_nobody_watches_any_more(tmp_path):
    with reloading(tmp_path) as command:
        serving = int(command.get().split()[1])
        (watching,) = [pid for pid in command.children() if pid != serving]
        os.kill(watching, signal.SIGKILL)
        command.until_it_says("the files are not watched any more")
        assert command.get() == f"one {serving}"
        assert command.end() == 0


def test_other_files_count_where_they_are_named(tmp_path):
    (tmp_path / "pages").mkdir()
    reading = (
        "from pathlib import Path\nTEXT = Path('pages/a.html').read_text()\ndef handler(request):\n    return TEXT\n"
    )
    (tmp_path / "pages" / "a.html").write_text("old")
    with reloading(tmp_path, "--reload-path", "pages", text=reading) as command:
        assert command.get() == "old"
        command.write("new", "pages/a.html")
        until(lambda: command.get() == "new")
        assert command.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_with_all_that_it_has_started(tmp_path, number):
    with reloading(tmp_path) as command:
        command.get()
        assert len(command.children()) == 2
        assert command.end(number) == 0
        assert command.errors == ""


def test_ctrl_c_at_a_terminal_reaches_everybody_and_lets_a_request_finish(tmp_path):
    slow = "import time\ndef handler(request):\n    time.sleep(0.6)\n    return 'finished'\n"
    with reloading(tmp_path, text=slow) as command:
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(command.get()))
        asking.start()
        time.sleep(0.3)
        for pid in command.children():
            os.kill(pid, signal.SIGINT)
        assert command.end() == 0
        asking.join(SECONDS)
        assert answers == ["finished"]


def test_a_second_signal_is_in_a_hurry(tmp_path):
    stuck = "import time\ndef handler(request):\n    time.sleep(3600)\n"
    with reloading(tmp_path, text=stuck) as command, socket.create_connection(("127.0.0.1", command.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        command.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert command.process.poll() is None
        began = time.monotonic()
        assert command.end() == 0
        assert time.monotonic() - began < 15  # and not the 30 seconds of a first signal


def test_who_kills_the_parent_leaves_nobody_behind(tmp_path):
    with reloading(tmp_path) as command:
        command.get()
        assert command.end(signal.SIGKILL) == -signal.SIGKILL


def test_a_server_that_ends_by_itself_is_started_by_the_next_change(tmp_path):
    ending = "import os\ndef handler(request):\n    os._exit(7)\n"
    with reloading(tmp_path, text=ending) as command:
        with pytest.raises((OSError, http.client.HTTPException)):
            command.get()
        command.until_it_says("the server has ended with code 7; waiting for a change")
        command.write(ONE)
        until(lambda: command.get().startswith("one "))
        assert command.end() == 0


def test_https_keeps_its_certificate(tmp_path):
    pytest.importorskip("cryptography")
    import ssl

    with reloading(tmp_path, "--tls-self-signed") as command:
        first = ssl.get_server_certificate(("127.0.0.1", command.port))
        command.write(ONE.replace("one", "two"))
        command.until_it_says("starting anew")
        assert ssl.get_server_certificate(("127.0.0.1", command.port)) == first
        assert command.end() == 0


def test_what_does_not_go_together_is_said(tmp_path):
    assert "leave --workers out" in refused("run", "shop:handler", "--reload", "--workers", "2", cwd=tmp_path)
    assert "is for --reload" in refused("run", "shop:handler", "--reload-path", ".", cwd=tmp_path)
    assert "does not name a handler" in refused("run", "shop", "--reload", "-p", "0", cwd=tmp_path)
    assert "no such file or folder" in refused(
        "run", "shop:handler", "--reload", "--reload-path", "gone", "-p", "0", cwd=tmp_path
    )
