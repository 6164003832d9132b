"""Programs that others wrote for CGI: git's server, PHP, Perl, and C."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salver.gateway import CGIFolder, CGIScript
from salver.service.server import Server
from tests.gateway.support import body_of, children, eventually, exchange, get, script

Program = Callable[[str], str]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert eventually(lambda: not children()), "a process was left"


# C, Perl, PHP


def test_a_compiled_program(tmp_path: Path, program: Program) -> None:
    source = tmp_path / "hello.c"
    source.write_text(
        "#include <stdio.h>\n#include <stdlib.h>\n"
        'int main(void) { printf("Content-Type: text/plain\\r\\n\\r\\n%s", getenv("QUERY_STRING")); return 0; }\n'
    )
    subprocess.run([program("gcc"), "-o", tmp_path / "hello", source], check=True)
    with Server(CGIFolder(tmp_path), "127.0.0.1:0") as server:
        assert body_of(get(server, "/hello?a=b")) == b"a=b"
        assert get(server, "/hello.c").startswith(b"HTTP/1.1 403")


def test_a_perl_script(tmp_path: Path, program: Program) -> None:
    script(
        tmp_path,
        "x.pl",
        f"#!{program('perl')}\nuse strict;\nread(STDIN, my $body, $ENV{{CONTENT_LENGTH}});\n"
        'print "Content-Type: text/plain\\n\\n", scalar reverse($body), " $ENV{PATH_INFO}";\n',
    )
    with Server(CGIFolder(tmp_path), "127.0.0.1:0") as server:
        asked = b"POST /x.pl/more HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
        assert body_of(exchange(server, asked)) == b"cba /more"


@pytest.fixture
def php(tmp_path: Path, program: Program) -> Iterator[Server]:
    script(
        tmp_path,
        "x.php",
        "<?php header('X-Name: v'); if (isset($_GET['s'])) http_response_code(404);"
        " echo $_POST['a'] ?? 'none', '|', $_GET['q'] ?? '', '|', $_SERVER['PATH_INFO'] ?? '', '|', PHP_SAPI; ?>",
        0o644,
    )
    (tmp_path / "x.php").write_text((tmp_path / "x.php").read_text().removeprefix("#!/bin/sh\n"))
    handler = CGIFolder(tmp_path, interpreters={".php": [program("php-cgi")]})
    with Server(handler, "127.0.0.1:0") as server:
        yield server


def test_a_php_script(php: Server) -> None:
    answer = get(php, "/x.php/info?q=1")
    assert b"none|1|/info|cgi-fcgi" in answer and b"X-Name: v" in answer and answer.startswith(b"HTTP/1.1 200")
    assert get(php, "/x.php?s=1").startswith(b"HTTP/1.1 404")


def test_a_php_form(php: Server) -> None:
    asked = (
        b"POST /x.php HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 7\r\nConnection: close\r\n\r\na=hello"
    )
    assert b"hello|||" in exchange(php, asked)


@pytest.mark.parametrize("query", ["-s", "-s+-d+x", "-h", "%2ds", "-d+allow_url_include%3d1"])
def test_a_query_never_becomes_arguments(php: Server, query: str) -> None:
    """CVE-2012-1823: `?-s` shows the source, where a query becomes arguments."""
    answer = get(php, "/x.php?" + query)
    assert b"none|||cgi-fcgi" in answer and b"http_response_code" not in answer and b"Usage" not in answer


# git


@pytest.fixture
def git(tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run git, without the settings of whoever runs the tests."""
    path = program("git")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")

    def run(*arguments: str | Path, at: Path = tmp_path) -> str:
        done = subprocess.run(
            [path, *who, *arguments], cwd=at, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, f"git {arguments}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def git_server(tmp_path: Path, git: Callable[..., str]) -> Iterator[Server]:
    """A server of the repositories in tmp_path/git, one of which has three commits."""
    root, work = tmp_path / "git", tmp_path / "work"
    root.mkdir()
    git("init", "--bare", root / "a.git")
    git("-C", root / "a.git", "config", "http.receivepack", "true")
    git("clone", root / "a.git", work)
    for number in range(3):
        (work / "file").write_text(f"{number}\n")
        git("add", ".", at=work)
        git("commit", "-m", f"commit {number}", at=work)
    git("push", "origin", "HEAD:main", at=work)
    backend = Path(git("--exec-path").strip()) / "git-http-backend"
    if not backend.exists():
        pytest.skip("needs git-http-backend, which is not installed")
    environment = {"GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "GIT_CONFIG_NOSYSTEM": "1"}
    handler = CGIScript(backend, environment=environment)
    with Server(handler, "127.0.0.1:0") as server:
        yield server


def test_git_clone_fetch_push_and_a_shallow_clone(git_server: Server, git: Callable[..., str], tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{git_server.port}/a.git"
    git("clone", "-b", "main", url, tmp_path / "clone")
    git("clone", "-b", "main", "--depth", "1", url, tmp_path / "shallow")
    assert git("rev-list", "--count", "HEAD", at=tmp_path / "clone").strip() == "3"
    assert git("rev-list", "--count", "HEAD", at=tmp_path / "shallow").strip() == "1"
    (tmp_path / "clone" / "more").write_text("more\n")
    git("add", ".", at=tmp_path / "clone")
    git("commit", "-m", "more", at=tmp_path / "clone")
    git("push", "origin", "HEAD:main", at=tmp_path / "clone")
    git("fetch", "--unshallow", at=tmp_path / "shallow")
    git("merge", "--ff-only", "origin/main", at=tmp_path / "shallow")
    assert (tmp_path / "shallow" / "more").read_text() == "more\n"
    assert git("rev-list", "--count", "HEAD", at=tmp_path / "shallow").strip() == "4"
    assert get(git_server, "/none.git/info/refs?service=git-upload-pack").startswith(b"HTTP/1.1 404")


@pytest.mark.slow
def test_git_push_and_clone_of_some_hundred_megabytes(
    git_server: Server, git: Callable[..., str], tmp_path: Path
) -> None:
    """A pack of 200 MB, pushed in chunks (git does so past 1 MB) and cloned; random, so that nothing shrinks it."""
    url, work = f"http://127.0.0.1:{git_server.port}/a.git", tmp_path / "work"
    digest = hashlib.sha256()
    with (work / "large").open("wb") as large:
        for _ in range(200):
            piece = os.urandom(1024 * 1024)
            digest.update(piece)
            large.write(piece)
    git("-c", "core.compression=0", "add", ".", at=work)
    git("-c", "core.compression=0", "commit", "-m", "large", at=work)
    git("-c", "core.compression=0", "push", url, "HEAD:main", at=work)
    git("clone", "-b", "main", "--depth", "1", url, tmp_path / "clone")
    with (tmp_path / "clone" / "large").open("rb") as large:
        assert hashlib.file_digest(large, "sha256").digest() == digest.digest()
