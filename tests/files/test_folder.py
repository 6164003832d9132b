"""A folder as a Handler: every hostile path, and what its own address, its index and its listing answer."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from salver.files import Folder, FolderSettings
from salver.lookup import Follow
from salver.request import Request
from salver.response import Response
from tests.files.support import FakeExchange, content, open_descriptors, request, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "secret.txt", "secret")
    write(tmp_path / "root-secret" / "x", "secret")
    root = tmp_path / "root"
    write(root / "index.html", "home")
    write(root / "file.txt", "hello")
    write(root / "x", "x of the root")
    write(root / "sub" / "index.htm", "sub home")
    write(root / "bare" / "file.txt", "hello")
    write(root / "a b" / "é.txt", "odd")
    write(root / ".git" / "config", "secret")
    write(root / "sub" / ".env", "secret")
    write(root / "CON", "a device")
    write(root / "f.txt::$DATA", "a stream")
    write(root / "f.txt", "f")
    write(root / "back\\slash", "a path elsewhere")
    write(root / "new\nline", "never")
    write(root / "dot.", "never")
    write(root / "12:30.txt", "half past")
    (root / "out-file").symlink_to("../secret.txt")
    (root / "out-folder").symlink_to("..")
    (root / "inside").symlink_to("file.txt")
    os.mkfifo(root / "fifo")
    (root / os.fsdecode(b"\xff.txt")).write_bytes(b"odd bytes")
    return root


HOSTILE = [
    "/../x", "/..%2fx", "/%2e%2e/x", "/%252e%252e%252fx", "/..\\x", "/..%5cx", "//abs", "//x", "/%2fabs", "/%2fx",
    "/../root-secret/x", "/out-file", "/out-folder/secret.txt", "/out-folder/", "/%00", "/file.txt%00", "/%ff",
    "/%", "/%zz", "/.git/config", "/%2egit/config", "/sub/.env", "/.git/", "/.git", "/file.txt/", "/inside/",
    "/fifo", "/fifo/", "/" + "a/" * 2_500, "/" + "n" * 300, "/CON", "/con", "/CON/", "/f.txt::$DATA",
    "/f.txt::%24DATA", "/f.txt.", "/f.txt%20", "/dot.", "/back\\slash", "/back%5cslash", "/new%0aline",
    "//evil.com/%2f..", "/\\evil", "/sub%0d%0aX-Inj:%201", "/./file.txt", "/sub/../file.txt", "/sub//index.htm",
    "/%u0061", "/file.txt/..", "/not-there", "/file.txt/x",
]  # fmt: skip


@pytest.mark.parametrize("target", HOSTILE)
@pytest.mark.parametrize("query", ["", "?query"])
def test_a_hostile_path_leads_nowhere(root: Path, target: str, query: str) -> None:
    started = time.monotonic()
    response = Folder(root)(request(target + query))
    assert response.status in (400, 404)
    assert b"secret" not in content(response)
    assert "location" not in response.headers
    assert response.headers["x-content-type-options"] == "nosniff"
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("target", ["/%", "/%zz", "/%u0061"])
def test_what_is_malformed_is_a_bad_request(root: Path, target: str) -> None:
    assert Folder(root)(request(target)).status == 400


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/", b"home"),
        ("/index.html", b"home"),
        ("/file.txt", b"hello"),
        ("/file.txt?q=1", b"hello"),
        ("http://host/file.txt?q=1", b"hello"),
        ("http://host", b"home"),
        ("/sub/", b"sub home"),
        ("/a%20b/%C3%A9.txt", b"odd"),
        ("/%66ile.txt", b"hello"),
        ("/%ff.txt", b"odd bytes"),
        ("/inside", b"hello"),
        ("/12:30.txt", b"half past"),
    ],
)
def test_what_is_there(root: Path, target: str, body: bytes) -> None:
    folder = Folder(root)
    for _ in range(3):  # looked up, remembered, and ready
        response = folder(request(target))
        assert response.status == 200
        assert content(response) == body


def test_hidden_names_and_outward_links_when_asked(root: Path) -> None:
    folder = Folder(root, hidden=True, follow_symlinks=True)
    assert content(folder(request("/.git/config"))) == b"secret"
    assert content(folder(request("/out-file"))) == b"secret"
    assert folder(request("/../secret.txt")).status == 404


@pytest.mark.parametrize(
    ("target", "prefix", "location"),
    [
        ("/sub", "", "sub/"),
        ("/sub?a=1&b=//x", "", "sub/?a=1&b=//x"),
        ("/a%20b", "", "a%20b/"),
        ("/%73ub", "", "sub/"),
        ("http://evil.com/sub", "", "sub/"),
        ("/static/sub", "/static", "sub/"),
        ("/static", "/static", "static/"),
        ("/static?q", "/static", "static/?q"),
    ],
)
def test_a_folder_without_its_slash(root: Path, target: str, prefix: str, location: str) -> None:
    response = Folder(root, extra_headers=[("X-Own", "1")])(request(target, prefix=prefix, host="evil.com"))
    assert response.status == 301
    assert response.headers["location"] == location
    assert response.headers["x-own"] == "1"


def test_a_mounted_folder(root: Path) -> None:
    folder = Folder(root)
    for _ in range(2):
        assert content(folder(request("/static/x", prefix="/static"))) == b"x of the root"
        assert folder(request("/static/x")).status == 404
        assert folder(request("/static/../x", prefix="/static")).status == 404


def test_index_names_are_tried_in_order(root: Path) -> None:
    write(root / "sub" / "index.html", "first")
    (root / "bare" / "index.html").mkdir()
    assert content(Folder(root)(request("/sub/"))) == b"first"
    assert content(Folder(root, index=("index.htm", "index.html"))(request("/sub/"))) == b"sub home"
    assert content(Folder(root, index=["file.txt"])(request("/bare/"))) == b"hello"
    assert Folder(root, listing=None)(request("/bare/")).status == 404
    assert Folder(root, index=(), listing=None)(request("/")).status == 404


def test_an_index_that_may_not_be_read_is_not_passed_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.open

    def refuse(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "index.html":
            raise PermissionError(errno.EACCES, "no")
        return really(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    assert Folder(root)(request("/")).status == 403


# The listing


def test_the_lister_is_told_what_it_needs(root: Path) -> None:
    seen: dict[str, Any] = {}

    def lister(made: Request, directory_fd: int, /, *, hidden: bool, title: str, follow: Follow | None) -> Response:
        assert follow is not None
        seen.update(
            names=sorted(os.listdir(directory_fd)), hidden=hidden, title=title, out=follow("out"), ok=follow("in")
        )
        return Response(b"list", headers={"Vary": "Accept"})

    (root / "bare" / "out").symlink_to("../../secret.txt")
    (root / "bare" / "in").symlink_to("../file.txt")
    exchange = FakeExchange()
    before = open_descriptors()
    response = Folder(root, listing=lister, hidden=True)(request("/bare/", exchange=exchange))
    assert content(response) == b"list"
    assert exchange.handed_over
    assert seen.pop("ok").st_size == 5
    assert seen == {"names": ["file.txt", "in", "out"], "hidden": True, "title": "root", "out": None}
    assert open_descriptors() == before
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_default_listing(root: Path) -> None:
    response = Folder(root, title="My <files>", extra_headers=[("Vary", "X"), ("Link", "1"), ("Link", "2")])(
        request("/bare/")
    )
    assert response.status == 200
    assert b"file.txt" in content(response)
    assert b"<files>" not in content(response)
    assert response.headers.get_all("vary") == ["Accept", "X"]
    assert response.headers.get_all("link") == ["1", "2"]


def test_no_listing(root: Path) -> None:
    assert Folder(root, listing=None)(request("/bare/")).status == 404


def test_a_folder_that_cannot_be_listed(root: Path) -> None:
    def lister(made: Request, directory_fd: int, /, *, hidden: bool, title: str, follow: Follow | None) -> Response:
        raise OSError(errno.EIO, "broken")

    response = Folder(root, listing=lister)(request("/bare/"))
    assert response.status == 503
    assert response.headers["retry-after"] == "1"


# Single-page applications

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize("target", ["/users/7", "/users/", "/not-there?q", "/file.txt/x"])
def test_a_page_that_is_not_there_is_the_index(root: Path, target: str) -> None:
    folder = Folder(root, spa=True)
    for _ in range(2):
        assert content(folder(request(target, accept=BROWSER))) == b"home"
        assert folder(request(target, accept="application/json")).status == 404
        assert folder(request(target)).status == 404
    assert Folder(root)(request(target, accept=BROWSER)).status == 404


@pytest.mark.parametrize("target", ["/not-there.js", "/users/7.png", "/.git/config", "/../x", "/%zz"])
def test_what_is_not_a_page_is_not_the_index(root: Path, target: str) -> None:
    assert Folder(root, spa=True)(request(target, accept=BROWSER)).status in (400, 404)


def test_a_page_needs_an_index(tmp_path: Path) -> None:
    assert Folder(tmp_path, spa=True)(request("/page", accept=BROWSER)).status == 404


# Settings


@pytest.mark.parametrize(
    "changes",
    [
        {"index": "index.html"},
        {"index": ("a/b",)},
        {"index": ("..",)},
        {"index": ("",)},
        {"cache_seconds": -1},
        {"extra_headers": [("Content-Length", "1")]},
        {"extra_headers": [("etag", '"x"')]},
    ],
)
def test_settings_that_cannot_be_meant(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Folder(".", **changes)


@pytest.mark.parametrize("name", ["X\r\n", "", "X Y"])
def test_fields_that_cannot_be_sent(name: str) -> None:
    with pytest.raises(Exception, match="field name"):
        FolderSettings(extra_headers=[(name, "x")])


@pytest.mark.parametrize(
    "changes", [{"cors": "a\nb"}, {"extra_headers": [("X", "\r\nY: 1")]}, {"media_types": {".x": "a\r\n"}}]
)
def test_values_that_cannot_be_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="control character"):
        Folder(".", **changes)


def test_a_setting_that_is_not_there() -> None:
    with pytest.raises(TypeError):
        Folder(".", indexes=())


def test_constructing_opens_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "later")
    assert folder(request("/x")).status == 404
    write(tmp_path / "later" / "x", "now")
    assert content(folder(request("/x"))) == b"now"
