"""The command line as its users meet it: processes, what they say, and what they answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from salver import __version__
from salver.cli import main
from salver.cli.words import WORDS, describe
from salver.service.settings import SizeLimits, Timeouts

SALVER = [sys.executable, "-m", "salver"]
SOURCE = str(Path(__file__).resolve().parent.parent / "src")
SECONDS = 20.0  # that anything here may take


def environment(**more: str) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
    return {**known, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **more}


class Running:
    """A server that has said where it is."""

    def __init__(self, process: subprocess.Popen[str], said: list[str]) -> None:
        self.process = process
        self.said = said
        self.urls = [line.strip() for line in said if line.startswith("  ")]

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """(status, header fields by their names in lower case, body)."""
        connection = http.client.HTTPConnection(urlsplit(self.urls[0]).netloc, timeout=SECONDS)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """(exit status, rest of standard output, standard error)."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, output, errors


@contextlib.contextmanager
def salver(
    *arguments: str, cwd: Path | None = None, port: bool = True, fds: Sequence[int] = (), **env: str
) -> Iterator[Running]:
    """A server on a free port, ended at the end; it must not have had anything to say on standard error."""
    command = [*SALVER, *arguments, *(["-p", "0"] if port else [])]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(**env),
        pass_fds=fds,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield Running(process, list(_lines_until_ready(process)))
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
        assert errors == ""
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _lines_until_ready(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.rstrip("\n")
        if line.startswith("Stop it"):
            return
    pytest.fail(f"it ended with {process.wait()}: {process.communicate()[1]}")


def refused(*arguments: str, cwd: Path | None = None, **env: str) -> str:
    """The one line that a command is refused with."""
    done = subprocess.run(
        [*SALVER, *arguments],
        cwd=cwd,
        env=environment(**env),
        text=True,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("salver: ")
    return done.stderr.removeprefix("salver: ").rstrip("\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder to serve, which is the current one of no test."""
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("<p>the index\n")
    (root / "sub" / "page.txt").write_text("a page\n" * 500)
    (root / ".secret").write_text("hidden\n")
    (tmp_path / "outside.txt").write_text("outside\n")
    (root / "link.txt").symlink_to("../outside.txt")
    return root


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    (folder / "shop.py").write_text(
        "import os\n"
        "def handler(request):\n    return {'path': request.path, 'process': os.getpid()}\n"
        "class Kind:\n    def method(self, request):\n        return 'from a method'\n"
        "kind = Kind()\n"
        "number = 5\n"
    )
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    (folder / "failing.py").write_text("def f():\n    return 1 / 0\nf()\n")
    return folder


# What it says


def test_it_says_where_it_is_how_to_stop_it_and_nothing_else(site: Path) -> None:
    with salver(str(site)) as server:
        assert len(server.said) == 3
        assert server.said[0] == f"Serving {site}"
        assert re.fullmatch(r"  http://127\.0\.0\.1:[1-9][0-9]*/", server.said[1])
        assert server.said[2] == "Stop it with Ctrl-C."
        assert server.get() == (200, server.get()[1], b"<p>the index\n")
        assert server.stop() == (0, "", "")


def test_bound_to_all_it_says_every_address(site: Path) -> None:
    with salver(str(site), "-b", "*") as server:
        assert len(server.urls) >= 1
        assert len(set(server.urls)) == len(server.urls)
        assert "http://127.0.0.1:" in "".join(server.urls)
        assert "0.0.0.0" not in "".join(server.urls)


def test_several_addresses(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with salver(str(site), "-b", "127.0.0.1", "-b", f"unix:{path}") as server:
        assert server.urls[1] == f"unix:{path}"
        assert server.get()[0] == 200
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SECONDS)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"


def test_an_address_with_its_own_port(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with salver(str(site), "-b", f"127.0.0.1:{port}", port=False) as server:
        assert server.urls == [f"http://127.0.0.1:{port}/"]


def test_the_sockets_of_systemd(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The process that it is meant for has to be named, and exec keeps the number.
        starter = f"exec env LISTEN_PID=$$ LISTEN_FDS=1 {sys.executable} -m salver {site} 3<&{listener.fileno()}"
        process = subprocess.Popen(
            ["/bin/bash", "-c", starter],
            env=environment(),
            pass_fds=[listener.fileno()],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        server = Running(process, list(_lines_until_ready(process)))
        assert server.urls == [f"http://127.0.0.1:{listener.getsockname()[1]}/"]
        assert server.get()[0] == 200
        assert server.stop() == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_a_signal_ends_it_cleanly(site: Path, number: int, more: list[str]) -> None:
    with salver(str(site), *more) as server:
        assert server.get()[0] == 200
        assert server.stop(number) == (0, "", "")


def test_a_signal_as_soon_as_it_has_spoken(site: Path) -> None:
    for _ in range(3):
        with salver(str(site)) as server:
            status, output, errors = server.stop()
            assert status in (0, 130)
            assert (output, errors) == ("", "")
            server.process.returncode = 0


def test_a_signal_before_it_has_spoken(site: Path) -> None:
    begin = "import sys; from salver.cli import main; print(1, flush=True); sys.exit(main())"
    for delay in (0.005, 0.02, 0.04, 0.08):
        process = subprocess.Popen(
            [sys.executable, "-c", begin, str(site), "-p", "0"],
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
            process.communicate()
        assert errors == ""
        assert process.returncode in (0, -signal.SIGINT)


def test_nobody_reads_what_it_says(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*SALVER, str(site), "-p", str(port)], env=environment(), text=True, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    server = Running(process, [f"  http://127.0.0.1:{port}/"])
    _until(lambda: _answers(port))
    assert server.get()[0] == 200
    assert server.stop()[2] == ""


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


# What is served


def test_the_current_folder_is_the_default(site: Path) -> None:
    with salver(cwd=site) as server:
        assert server.said[0] == f"Serving {site}"
        assert server.get()[2] == b"<p>the index\n"


def test_all_digits_are_a_port(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with salver(str(site), str(port), port=False) as server:
        assert server.urls == [f"http://127.0.0.1:{port}/"]
    with salver(str(port), "--no-listing", str(site), port=False) as server:
        assert server.urls == [f"http://127.0.0.1:{port}/"]


def test_a_folder_whose_name_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "2026").mkdir()
    with salver("./2026", cwd=tmp_path) as server:
        assert server.said[0] == f"Serving {tmp_path}/2026"


def test_a_file_instead_of_a_folder(site: Path) -> None:
    with salver(str(site / "sub" / "page.txt")) as server:
        assert server.get("/")[2] == server.get("/page.txt")[2] == b"a page\n" * 500
        assert server.get("/index.html")[0] == 404


def test_listing_and_no_listing(site: Path) -> None:
    with salver(str(site)) as server:
        assert b"page.txt" in server.get("/sub/")[2]
        entries = json.loads(server.get("/sub/", Accept="application/json")[2])["entries"]
        assert [entry["name"] for entry in entries] == ["page.txt"]
        status, _, body = server.get("/sub/", method="HEAD")
        assert (status, body) == (200, b"")
    with salver(str(site), "--no-listing") as server:
        assert server.get("/sub/")[0] == 404
        assert server.get("/")[0] == 200


def test_hidden(site: Path) -> None:
    with salver(str(site)) as server:
        assert server.get("/.secret")[0] == 404
    with salver(str(site), "--hidden") as server:
        assert server.get("/.secret")[2] == b"hidden\n"


def test_follow_symlinks(site: Path) -> None:
    with salver(str(site)) as server:
        assert server.get("/link.txt")[0] == 404
    with salver(str(site), "--follow-symlinks") as server:
        assert server.get("/link.txt")[2] == b"outside\n"


def test_index(site: Path) -> None:
    with salver(str(site), "--index", "start.html", "--index", "page.txt") as server:
        assert server.get("/sub/")[2] == b"a page\n" * 500
        assert b"index.html" in server.get("/")[2]


def test_spa(site: Path) -> None:
    page = {"Accept": "text/html"}
    with salver(str(site)) as server:
        assert server.get("/users/5", **page)[0] == 404
    with salver(str(site), "--spa") as server:
        assert server.get("/users/5", **page)[2] == b"<p>the index\n"


def test_compress(site: Path) -> None:
    with salver(str(site)) as server:
        assert server.get("/sub/page.txt", Accept_Encoding="gzip")[1]["content-encoding"] == "gzip"
    with salver(str(site), "--no-compress") as server:
        assert "content-encoding" not in server.get("/sub/page.txt", Accept_Encoding="gzip")[1]


def test_header_fields(site: Path) -> None:
    with salver(str(site), "-H", "X-One: 1", "--header", "X-Two:two words ", "--cache", "3600") as server:
        got = server.get()[1]
        assert (got["x-one"], got["x-two"], got["cache-control"]) == ("1", "two words", "max-age=3600")
        assert server.get("/nothing")[1]["x-one"] == "1"
        assert "cache-control" not in server.get("/nothing")[1]


def test_cors(site: Path) -> None:
    with salver(str(site)) as server:
        assert "access-control-allow-origin" not in server.get()[1]
    with salver("--cors", str(site)) as server:  # the folder is not the origin
        assert server.said[0] == f"Serving {site}"
        assert server.get()[1]["access-control-allow-origin"] == "*"
        status, got, _ = server.get(method="OPTIONS", Origin="http://x", Access_Control_Request_Method="GET")
        assert status == 204
        assert got["access-control-allow-origin"] == "*"
    with salver("--cors", "https://example.org", str(site)) as server:
        assert server.get()[1]["access-control-allow-origin"] == "https://example.org"


def test_cgi(site: Path, tmp_path: Path) -> None:
    folders = {"cgi-bin": "/cgi-bin/", "deep/tools": "/deep/tools/"}
    for name in folders:
        (site / name).mkdir(parents=True)
        (site / name / "x.py").write_text(
            "import os\nprint('Content-Type: a/b\\n')\nprint(os.environ['SCRIPT_NAME'])\n"
        )
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "y").write_text("#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n'; wc -c\n")
    (beside / "y").chmod(0o755)
    with salver(str(site), "--cgi") as server:
        assert server.said[0] == f"Serving {site}, scripts at /cgi-bin"
        assert server.get("/cgi-bin/x.py/more")[::2] == (200, b"/cgi-bin/x.py\n")
        assert server.get("/cgi-bin/")[0] == 404
        assert b"import" in server.get("/deep/tools/x.py")[2]
    arguments = ["--cgi=deep/tools", "--cgi", str(beside), "--workers", "2", "--limit-body", "10"]
    with salver(str(site), *arguments) as server:
        assert server.said[0] == f"Serving {site}, scripts at /deep/tools and /beside"
        assert server.get("/deep/tools/x.py")[::2] == (200, b"/deep/tools/x.py\n")
        assert server.get("/beside/y", "POST", Content_Length="11")[0] == 413
        assert server.get("/beside/y")[::2] == (200, b"0\n")


def test_workers(site: Path) -> None:
    with salver(str(site), "--workers", "2") as server:
        assert server.get()[0] == 200
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        if children.exists():
            _until(lambda: len(children.read_text().split()) == 2)
    with salver(str(site), "--workers", "auto") as server:
        assert server.get()[0] == 200


def test_open(site: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" > {tmp_path}/opened.part && mv {tmp_path}/opened.part {tmp_path}/opened\n'
    )
    browser.chmod(0o755)
    with salver(str(site), "--open", BROWSER=str(browser)) as server:
        _until((tmp_path / "opened").exists)
        assert (tmp_path / "opened").read_text().strip() == server.urls[0]


# The log


def test_no_terminal_no_log(site: Path) -> None:
    with salver(str(site)) as server:
        server.get()
        assert server.stop() == (0, "", "")


def test_a_log_on_standard_output(site: Path) -> None:
    with salver(str(site), "--access-log", "-") as server:
        server.get("/sub/?x=1")
        status, output, errors = server.stop()
        assert (status, errors) == (0, "")
        assert re.fullmatch(r'127\.0\.0\.1 - - \[[^]]+\] "GET /sub/\?x=1 HTTP/1\.1" 200 [0-9]+ "-" "-"\n', output)


def test_a_log_in_a_file_and_its_formats(site: Path, tmp_path: Path) -> None:
    for form, expected in (("json", r'\{"time":.*"status":200.*\}\n'), ("{method} {status}%", "GET 200%\n")):
        path = tmp_path / "log"
        path.unlink(missing_ok=True)
        with salver(str(site), "--access-log", str(path), "--log-format", form) as server:
            server.get()
            server.stop()
        assert re.fullmatch(expected, path.read_text())


@pytest.mark.parametrize(("arguments", "logged"), [([], True), (["--no-access-log"], False)])
def test_a_terminal_sees_its_log(site: Path, arguments: list[str], logged: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*SALVER, str(site), "-p", "0", *arguments], env=environment(), text=True, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    server = Running(process, list(_lines_until_ready(process)))
    assert server.get("/")[0] == 200
    server.stop()
    seen = b""
    with contextlib.suppress(OSError):  # how a terminal ends whose other side is closed
        while select.select([ours], [], [], 1.0)[0] and (piece := os.read(ours, 4096)):
            seen += piece
    os.close(ours)
    assert (b'"GET / HTTP/1.1" 200' in seen) == logged
    assert b"Traceback" not in seen


# Limits and time-outs


def test_every_limit_and_timeout_is_an_option() -> None:
    done = subprocess.run(
        [*SALVER, "--help"], env=environment(), text=True, capture_output=True, timeout=SECONDS, check=True
    )
    names = [f"--limit-{each.name}" for each in fields(SizeLimits)] + [
        f"--timeout-{each.name}" for each in fields(Timeouts)
    ]
    for name in names:
        assert f" {name.replace('_', '-')} " in done.stdout


def test_the_help_has_words_for_each() -> None:
    names = {f"limit_{each.name}" for each in fields(SizeLimits)} | {
        f"timeout_{each.name}" for each in fields(Timeouts)
    }
    assert set(WORDS) == names
    assert describe("limit_body", 16 * 1024 * 1024).endswith("past it 413 (16M)")
    assert describe("limit_fields", 100) == "header fields; past it 431 (100)"
    assert describe("timeout_linger", 0.5).endswith("(0.5)")


def test_limits_arrive(site: Path) -> None:
    with salver(str(site), "--limit-request-line", "1K", "--limit-fields", "3", "--timeout-head", "0.5") as server:
        assert server.get("/" + "x" * 900)[0] == 404
        assert server.get("/" + "x" * 1100)[0] == 414
        assert server.get("/", A="1", B="2", C="3")[0] == 431
        with socket.create_connection(("127.0.0.1", urlsplit(server.urls[0]).port or 0), timeout=SECONDS) as silent:
            assert silent.recv(100) == b""


# Handlers


def test_run_a_function(module_folder: Path) -> None:
    with salver("run", "shop:handler", cwd=module_folder) as server:
        assert server.said[0] == "Serving shop:handler"
        assert json.loads(server.get("/a%20b")[2])["path"] == "/a b"


def test_run_an_attribute_of_an_attribute(module_folder: Path) -> None:
    with salver("run", "shop:kind.method", cwd=module_folder) as server:
        assert server.get()[2] == b"from a method"


def test_run_with_workers(module_folder: Path) -> None:
    with salver("run", "shop:handler", "--workers", "2", cwd=module_folder) as server:
        assert json.loads(server.get()[2])["process"] != server.process.pid


def test_a_folder_called_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with salver("./run", cwd=tmp_path) as server:
        assert server.said[0] == f"Serving {tmp_path}/run"


def test_version_and_help() -> None:
    for arguments, expected in (
        (["--version"], f"salver {__version__}\n"),
        (["run", "--version"], f"salver {__version__}\n"),
    ):
        done = subprocess.run(
            [*SALVER, *arguments], env=environment(), text=True, capture_output=True, timeout=SECONDS, check=True
        )
        assert done.stdout == expected
    done = subprocess.run(
        [*SALVER, "run", "--help"], env=environment(), text=True, capture_output=True, timeout=SECONDS, check=True
    )
    assert "MODULE:ATTRIBUTE" in done.stdout


# What is refused


NO_ORIGIN = "is not an origin; give one like https://example.org, or * for all"
REFUSED: list[tuple[list[str], str | None]] = [
    (["nothing/here"], "there is no folder or file nothing/here; give the path of one"),
    (["index.html/x"], "there is no folder or file index.html/x; give the path of one"),
    (["a\nb"], "there is no folder or file a\\nb; give the path of one"),
    (["fifo"], "fifo is neither a folder nor a file; give the path of one"),
    (["a", "b"], "one folder at a time: a or b"),
    (["80", "-p", "81"], "the port is given twice; for a folder whose name is a number, write ./ before it"),
    (["-p", "65536"], "'65536' is not a port; give a number from 0 (any free one) to 65535"),
    (["-p", "٥"], "'٥' is not a port; give a number from 0 (any free one) to 65535"),
    (["99999"], "'99999' is not a port; give a number from 0 (any free one) to 65535"),
    (["--workers", "0"], "'0' is not a number of workers; give 1 or more, or auto"),
    (["--workers", "many"], "'many' is not a number of workers; give 1 or more, or auto"),
    (["-H", "no colon"], "the header 'no colon' has no colon; write it as 'Name: value'"),
    (["-H", "Content-Length: 5"], "the header Content-Length is the server's own; leave it out"),
    (["-H", "ETag: x"], "ETag is worked out for each answer and cannot be set for all; leave it out"),
    (["--cors", "ftp://x"], f"'ftp://x' {NO_ORIGIN}"),
    (["--cors", "https://x/path"], f"'https://x/path' {NO_ORIGIN}"),
    (["--cache", "soon"], "'soon' is not a time; give seconds: 30 or 0.5"),
    (["--cache", "0.5"], "'0.5' is not whole seconds"),
    (["--index", "a/b"], "'a/b' is not a file name for --index; give one like index.html"),
    (["index.html", "--spa"], "--spa is for folders, and index.html is a file; leave it out"),
    (["index.html", "--index", "x"], "--index is for folders, and index.html is a file; leave it out"),
    (["index.html", "--cgi"], "--cgi is for folders, and index.html is a file; leave it out"),
    (["--cgi"], ". has neither cgi-bin nor htbin; name the folder of the scripts: --cgi DIR"),
    (["--cgi", "8000"], ". has neither cgi-bin nor htbin; name the folder of the scripts: --cgi DIR"),
    (["--cgi", "none"], "there is no folder none for --cgi; give the path of one"),
    (["--cgi", "."], "--cgi is for a folder within the one that is served, or beside it, not for all of it"),
    (["--limit-body", "-1"], "'-1' is not a size; give a number, with K, M or G if you like: 16M"),
    (["--limit-body", "1_000"], "'1_000' is not a size; give a number, with K, M or G if you like: 16M"),
    (["--timeout-idle", "nan"], "'nan' is not a time; give seconds: 30 or 0.5"),
    (["--access-log", "nowhere/log"],
     "cannot write the access log nowhere/log: no such file or directory; give another path"),
    (["--access-log", "log", "--no-access-log"], "--access-log and --no-access-log exclude each other; leave one out"),
    (["--frobnicate"], "unrecognized arguments: --frobnicate; see salver --help"),
    (["-b", "unix:"], None),
    (["-b", "[::1"], None),
    (["-b", "host:port"], None),
    (["-b", "192.0.2.1"], None),
    (["-b", "no-such-name.invalid"], None),
    (["-b", "fd:77"], None),
    (["--log-format", "{nothing}"], None),
    (["--log-format", "common"], None),
    (["run"], "the following arguments are required: MODULE:ATTRIBUTE; see salver run --help"),
    (["run", "--spa", "a:b"], "unrecognized arguments: --spa; see salver run --help"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "line"), REFUSED, ids=lambda value: "_".join(value) if isinstance(value, list) else ""
)
def test_what_is_refused(site: Path, arguments: list[str], line: str | None) -> None:
    os.mkfifo(site / "fifo")
    said = refused(*arguments, cwd=site)
    if line is not None:
        assert said == line
    else:
        # Addresses and formats have their words from net and service, and their tests there; here: that they say
        # what was wrong, and not only that something was.
        wrong = arguments[-1].strip("{}")
        assert wrong in said
        assert ";" in said or ":" in said


def test_a_header_with_a_line_feed_is_refused(site: Path) -> None:
    said = refused(str(site), "-H", "X-A: b\r\nX-B: c")
    assert said.startswith("the header 'X-A: b\\r\\nX-B: c' cannot be sent: ")


def test_a_port_that_is_taken(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(str(site), "-p", str(port))
        assert said.startswith(f"cannot listen on 127.0.0.1:{port}: ")
        assert refused(str(site), "-p", str(port), "--workers", "2") == said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and bind everything")
def test_no_permission(site: Path) -> None:
    (site / "sub").chmod(0)
    try:
        said = refused(str(site / "sub"))
    finally:
        (site / "sub").chmod(0o755)
    assert said.endswith("permission denied; give another folder, or the right to it")


def test_no_permission_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from salver.cli import main

    real = os.stat  # what else asks (pytest, coverage) must get its answer: there is one os.stat for all

    def stat(path: Any, **options: Any) -> os.stat_result:
        if path == "/root-only":
            raise PermissionError(13, "Permission denied")
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert main(["/root-only"]) == 2
    assert capsys.readouterr().err == (
        "salver: cannot read /root-only: permission denied; give another folder, or the right to it\n"
    )


def test_a_path_that_no_file_can_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a\0b"]) == 2
    assert capsys.readouterr().err == "salver: a\\x00b is no path: embedded null byte\n"


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("shop", "'shop' does not name a handler; write module:attribute, like shop.app:handler"),
        (":x", "':x' does not name a handler; write module:attribute, like shop.app:handler"),
        ("shap:handler", "there is no module shap here; is this its folder?"),
        ("shop.sub:handler", "there is no module shop.sub here; is this its folder?"),
        (".shop:handler", "'.shop' is a relative module name; write it in full"),
        ("shop:other", "the module shop has no other; it has handler"),
        ("shop:kind.other", "the module shop has no kind.other"),
        ("shop:number", "shop:number is a int, which cannot be called; give a function of a request"),
        ("shop:Kind", "shop:Kind is a class; give a function, or an object that can be called"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_a_handler_that_is_none(module_folder: Path, target: str, line: str, more: list[str]) -> None:
    assert refused("run", target, *more, cwd=module_folder) == line


@pytest.mark.parametrize(
    ("target", "error"),
    [("broken:x", "No module named 'nothing_of_this_name'"), ("failing:x", "ZeroDivisionError: division by zero")],
)
def test_a_module_that_fails_shows_its_own_frames_alone(module_folder: Path, target: str, error: str) -> None:
    done = subprocess.run(
        [*SALVER, "run", target],
        cwd=module_folder,
        env=environment(),
        text=True,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert error in done.stderr
    assert "loading.py" not in done.stderr
    assert "importlib" not in done.stderr
    module = target.partition(":")[0]
    assert done.stderr.endswith(f"salver: the module {module} cannot be imported; see above why\n")


@pytest.mark.bench
def test_the_first_response_comes_soon(site: Path) -> None:
    def once() -> float:
        begun = time.monotonic()
        with salver(str(site)) as server:
            server.get()
            return time.monotonic() - begun

    assert min(once() for _ in range(5)) < 0.15
