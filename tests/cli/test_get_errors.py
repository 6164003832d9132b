"""How `salver get` ends when something is wrong: curl's exit status, and one line that says what to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from salver.net.certificates import TLSFiles
from salver.request import Request
from salver.service.server import Server
from salver.service.settings import Settings
from tests.cli.getting import answer, canned, get

HERE = "http://127.0.0.1:1/"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: URL"),
        ([HERE, "--nothing"], "unrecognized arguments: --nothing"),
        ([HERE, HERE], "unrecognized arguments"),
        ([HERE, "-H", "no colon"], "the header 'no colon' has no colon; write it as 'Name: value'"),
        ([HERE, "-H", "A: b\nC: d"], "cannot be sent"),
        ([HERE, "-X", "GE T"], "'GE T' is no method"),
        ([HERE, "-d", "a", "--json", "1"], "-d and --json say two things of what is sent; give one of them"),
        ([HERE, "-G", "--json", "1"], "-G puts what -d gives into the query; leave --json out"),
        ([HERE, "-I", "-d", "a"], "-I asks for the header fields alone"),
        ([HERE, "-F", "a"], "has no name; write it as name=value, or name=@FILE"),
        ([HERE, "-b", "jar.txt"], "the cookie 'jar.txt' has no value; write it as name=value"),
        ([HERE, "-o", "a", "-O"], "-o and -O name two files; give one of them"),
        ([HERE, "-J"], "-J says how -O finds the name; give both"),
        ([HERE, "-C", "5", "-o", "x"], "-C - finds out itself where to go on; give the dash"),
        ([HERE, "-C", "-"], "-C - goes on with a file; say which, with -o or -O"),
        ([HERE, "-k", "--cacert", "x"], "-k takes any certificate; leave --cacert out"),
        ([HERE, "--key", "x"], "--key belongs to a certificate; give --cert, too"),
        ([HERE, "-m", "0"], "a time limit is above 0 seconds; leave it out for none"),
        ([HERE, "-m", "soon"], "'soon' is not a time; give seconds: 30 or 0.5"),
        ([HERE, "--retry", "-1"], "is not a number of times"),
        ([HERE, "-x", "gopher://p"], "a proxy is"),
    ],
)
def test_usage(arguments: list[str], said: str) -> None:
    done = get(*arguments)
    assert done.status == 2
    assert done.output == b""
    assert said in done.errors
    assert done.errors.count("\n") == 1
    assert done.errors.startswith("salver: ")


@pytest.mark.parametrize("url", ["ftp://a/", "http://a b/", "http://", "http://a:99999/", "http://[::1/", "a\x1b[31m"])
def test_urls(url: str) -> None:
    done = get(url)
    assert done.status == 3
    assert "\x1b" not in done.errors
    assert "s3cret" not in get(url.replace("http://", "http://me:s3cret@")).errors


def test_files_to_send_that_are_not_there() -> None:
    for arguments in (["-d", "@nothing"], ["-T", "nothing"], ["-F", "a=@nothing"], ["--json", "@nothing"]):
        done = get(HERE, *arguments)
        assert (done.status, done.errors) == (26, "salver: cannot read nothing: no such file or directory\n")


def test_no_server_and_no_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = get(f"http://127.0.0.1:{port}/")
    assert done.status == 7
    assert "does a server listen there?" in done.errors
    assert get("http://name.invalid/").status == 6
    assert get("http://a/", "--unix-socket", "/nothing/there").status == 7
    assert get("http://a/", "-x", f"http://127.0.0.1:{port}").status == 7
    assert get(f"http://127.0.0.1:{port}/", "-s").errors == ""
    assert get(f"http://127.0.0.1:{port}/", "-sS").errors != ""


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"", 56),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 56),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 8),
        (b"no HTTP at all\r\n\r\n", 8),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, 63),
        (answer(b"no gzip", "Content-Encoding: gzip"), 61),
        (answer(b"", "Location: /", status="302 Found") * 30, 47),
        (answer(b"", "Location: file:///etc/passwd", status="302 Found"), 8),
    ],
)
def test_bad_answers(reply: bytes, status: int) -> None:
    with canned(*[reply] * 25) as server:
        done = get(server.url, "--retry", "0")
    assert done.status == status
    assert done.errors.count("\n") == 1


def test_statuses() -> None:
    with canned(*[answer(b"page", status="404 Not Found")] * 2) as server:
        done = get(f"{server.url}/x")
        assert (done.status, done.output, done.errors) == (0, b"page", "")
        done = get(f"{server.url}/x", "-f")
    assert (done.status, done.output) == (22, b"")
    assert "404 Not Found" in done.errors


def test_too_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert get(url, "-m", "0.2").status == 28


def test_retries() -> None:
    busy = answer(b"", "Retry-After: 0", status="503 Service Unavailable")
    with canned(busy, busy, answer(b"ok")) as server:
        assert get(server.url, "--retry", "2").output == b"ok"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with canned(answer(b"x")) as server:
        done = get(server.url, "-o", str(tmp_path / "no" / "file"))
    assert done.status == 23
    assert "no such file or directory" in done.errors


# TLS


def hello(request: Request) -> str:
    return "hello"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(URL of a server that speaks TLS, its authority's certificate beside those of others)."""
    folder = tmp_path_factory.mktemp("tls")
    made = trustme.CA()
    made.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued = made.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    files = TLSFiles(folder / "server.pem", folder / "server.pem")
    server = Server(hello, "127.0.0.1:0", settings=Settings.of(tls=files))
    server.start()
    try:
        yield f"https://localhost:{server.port}/", folder
    finally:
        server.stop(2)


def test_tls(authority: tuple[str, Path]) -> None:
    url, folder = authority
    assert get(url, "--cacert", str(folder / "authority.pem")).output == b"hello"
    assert get(url, "-k").output == b"hello"
    assert get(url, SSL_CERT_FILE=str(folder / "authority.pem")).output == b"hello"
    done = get(url)
    assert done.status == 60
    assert "--cacert" in done.errors
    done = get(url.replace("localhost", "127.0.0.1"), "--cacert", str(folder / "authority.pem"))
    assert done.status == 60


def test_tls_with_files_that_are_of_no_use(authority: tuple[str, Path]) -> None:
    url, folder = authority
    done = get(url, "--cacert", "/nothing/there")
    assert (done.status, "/nothing/there" in done.errors) == (77, True)
    done = get(url, "-k", "--cert", str(folder / "authority.pem"))
    assert (done.status, "authority.pem" in done.errors) == (58, True)


def test_tls_with_what_does_not_speak_it() -> None:
    server = Server(hello, "127.0.0.1:0")
    server.start()
    try:
        done = get(f"https://127.0.0.1:{server.port}/")
    finally:
        server.stop(2)
    assert done.status == 35
    assert "does not speak TLS" in done.errors


def test_an_interrupt_leaves_what_can_be_gone_on_with(tmp_path: Path) -> None:
    import signal
    import subprocess

    from tests.cli.commands import SALVER, environment, until

    start = answer(bytes(100_000), 'ETag: "v1"')[:60_000]
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/b"
        process = subprocess.Popen(
            [*SALVER, "get", url, "-o", "b"], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE
        )
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(start)
            part = tmp_path / "b.part"
            until(lambda: part.exists() and part.stat().st_size > 0)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, b"")
    assert sorted(os.listdir(tmp_path)) == ["b.part", "b.part.json"]
