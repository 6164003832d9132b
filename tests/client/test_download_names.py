"""What a download into a folder is called: as the server says, made harmless, and never in the place of a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.client.downloading import BODY, Network, whole


@pytest.mark.parametrize(
    ("url", "said", "name"),
    [
        ("http://a/x/data.bin?y/z", "", "data.bin"),
        ("http://a/", "", "download"),
        ("http://a/x/%2e%2e%2fetc%2fpasswd", "", "passwd"),
        ("http://a/.bashrc", "", "bashrc"),
        ("http://a/x", "attachment; filename=report.pdf", "report.pdf"),
        ("http://a/x", 'attachment; filename="../../etc/passwd"', "passwd"),
        ("http://a/x", 'attachment; filename="/etc/cron.d/evil"', "evil"),
        ("http://a/x", 'attachment; filename="..\\\\..\\\\evil.exe"', "evil.exe"),
        ("http://a/x", 'attachment; filename=".bashrc"', "bashrc"),
        ("http://a/x", 'attachment; filename=".."', "x"),
        ("http://a/x", 'attachment; filename=""', "x"),
        ("http://a/x", "attachment; filename*=UTF-8''..%2F..%2Fna%C3%AFve.txt", "naïve.txt"),
        ("http://a/x", "attachment; filename=a.txt; filename*=UTF-8''b.txt", "b.txt"),
        ("http://a/x", "attachment; filename*=UTF-16''b.txt; filename=a.txt", "a.txt"),
        ("http://a/x", "attachment; filename*=UTF-8''x%00%0Ay%E2%80%AEgpj.exe", "x ygpj.exe"),
        ("http://a/x", 'attachment; filename="' + "n" * 400 + '.txt"', "n" * 196 + ".txt"),
        ("http://a/x", "attachment; filename=CON", "_CON"),
        ("http://a/x", 'inline; xfilename="no"', "x"),
        ("http://a/x", 'attachment; filename="' + "\\" * 20_000, "x"),
    ],
)
def test_the_name_in_a_folder(tmp_path: Path, url: str, said: str, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [f"Content-Disposition: {said}"] if said else ["X: y"]
    done = Network(whole(*lines)).get(folder, url)
    assert done.path == folder / name
    assert os.listdir(folder) == [name]
    assert os.listdir(tmp_path) == ["in"]


def test_a_name_that_the_server_chooses_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        Network(whole("Content-Disposition: attachment; filename=precious")).get(tmp_path)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["precious"]
    Network(whole()).get(tmp_path, "http://a/precious")  # the caller's own choice
    assert (tmp_path / "precious").read_bytes() == BODY


@pytest.mark.parametrize("taken", [True, False])
def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    if taken:
        (tmp_path / "named").write_bytes(b"precious")
        with pytest.raises(FileExistsError):
            Network(whole("Content-Disposition: attachment; filename=named")).get(tmp_path)
        assert (tmp_path / "named").read_bytes() == b"precious"
    else:
        Network(whole("Content-Disposition: attachment; filename=named")).get(tmp_path)
    assert os.listdir(tmp_path) == ["named"]
