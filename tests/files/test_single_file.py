"""One file, at two addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from salver.files import SingleFile
from tests.files.support import content, request, write


@pytest.mark.parametrize(
    ("target", "prefix"), [("/", ""), ("/a%20b.txt", ""), ("/?q", ""), ("/m", "/m"), ("/m/", "/m")]
)
def test_where_it_is(tmp_path: Path, target: str, prefix: str) -> None:
    path = write(tmp_path / "a b.txt", "one")
    write(tmp_path / "other.txt", "other")
    handler = SingleFile(path, cache_seconds=5)
    for _ in range(2):
        response = handler(request(target, prefix=prefix))
        assert content(response) == b"one"
        assert response.headers["cache-control"] == "max-age=5"
        assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/other.txt", 404),
        ("/a%20b.txt/", 404),
        ("/x/a%20b.txt", 404),
        ("/../other.txt", 404),
        ("//", 404),
        ("/%zz", 400),
    ],
)
def test_where_it_is_not(tmp_path: Path, target: str, status: int) -> None:
    write(tmp_path / "other.txt", "other")
    assert SingleFile(write(tmp_path / "a b.txt", "one"))(request(target)).status == status


def test_links_and_dots_that_are_named_are_meant(tmp_path: Path) -> None:
    write(tmp_path / "real" / ".hidden", "one")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("../real/.hidden")
    assert content(SingleFile(tmp_path / "root" / "link")(request("/"))) == b"one"
    assert content(SingleFile(tmp_path / "real" / ".hidden")(request("/.hidden"))) == b"one"


def test_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "one.txt", "one")
    monkeypatch.chdir(tmp_path)
    assert content(SingleFile("one.txt")(request("/"))) == b"one"


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert SingleFile(tmp_path / "folder")(request("/")).status == 404
    assert SingleFile(tmp_path / "not-there")(request("/")).status == 404
    with pytest.raises(ValueError, match="names no file"):
        SingleFile("folder/")
