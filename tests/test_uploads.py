"""Uploads kept for good: whole, under a plain name, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from salver.spool import Spool
from salver.uploads import Upload

DATA = b"0123456789" * 100


@pytest.fixture(params=["memory", "file", "file elsewhere"])
def upload(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """`upload(name)` makes one whose content is in memory, in a file of the same file system, or in another one's."""
    if request.param == "file elsewhere" and not os.path.isdir("/dev/shm"):
        pytest.skip("needs a second file system at /dev/shm")
    (tmp_path / "spool").mkdir()
    folder = "/dev/shm" if request.param == "file elsewhere" else str(tmp_path / "spool")

    def make(name: str = "a.txt") -> Upload:
        spool = Spool(folder, 1 << 20 if request.param == "memory" else 0)
        spool.write(DATA)
        return Upload(spool.finish(), name, "text/plain")

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "kept"
    path.mkdir()
    return path


def test_what_it_says(upload: Any) -> None:
    one = upload("Größe.txt")
    assert (one.filename, one.safe_name, one.content_type, one.size) == ("Größe.txt", "Größe.txt", "text/plain", 1_000)
    assert one.read() == DATA and one.stream.read(10) == DATA[:10] and one.read() == DATA
    assert one.stream.read() == DATA[10:]
    assert one.stream.seek(0) == 0 and one.stream.read() == DATA
    assert repr(one) == "<Upload 'Größe.txt' text/plain 1000 bytes>"


def test_into_a_folder(upload: Any, folder: Path) -> None:
    path = upload().save_to(folder)
    assert path == folder / "a.txt" and path.read_bytes() == DATA and os.listdir(folder) == ["a.txt"]
    assert upload().save_to(str(folder)) == folder / "a-1.txt"
    assert upload().save_to(folder) == folder / "a-2.txt"
    assert sorted(os.listdir(folder)) == ["a-1.txt", "a-2.txt", "a.txt"]


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/etc/x",
        "..\\x",
        "C:\\x",
        "CON",
        "",
        "a%00.py",
        "a\r\nX: y",
        "x" * 300,
        "\u202etxt.exe",
        "..",
        "a\0b",
    ],
)
def test_no_name_leads_out_of_the_folder(upload: Any, folder: Path, name: str) -> None:
    path = upload(name).save_to(folder)
    assert path.parent == folder and path.resolve().parent == folder.resolve() and len(os.listdir(folder)) == 1
    assert path.read_bytes() == DATA and path.name.isprintable()


def test_what_ends_in_a_slash_is_a_folder_or_an_error(upload: Any, folder: Path) -> None:
    assert upload("b.txt").save_to(f"{folder}/") == folder / "b.txt"
    with pytest.raises(FileNotFoundError, match="no such folder"):
        upload().save_to(f"{folder}/photos/")
    assert [path.name for path in folder.iterdir()] == ["b.txt"]


def test_many_of_one_name(upload: Any, folder: Path) -> None:
    for number in range(100):
        (folder / ("a.txt" if not number else f"a-{number}.txt")).touch()
    path = upload().save_to(folder)
    assert len(path.name) == len("a-0123456789abcdef.txt") and path.read_bytes() == DATA


def test_a_path_of_ones_own_is_replaced(upload: Any, folder: Path) -> None:
    (folder / "mine").write_bytes(b"old")
    assert upload("evil/../x").save_to(folder / "mine") == folder / "mine"
    assert (folder / "mine").read_bytes() == DATA and os.listdir(folder) == ["mine"]


def test_a_link_is_replaced_not_followed(upload: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"safe")
    (folder / "a.txt").symlink_to(tmp_path / "outside")
    assert upload().save_to(folder) == folder / "a-1.txt"
    upload().save_to(folder / "a.txt")
    assert (tmp_path / "outside").read_bytes() == b"safe" and not (folder / "a.txt").is_symlink()


def test_twice(upload: Any, folder: Path) -> None:
    one = upload()
    first, second = one.save_to(folder), one.save_to(folder)
    assert first.read_bytes() == second.read_bytes() == DATA
    first.write_bytes(b"changed")
    assert second.read_bytes() == DATA


def test_it_is_moved_where_it_can_be(tmp_path: Path, folder: Path) -> None:
    spool = Spool(str(tmp_path), 0)
    spool.write(DATA)
    kept = spool.finish()
    assert kept.file is not None
    if not kept.file.may_be_named:
        pytest.skip("this file system has no O_TMPFILE")
    path = Upload(kept, "a", "").save_to(folder)
    assert path.stat().st_ino == os.fstat(kept.file.fd).st_ino


def test_it_has_the_usual_mode(upload: Any, folder: Path) -> None:
    old = os.umask(0o022)
    try:
        assert upload().save_to(folder).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(old)


def failing(number: int) -> Any:
    def fails(*arguments: Any, **named: Any) -> Any:
        raise OSError(number, "on purpose")

    return fails


@pytest.mark.parametrize("call", ["fsync", "replace", "write", "link"])
@pytest.mark.parametrize("whole_path", [True, False])
def test_what_fails_leaves_nothing(
    upload: Any, folder: Path, call: str, whole_path: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = upload()
    target = folder / "x" if whole_path else folder
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing(errno.ENOSPC))
        try:
            one.save_to(target)
        except OSError:
            assert not os.listdir(folder)
        else:
            assert call != "fsync" and len(os.listdir(folder)) == 1, "what failed was not needed for this one"
    if not os.listdir(folder):
        assert one.save_to(target).read_bytes() == DATA


def test_a_folder_that_is_not_there(upload: Any, folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        upload().save_to(folder / "no" / "x")


def test_a_file_system_without_links(upload: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.txt").touch()
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    assert upload().save_to(folder) == folder / "a-1.txt"
    assert sorted(os.listdir(folder)) == ["a-1.txt", "a.txt"] and (folder / "a-1.txt").read_bytes() == DATA
    monkeypatch.setattr(os, "replace", failing(errno.EIO))
    with pytest.raises(OSError, match="on purpose"):
        upload().save_to(folder)
    assert sorted(os.listdir(folder)) == ["a-1.txt", "a.txt"]


def test_a_folder_that_cannot_be_synced(upload: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def files_only(fd: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EINVAL, "not a folder")
        real(fd)

    monkeypatch.setattr(os, "fsync", files_only)
    assert upload().save_to(folder).read_bytes() == DATA


def test_a_folder_that_may_be_written_and_not_read(upload: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is there whole when its folder is to be synced: an error would have its sender send it again."""
    real = os.open

    def unreadable(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if Path(os.fspath(path)) == folder and flags & os.O_ACCMODE == os.O_RDONLY:
            raise PermissionError(errno.EACCES, "no reading", path)
        return real(path, flags, *args, **more)

    monkeypatch.setattr(os, "open", unreadable)
    assert upload().save_to(folder).read_bytes() == DATA
    assert upload().save_to(folder / "b.txt").read_bytes() == DATA
    assert sorted(os.listdir(folder)) == ["a.txt", "b.txt"]
