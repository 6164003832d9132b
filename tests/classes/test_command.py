"""`python -m salver.server` as a process, beside `python -m http.server` where that has the same options."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.classes.command import test as serve_until_interrupted
from salver.server import BaseHTTPRequestHandler, HTTPServer
from tests.classes.running import get, until_closed
from tests.gateway.support import script

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
OURS, THEIRS = "salver.server", "http.server"
Keys = tuple[Path, Path]


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-u", "-W", "ignore", "-m", module, *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": SOURCE, "COLUMNS": "100", "NO_COLOR": "1"}


class Served:
    """A command that has said where it serves."""

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self.process = process
        self.line = line
        matched = re.search(r"\((https?)://(.*):([0-9]+)/\)", line)
        assert matched, line
        self.scheme, self.host, self.port = matched[1], matched[2].strip("[]"), int(matched[3])

    def ask(self, sent: bytes) -> bytes:
        with socket.create_connection((self.host, self.port), timeout=20) as sock:
            sock.sendall(sent)
            return until_closed(sock)

    def stop(self) -> tuple[str, str]:
        """What else it says on Ctrl-C, on standard output and on standard error."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)


@contextlib.contextmanager
def serving(module: str, *arguments: str, cwd: Path) -> Iterator[Served]:
    process = subprocess.Popen(
        command(module, *arguments, "0"),
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        yield Served(process, process.stdout.readline())
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def refused(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(module, *arguments), cwd=cwd, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("the index")
    (tmp_path / "unknown.qqq").write_text("?")
    script(tmp_path, "cgi-bin/hello.sh", "printf 'Content-Type: text/plain\\n\\nhello'")
    return tmp_path


def masked(text: str) -> list[str]:
    """Lines, less the port and the time."""
    text = re.sub(r"port [0-9]+ ", "port N ", re.sub(r":[0-9]+/\)", ":N/)", text))
    return re.sub(r"\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4} [0-9:]{8}\]", "[when]", text).splitlines()


def story(module: str, arguments: tuple[str, ...], cwd: Path) -> list[str]:
    """Everything that a command says, asked for a file, for one that is not there, and by a method that is not."""
    with serving(module, *arguments, cwd=cwd) as served:
        for request in (get("/"), get("/nothing"), get("/", method="PUT"), get("/", method="HEAD")):
            served.ask(request)
        output, errors = served.stop()
        assert served.process.returncode == 0
    return [*masked(served.line), *masked(output), *masked(errors)]


@pytest.mark.parametrize(
    "arguments",
    [("-b", "127.0.0.1"), ("--bind", "127.0.0.1", "-d", "."), ("-b", "127.0.0.1", "-p", "HTTP/1.1")],
    ids=["bind", "directory", "protocol"],
)
def test_it_says_what_the_original_says(arguments: tuple[str, ...], site: Path) -> None:
    ours, theirs = (story(module, arguments, site) for module in (OURS, THEIRS))
    put = next(line for line in ours if '"PUT ' in line)
    assert put.endswith(" 405 -")  # the one difference: a method that this class does not have
    alike = [line.replace("405", "501") for line in ours]
    assert alike == theirs


def test_on_every_address_it_says_the_same(site: Path) -> None:
    said = []
    for module in (OURS, THEIRS):
        with serving(module, cwd=site) as served:
            said.append(masked(served.line))
            with socket.create_connection(("127.0.0.1", served.port), timeout=20) as sock:  # IPv4, too
                sock.sendall(get())
                assert until_closed(sock).endswith(b"the index")
    assert said[0] == said[1]


@pytest.mark.parametrize("arguments", [("--nothing",), ("port",), ("-b",), ("1", "2")])
def test_what_is_no_command_is_refused_alike(arguments: tuple[str, ...], site: Path) -> None:
    ours, theirs = (refused(module, *arguments, cwd=site) for module in (OURS, THEIRS))
    assert ours.returncode == theirs.returncode == 2
    assert ours.stderr.splitlines()[-1] == theirs.stderr.splitlines()[-1].replace(THEIRS, OURS)


def test_its_help_has_every_option_of_the_original(site: Path) -> None:
    ours, theirs = (refused(module, "--help", cwd=site).stdout for module in (OURS, THEIRS))
    options = set(re.findall(r"(?m)^  (-.*?)(?:  |$)", theirs))
    assert options <= set(re.findall(r"(?m)^  (-.*?)(?:  |$)", ours))
    newest = {"--cgi", "--tls-cert PATH", "--tls-key PATH", "--tls-password-file PATH"}
    assert newest <= set(re.findall(r"(?m)^  (-.*?)(?:  |$)", ours))


def test_tls(site: Path, tls_pair: Keys, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" unused\n")
    cert, key = map(str, tls_pair)
    arguments = ["--tls-cert", cert, "--tls-key", key, "--tls-password-file", str(tmp_path / "password")]
    with serving(OURS, "-b", "127.0.0.1", *arguments, cwd=site) as served:
        assert masked(served.line) == ["Serving HTTPS on 127.0.0.1 port N (https://127.0.0.1:N/) ..."]
        trusting = ssl.create_default_context(cafile=cert)
        with urllib.request.urlopen(f"https://127.0.0.1:{served.port}/", context=trusting, timeout=20) as response:
            assert response.read() == b"the index"


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("--tls-key", "k.pem"), 2, "--tls-key requires --tls-cert to be set"),
        (("--tls-password-file", "p"), 2, "--tls-password-file requires --tls-cert to be set"),
        (
            ("--tls-cert", "CERT", "--tls-password-file", "nothing"),
            2,
            "Failed to read TLS password file: [Errno 2] No such file or directory: 'nothing'",
        ),
        (("--tls-cert", "nothing.pem", "0"), 1, "nothing.pem: no such file"),
        (("--tls-cert", "index.html", "0"), 1, "index.html holds no certificate"),
        (("-H", "A b", "c"), 2, "--header: "),
        (("-H", "A", "b\r\nc: d"), 2, "--header: "),
        (("-b", "127.0.0.1", "TAKEN"), 1, "cannot listen on 127.0.0.1, port "),
        (("-b", "no.such.host.invalid", "0"), 1, "cannot listen on no.such.host.invalid"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: tuple[str, ...], status: int, text: str, site: Path, tls_pair: Keys
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {"CERT": str(tls_pair[0]), "TAKEN": str(taken.getsockname()[1])}
        done = refused(OURS, *(places.get(each, each) for each in arguments), cwd=site)
    assert done.returncode == status and "Traceback" not in done.stderr
    assert text in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_fields_and_types(protocol: str, site: Path) -> None:
    given = ["-p", protocol, "-H", "X-One", "1", "--header", "X-Two", "2", "--content-type", "text/x-unknown"]
    with serving(OURS, "-b", "127.0.0.1", *given, cwd=site) as served:
        for path in ("/", "/unknown.qqq", "/cgi-bin/"):
            head = served.ask(get(path)).partition(b"\r\n\r\n")[0]
            assert b"\r\nX-One: 1\r\nX-Two: 2" in head
        assert b"X-One" not in served.ask(get("/nothing"))
        assert b"\r\nContent-type: text/x-unknown\r\n" in served.ask(get("/unknown.qqq"))
        assert b"\r\nContent-type: text/html\r\n" in served.ask(get("/"))


def test_cgi(site: Path) -> None:
    for arguments, answer in ((("--cgi",), b"\r\n\r\nhello"), ((), b"hello'")):
        with serving(OURS, "-b", "127.0.0.1", *arguments, cwd=site) as served:
            assert served.ask(get("/cgi-bin/hello.sh")).endswith(answer)


def test_the_function_that_serves_a_class(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted(HTTPServer):
        def serve_forever(self, poll_interval: float = 0.5) -> None:
            raise KeyboardInterrupt

    class Handler(BaseHTTPRequestHandler):
        pass

    with pytest.raises(SystemExit) as ended:
        serve_until_interrupted(
            HandlerClass=Handler, ServerClass=Interrupted, bind="127.0.0.1", port=0, protocol="HTTP/1.1"
        )
    assert ended.value.code == 0 and Handler.protocol_version == "HTTP/1.1"
    said: Any = masked(capsys.readouterr().out)
    assert said == [
        "Serving HTTP on 127.0.0.1 port N (http://127.0.0.1:N/) ...",
        "",
        "Keyboard interrupt received, exiting.",
    ]
