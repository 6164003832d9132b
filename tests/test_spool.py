"""Bytes kept in memory, then in a file without a name."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path
from typing import Any

import pytest

from salver.spool import Spool, UnnamedFile


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_fits_stays_in_memory(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "none"), 5)
    spool.write(b"abc")
    spool.write(b"de")
    assert not spool.in_file and spool.size == 5
    kept = spool.finish()
    assert (kept.data, kept.file, kept.size, kept.read(), kept.open().read()) == (b"abcde", None, 5, b"abcde", b"abcde")


def test_what_is_more_goes_to_a_file_without_a_name(tmp_path: Path) -> None:
    before = descriptors()
    spool = Spool(str(tmp_path), 5)
    for piece in (b"abc", b"def", b"", b"ghi"):
        spool.write(piece)
    assert spool.in_file and not list(tmp_path.iterdir()) and descriptors() == before + 1
    kept = spool.finish()
    assert kept.size == 9 and kept.read() == b"abcdefghi" and kept.data == b""
    del spool, kept
    assert descriptors() == before


def test_readers_have_a_position_each(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), 0)
    spool.write(b"0123456789")
    kept = spool.finish()
    one, other = kept.open(), kept.open()
    assert one.read(4) == b"0123" and other.read() == b"0123456789" and one.read() == b"456789" and one.read() == b""
    assert one.seek(-2, os.SEEK_END) == 8 and one.read() == b"89"
    assert one.seek(2) == 2 and one.seek(3, os.SEEK_CUR) == 5 and one.tell() == 5 and one.read(1) == b"5"
    assert one.seek(20) == 20 and one.read() == b"" and one.readable() and one.seekable() and not one.writable()
    with pytest.raises(ValueError, match="no position"):
        one.seek(-1)
    del kept
    assert other.seek(0) == 0 and other.readline() == b"0123456789"


def test_a_reader_keeps_the_file_open_and_leaves_no_warning(tmp_path: Path) -> None:
    before = descriptors()
    spool = Spool(str(tmp_path), 0)
    spool.write(b"x")
    reader = spool.finish().open()
    del spool
    assert reader.read() == b"x"
    del reader
    gc.collect()
    assert descriptors() == before


def test_a_name_is_given_without_a_copy(tmp_path: Path) -> None:
    file = UnnamedFile(str(tmp_path))
    file.write(b"abc")
    if not file.may_be_named:
        pytest.skip("this file system has no O_TMPFILE")
    path = tmp_path / "named"
    assert file.link(str(path))
    assert path.read_bytes() == b"abc" and path.stat().st_ino == os.fstat(file.fd).st_ino
    with pytest.raises(FileExistsError):
        UnnamedFile(str(tmp_path)).link(str(path))
    assert not file.link(str(tmp_path / "no" / "folder"))


def test_a_file_is_for_all_that_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        file = UnnamedFile(str(tmp_path))
        if file.may_be_named:
            assert file.link(str(tmp_path / "x")) and (tmp_path / "x").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EISDIR])
def test_without_o_tmpfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = os.open

    def fails(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(number, "none here")
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", fails)
    spool = Spool(str(tmp_path), 0)
    spool.write(b"abc")
    kept = spool.finish()
    assert kept.read() == b"abc" and not list(tmp_path.iterdir())
    assert kept.file is not None and not kept.file.link(str(tmp_path / "x"))


def test_errors_of_the_disk_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        Spool(str(tmp_path / "none"), 0).write(b"x")
    before = descriptors()
    spool = Spool(str(tmp_path), 0)

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="full"):
            spool.write(b"x")
    del spool
    assert descriptors() == before


def test_a_short_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    spool = Spool(str(tmp_path), 0)
    spool.write(b"0123456789")
    assert spool.finish().read() == b"0123456789"
