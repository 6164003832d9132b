"""`salver get`: what it asks, what it writes, and where."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.request import Request
from salver.response import Response
from salver.service.server import Server
from tests.cli.commands import SALVER, SECONDS, environment
from tests.cli.getting import answer, canned, get

BLOB = bytes(range(256)) * 400


def mirror(request: Request) -> Any:
    """What was asked, as JSON; or what the path says."""
    if request.path == "/blob":
        return Response(BLOB, headers={"ETag": '"blob"', "Content-Type": "application/octet-stream"})
    if request.path == "/missing":
        return Response(b"<h1>gone</h1>", status=404)
    if request.path == "/away":
        return Response(b"", status=302, headers={"Location": "/there", "Set-Cookie": "seen=1"})
    told = {
        "method": request.method,
        "target": request.target,
        "headers": {name: value for name, value in request.headers.items() if name != "host"},
        "body": request.body.decode("latin-1"),
    }
    return Response(json.dumps(told).encode(), headers={"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = Server(mirror, "127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop(2)


def asked(*arguments: str, **more: Any) -> dict[str, Any]:
    done = get(*arguments, **more)
    assert (done.status, done.errors) == (0, "")
    told: dict[str, Any] = json.loads(done.output)
    return told


def test_a_plain_get(url: str) -> None:
    told = asked(f"{url}/x?y=z#fragment")
    assert (told["method"], told["target"], told["body"]) == ("GET", "/x?y=z", "")
    assert told["headers"]["user-agent"].startswith("salver/")
    assert "gzip" in told["headers"]["accept-encoding"]
    assert "authorization" not in told["headers"]


def test_short_urls(url: str) -> None:
    assert asked(url.removeprefix("http://") + "/x")["target"] == "/x"
    assert asked(url.removeprefix("http://127.0.0.1") + "/x")["target"] == "/x"


def test_fields(url: str) -> None:
    own = ["-H", "X-A: 1", "-H", "X-Empty;", "-H", "Accept:", "-A", "me", "-e", "http://from/", "-b", "a=b; c=d"]
    headers = asked(url, *own, "-b", "e=f", "--no-compressed")["headers"]
    assert headers["x-a"] == "1"
    assert headers["x-empty"] == ""
    assert "accept" not in headers
    assert headers["user-agent"] == "me"
    assert headers["referer"] == "http://from/"
    assert headers["cookie"] == "a=b; c=d; e=f"
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("arguments", "method", "kind", "body"),
    [
        (["-d", "a=1", "-d", "b=2"], "POST", "application/x-www-form-urlencoded", "a=1&b=2"),
        (["-d", "@lines"], "POST", "application/x-www-form-urlencoded", "onetwo"),
        (["--data-binary", "@lines"], "POST", "application/x-www-form-urlencoded", "one\ntwo\n"),
        (["--data-raw", "@lines"], "POST", "application/x-www-form-urlencoded", "@lines"),
        (["-d", "@-"], "POST", "application/x-www-form-urlencoded", "typed"),
        (["-d", "x", "-X", "PATCH", "-H", "Content-Type: text/plain"], "PATCH", "text/plain", "x"),
        (["--json", '{"a":1}'], "POST", "application/json", '{"a":1}'),
        (["--json", "@lines"], "POST", "application/json", "one\ntwo\n"),
        (["-T", "lines"], "PUT", None, "one\ntwo\n"),
        (["-T", "-"], "PUT", None, "typed\n"),
    ],
)
def test_what_is_sent(url: str, tmp_path: Path, arguments: list[str], method: str, kind: str | None, body: str) -> None:
    (tmp_path / "lines").write_text("one\ntwo\n")
    told = asked(f"{url}/up", *arguments, cwd=tmp_path, stdin=b"typed\n")
    assert (told["method"], told["headers"].get("content-type"), told["body"]) == (method, kind, body)


def test_json_is_asked_for_where_it_is_sent(url: str) -> None:
    assert asked(url, "--json", "{}")["headers"]["accept"] == "application/json"


def test_data_in_the_query(url: str) -> None:
    told = asked(f"{url}/x?a=1#f", "-G", "-d", "b=2", "-d", "c=d e")
    assert (told["method"], told["target"], told["body"]) == ("GET", "/x?a=1&b=2&c=d%20e", "")


def test_a_form(url: str, tmp_path: Path) -> None:
    (tmp_path / "menu;x.txt").write_text("soup")
    parts = [
        "-F",
        "title=A menu; type=x",
        "-F",
        "file=@menu;x.txt;type=text/soup;filename=m.txt",
        "-F",
        "t=<menu;x.txt",
    ]
    told = asked(url, *parts, cwd=tmp_path)
    body = told["body"]
    assert told["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert 'name="title"\r\n\r\nA menu; type=x\r\n' in body
    assert 'name="file"; filename="m.txt"\r\nContent-Type: text/soup\r\n\r\nsoup\r\n' in body
    assert 'name="t"\r\n\r\nsoup\r\n' in body


def test_who_asks(url: str) -> None:
    assert asked(url, "-u", "me:s3cret:x")["headers"]["authorization"] == "Basic bWU6czNjcmV0Ong="
    assert asked(url, "--oauth2-bearer", "t0ken")["headers"]["authorization"] == "Bearer t0ken"
    assert asked(url.replace("//", "//me:pw@"))["headers"]["authorization"] == "Basic bWU6cHc="


def test_redirects(url: str) -> None:
    told = asked(f"{url}/away", "-L")
    assert told["target"] == "/there"
    assert told["headers"]["cookie"] == "seen=1"
    done = get(f"{url}/away", "--no-location", "-i")
    assert (done.status, done.output.split(b"\r\n")[0]) == (0, b"HTTP/1.1 302 Found")
    assert get(f"{url}/away", "-i").output.count(b"HTTP/1.1 ") == 2


def test_the_head(url: str) -> None:
    done = get(f"{url}/blob", "-i")
    head, _, body = done.output.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'ETag: "blob"' in head
    assert body == BLOB
    assert get(f"{url}/blob", "-I").output.endswith(b"\r\n\r\n")


def test_verbose_shows_no_secret(url: str) -> None:
    done = get(f"{url}/away", "-v", "-u", "me:s3cret", "-b", "k=s3cret", "-o", os.devnull)
    assert done.output == b""
    assert "> GET /away HTTP/1.1\n" in done.errors
    assert "> Authorization: [hidden]\n" in done.errors
    assert "> Cookie: [hidden]\n" in done.errors
    assert "< Location: /there\n" in done.errors
    assert "s3cret" not in done.errors
    assert "bWU6" not in done.errors


def test_bytes_go_through_a_pipe_as_they_are(url: str) -> None:
    assert get(f"{url}/blob").output == BLOB
    assert get(f"{url}/blob", "-o", "-").output == BLOB
    headers = asked(f"{url}/x", "-r", "5-9")["headers"]
    assert (headers["range"], headers["accept-encoding"]) == ("bytes=5-9", "identity")


def test_an_output_that_is_closed(url: str) -> None:
    command = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *SALVER, "get", f"{url}/blob", "-i"]
    done = subprocess.run(command, env=environment(), stderr=subprocess.PIPE, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_leaves(url: str) -> None:
    process = subprocess.Popen(
        [*SALVER, "get", f"{url}/blob"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (23, b"")


# Files


def test_a_file(url: str, tmp_path: Path) -> None:
    for arguments in (["-o", "here"], ["-O"], ["-OJ"], ["-o", "."]):
        done = get(f"{url}/blob?x", *arguments, cwd=tmp_path)
        assert (done.status, done.output) == (0, b"")
        name = "here" if arguments[-1] == "here" else "blob"
        assert os.listdir(tmp_path) == [name]
        assert (tmp_path / name).read_bytes() == BLOB
        (tmp_path / name).unlink()


def test_fields_for_a_file(url: str, tmp_path: Path) -> None:
    assert get(f"{url}/x", "-o", "x", "-H", "Accept:", "-H", "X-A: 1", cwd=tmp_path).status == 0
    headers = json.loads((tmp_path / "x").read_text())["headers"]
    assert "accept" not in headers
    assert (headers["x-a"], headers["accept-encoding"]) == ("1", "identity")


def test_no_name_for_a_file(url: str, tmp_path: Path) -> None:
    done = get(f"{url}/", "-O", cwd=tmp_path)
    assert done.status == 2
    assert "does not end in a name" in done.errors


def test_an_error_page_is_no_file(url: str, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("old")
    done = get(f"{url}/missing", "-o", "here", cwd=tmp_path)
    assert done.status == 22
    assert "404" in done.errors
    assert (tmp_path / "here").read_text() == "old"
    assert get(f"{url}/missing", "-o", "here", "-d", "x", cwd=tmp_path).status == 22
    assert os.listdir(tmp_path) == ["here"]


def test_the_answer_to_a_post_in_a_file(url: str, tmp_path: Path) -> None:
    assert get(f"{url}/x", "-d", "a=1", "-o", "here", cwd=tmp_path).status == 0
    assert json.loads((tmp_path / "here").read_text())["body"] == "a=1"
    assert os.listdir(tmp_path) == ["here"]


def test_a_device_is_written_to_and_not_replaced(url: str) -> None:
    assert get(f"{url}/blob", "-o", "/dev/null").status == 0
    assert not os.path.isfile("/dev/null")
    assert get(f"{url}/blob", "-o", "/dev/full").status == 23
    assert get(f"{url}/blob", "-o", "/dev/stdout").output == BLOB


def test_it_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    tag = 'ETag: "v1"'
    cut = answer(BLOB, tag)[: -len(BLOB) + 1_000]
    rest = answer(
        BLOB[1_000:], tag, f"Content-Range: bytes 1000-{len(BLOB) - 1}/{len(BLOB)}", status="206 Partial Content"
    )
    with canned(cut, rest) as server:
        done = get(f"{server.url}/b", "-o", "b", "--retry", "0", cwd=tmp_path)
        assert done.status == 56
        assert sorted(os.listdir(tmp_path)) == ["b.part", "b.part.json"]
        assert get(f"{server.url}/b", "-o", "b", "-C", "-", cwd=tmp_path).status == 0
        assert b"Range: bytes=1000-\r\n" in server.asked[1]
    assert os.listdir(tmp_path) == ["b"]
    assert (tmp_path / "b").read_bytes() == BLOB


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = Server(mirror, f"unix:{path}")
    server.start()
    try:
        assert asked("http://some.where/x", "--unix-socket", str(path))["target"] == "/x"
    finally:
        server.stop(2)


def test_a_proxy(url: str) -> None:
    with canned(answer(b"by proxy"), answer(b"by proxy")) as proxy:
        assert get("http://a.invalid/x", "-x", f"http://me:pw@127.0.0.1:{proxy.port}").output == b"by proxy"
        assert proxy.asked[0].startswith(b"GET http://a.invalid/x HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic bWU6cHc=\r\n" in proxy.asked[0]
        assert get("http://a.invalid/x", http_proxy=proxy.url).output == b"by proxy"
        assert get(f"{url}/blob", "-x", "", http_proxy="http://127.0.0.1:1").output == BLOB
