"""What is refused: one line that says what to do, and exit status 2."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from salver.cli import main
from tests.cli.commands import (
    SALVER,
    SECONDS,
    environment,
    refused,
    salver,
)

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
    assert capsys.readouterr().err == "salver: a\\x00b is a path that no file can have; give another\n"


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("shop", "'shop' does not name a handler; write module:attribute, like shop.app:handler"),
        (":x", "':x' does not name a handler; write module:attribute, like shop.app:handler"),
        ("shap:handler", "there is no module shap here; is this its folder?"),
        ("shop.py:handler", "'shop.py:handler' names a file; name its module: shop:handler"),
        ("./web/shop.py:handler", "'./web/shop.py:handler' names a file; name its module: web.shop:handler"),
        (
            "/srv/shop.py:handler",
            "'/srv/shop.py:handler' names a file; name its module: shop:handler, in the folder /srv",
        ),
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
    [
        ("broken:x", "No module named 'nothing_of_this_name'"),
        ("failing:x", "ZeroDivisionError: division by zero"),
        ("conflicting:x", "RouteConflict: "),  # a ValueError, as a path that cannot be read is
        ("misfit:x", "ViewError: "),  # a TypeError
    ],
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


@pytest.mark.parametrize(("code", "said"), [("3", ""), ("'no secret is set'", ": no secret is set")])
def test_a_module_that_ends_the_program_is_named(tmp_path: Path, code: str, said: str) -> None:
    (tmp_path / "ending.py").write_text(f"import sys\nsys.exit({code})\n")
    line = f"the module ending ends the program while it is imported{said}"
    assert refused("run", "ending:x", cwd=tmp_path) == line


@pytest.mark.bench
def test_the_first_response_comes_soon(site: Path) -> None:
    def once() -> float:
        begun = time.monotonic()
        with salver(str(site)) as server:
            server.get()
            return time.monotonic() - begun

    assert min(once() for _ in range(5)) < 0.15
