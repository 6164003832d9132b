"""wget: a whole site copied, and then only what is newer."""

from __future__ import annotations

import os
import re
import time

import pytest

from tests.clients.serving import fill, run, served


@pytest.fixture
def wget(program, tmp_path):
    path = program("wget")
    copy = tmp_path / "copy"
    copy.mkdir()
    return copy, lambda *words: run([path, "-nH", "-np", "-e", "robots=off", "--tries=2", *words], folder=copy)


def test_a_site_is_copied_whole(wget, site):
    copy, get = wget
    get("-r", "-l", "5", "--no-verbose", "--restrict-file-names=nocontrol", site.url)
    for path in site.folder.rglob("*"):
        if path.is_file():
            assert (copy / path.relative_to(site.folder)).read_bytes() == path.read_bytes()


def test_only_what_is_newer_is_fetched_again(wget, tmp_path):
    copy, get = wget
    folder = tmp_path / "folder"
    folder.mkdir()
    fill(folder)
    os.utime(folder / "text.txt", (1_600_000_000, 1_600_000_000))
    with served(folder) as running:
        wanted = [running.url + name for name in ("text.txt", "large.bin")]
        assert saved(get("-N", *wanted)) == ["text.txt", "large.bin"]
        assert saved(get("-N", *wanted)) == []
        (folder / "text.txt").write_text("newer")
        time.sleep(1.2)  # a folder's changes are noticed within a second
        assert saved(get("-N", *wanted)) == ["text.txt"]
        assert (copy / "text.txt").read_text() == "newer"


def saved(said: str) -> list[str]:
    """The names of what was fetched and written."""
    return re.findall(r"- [‘'\"](.*?)[’'\"] saved", said)


def test_resuming(wget, site):
    copy, get = wget
    whole = (site.folder / "large.bin").read_bytes()
    (copy / "large.bin").write_bytes(whole[:1_000_000])
    assert "206 Partial Content" in get("-c", site.url + "large.bin")
    assert (copy / "large.bin").read_bytes() == whole
