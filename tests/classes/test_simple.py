"""Rows S1 to S3 of the mission: a folder by `SimpleHTTPRequestHandler`. "plain" is a class that changes nothing and
speaks HTTP/1.1, so that a `Folder` answers; "hooks" goes through the methods."""

from __future__ import annotations

import functools
import io
import os
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from salver.classes.simple import is_plain
from salver.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from tests.classes.running import exchange, get, running
from tests.classes.tower import ANY, head_of


class Plain(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass


class Hooks(Plain):
    def end_headers(self) -> None:
        self.send_header("X-Hook", "1")
        super().end_headers()


class Old(Plain):
    protocol_version = "HTTP/1.0"


@pytest.fixture(params=[Plain, Hooks, Old])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "with-index").mkdir()
    (root / "file.txt").write_bytes(b"content")
    (root / "with-index" / "index.html").write_bytes(b"<p>index")
    (root / "<b>.txt").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "sub" / "up").symlink_to(tmp_path)
    (root / "within").symlink_to(root / "with-index")
    (root / "in").symlink_to(root / "file.txt")
    os.utime(root / "file.txt", (1_000_000_000, 1_000_000_000))
    with running(ThreadingHTTPServer(ANY, functools.partial(request.param, directory=root))) as made:
        yield made


class TestS1:
    def test_s1_get_and_head(self, server: Any) -> None:
        reply = exchange(server, get("/file.txt"))
        assert reply[9:12] == b"200"
        assert reply.endswith(b"\r\n\r\ncontent")
        head = exchange(server, get("/file.txt", method="HEAD"))
        assert head.endswith(b"\r\n\r\n")
        assert head_of(head)["Content-Length"] == "7"

    def test_s1_the_query_is_no_part_of_the_name(self, server: Any) -> None:
        assert exchange(server, get("/file.txt?a=/../b")).endswith(b"content")

    @pytest.mark.parametrize(
        "path",
        [
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/sub/../../secret",
            "/out",
            "/sub/up/secret",
            "/sub/up/",
            "/a%00b",
            "/" + "n" * 300,
            "/no",
        ],
    )
    def test_s1_nothing_outside_is_served(self, server: Any, path: str) -> None:
        reply = exchange(server, get(path))
        assert reply[9:12] in (b"404", b"400")
        assert b"secret" not in reply.partition(b"\r\n\r\n")[2].replace(b"/secret", b"")

    def test_s1_a_link_that_stays_inside_is(self, server: Any) -> None:
        assert exchange(server, get("/in")).endswith(b"content")
        assert exchange(server, get("/within/")).endswith(b"<p>index")

    def test_s1_an_index_that_leads_out_is_not(self, server: Any, tmp_path: Path) -> None:
        (tmp_path / "root" / "sub" / "index.html").symlink_to(tmp_path / "secret")
        assert b"\r\n\r\nsecret" not in exchange(server, get("/sub/"))

    def test_s1_the_folder_itself_may_be_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "f").write_bytes(b"abc")
        (tmp_path / "linked").symlink_to(tmp_path / "real")
        with running(ThreadingHTTPServer(ANY, functools.partial(Old, directory=tmp_path / "linked"))) as made:
            assert exchange(made, get("/f")).endswith(b"abc")

    def test_s1_every_hook_is_called(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"abc")
        (tmp_path / "d").mkdir()

        class All(Plain):
            index_pages = ("start", "begin")
            extensions_map = {"": "text/mine"}  # noqa: RUF012 - as people write it

            def translate_path(self, path: str) -> str:
                return super().translate_path(path.removeprefix("/mount"))

            def copyfile(self, source: Any, outputfile: Any) -> None:
                outputfile.write(source.read().upper())

            def list_directory(self, path: Any) -> Any:
                self.send_response(200)
                self.end_headers()
                return io.BytesIO(b"my list of " + os.fsencode(os.path.basename(os.path.dirname(path))))

        assert not is_plain(All)
        with running(ThreadingHTTPServer(ANY, functools.partial(All, directory=tmp_path))) as made:
            reply = exchange(made, get("/mount/f"))
            assert reply.endswith(b"ABC")
            assert head_of(reply)["Content-type"] == "text/mine"
            assert exchange(made, get("/mount/d/")).endswith(b"MY LIST OF D")

    def test_s1_a_type_of_ones_own(self, tmp_path: Path) -> None:
        (tmp_path / "f.zz").write_bytes(b"")

        class Typed(Plain):
            def guess_type(self, path: Any) -> str:
                return "application/x-mine"

        with running(ThreadingHTTPServer(ANY, functools.partial(Typed, directory=tmp_path))) as made:
            assert head_of(exchange(made, get("/f.zz")))["Content-type"] == "application/x-mine"


class TestS2:
    def test_s2_type_length_and_date(self, server: Any) -> None:
        fields = {name.lower(): value for name, value in head_of(exchange(server, get("/file.txt"))).items()}
        assert fields["content-type"].partition(";")[0] == "text/plain"
        assert fields["content-length"] == "7"
        assert fields["last-modified"] == formatdate(1_000_000_000, usegmt=True)

    def test_s2_not_modified(self, server: Any) -> None:
        date = formatdate(1_000_000_001, usegmt=True)
        assert exchange(server, get("/file.txt", f"If-Modified-Since: {date}"))[9:12] == b"304"
        old = formatdate(999_999_999, usegmt=True)
        assert exchange(server, get("/file.txt", f"If-Modified-Since: {old}"))[9:12] == b"200"

    def test_s2_not_there(self, server: Any) -> None:
        assert exchange(server, get("/file.txt/"))[9:12] == b"404"


class TestS3:
    def test_s3_a_folder_without_its_slash(self, server: Any) -> None:
        reply = exchange(server, get("/sub?a=1"))
        assert reply[9:12] == b"301"
        assert head_of(reply)["Location"] in ("/sub/?a=1", "sub/?a=1")

    @pytest.mark.parametrize("path", ["//evil.example/..%2f../sub", "//evil.example/%2f..%2f..", "//sub", "///sub"])
    def test_s3_no_redirect_leads_elsewhere(self, server: Any, path: str) -> None:
        location = head_of(exchange(server, get(path))).get("Location", "/")
        assert not location.startswith(("//", "http", "\\"))

    def test_s3_index_then_listing(self, server: Any) -> None:
        assert exchange(server, get("/with-index/")).endswith(b"<p>index")
        listing = exchange(server, get("/"))
        assert b"&lt;b&gt;.txt" in listing
        assert b"<b>.txt" not in listing


def test_what_is_plain() -> None:
    assert is_plain(Plain)
    assert not is_plain(Hooks)
    assert issubclass(SimpleHTTPRequestHandler, BaseHTTPRequestHandler)
