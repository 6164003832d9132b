"""A file that came with a form, and how it is kept for good.

It is saved whole or not at all: what is written has another name until it is complete and on the disk, and takes its
own name in one step. What the client calls the file never becomes a path; `safe_name` is what is made of it.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from salver.semantics.filenames import safe_filename
from salver.spool import Kept

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
# A file system without hard links.
_NO_LINKS = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))
_TRIES = 100  # of names that are counted, before one is drawn


class Upload:
    """One file of a form. Valid for as long as it is referred to, also behind the response; for one thread at a time.

    `filename` is the name as the client gave it: for showing, escaped, and for nothing else. `content_type` is the
    client's word too. `size` in bytes.
    """

    __slots__ = ("_kept", "_stream", "content_type", "filename")

    def __init__(self, kept: Kept, filename: str, content_type: str) -> None:
        self._kept = kept
        self._stream: BinaryIO | None = None
        self.filename = filename
        self.content_type = content_type

    @property
    def size(self) -> int:
        """Bytes."""
        return self._kept.size

    @property
    def safe_name(self) -> str:
        """One plain name for a file made of `filename`; "upload" where nothing of it can be used. Not unique."""
        return safe_filename(self.filename) or "upload"

    @property
    def stream(self) -> BinaryIO:
        """The content as a binary file that can be read and sought; the same one each time. Need not be closed."""
        if self._stream is None:
            self._stream = cast("BinaryIO", self._kept.open())
        return self._stream

    def read(self) -> bytes:
        """The whole content, in memory; wherever `stream` stands."""
        return self._kept.read()

    def save_to(self, target: str | os.PathLike[str]) -> Path:
        """Keep the file: in a folder, under `safe_name` or, where that is taken, with a number ("a-1.txt"); or under a
        path of the caller's own, in the place of what is there. A target that ends in a slash means a folder, and
        raises FileNotFoundError where there is none. Returns where it is now.

        When this returns, the file is on the disk (fsync) and complete; when it raises OSError, nothing is there.
        Blocks.
        """
        path = Path(target)
        if path.is_dir():
            return self._save_in(path)
        if os.fspath(target).endswith("/"):
            raise FileNotFoundError(errno.ENOENT, "there is no such folder", os.fspath(target))
        temporary = self._write_in(path.parent)
        try:
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(path.parent)
        return path

    def _save_in(self, folder: Path) -> Path:
        temporary = self._write_in(folder)
        try:
            path = next(path for path in _free_names(folder, self.safe_name) if _take_name(temporary, path))
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(folder)
        return path

    def _write_in(self, folder: Path) -> Path:
        """The content under a name of no meaning in `folder`, complete and synced."""
        path = folder / f".upload-{secrets.token_hex(8)}.tmp"
        file = self._kept.file
        if file is not None and file.link(os.fspath(path)):
            try:
                os.fsync(file.fd)
            except BaseException:
                os.unlink(path)
                raise
            file.may_be_named = False  # the next one to save it must not share it with this one
            return path
        fd = os.open(path, _NEW, 0o666)
        try:
            self._kept.copy_to(fd)
            os.fsync(fd)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(fd)
        return path

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r} {self.content_type} {self.size} bytes>"


def _free_names(folder: Path, name: str) -> Iterator[Path]:
    stem, suffix = os.path.splitext(name)
    yield folder / name
    for number in range(1, _TRIES):
        yield folder / f"{stem}-{number}{suffix}"
    while True:
        yield folder / f"{stem}-{secrets.token_hex(8)}{suffix}"


def _take_name(temporary: Path, path: Path) -> bool:
    """Give the file the name `path` too; False where that is taken. Unlike a rename, a link replaces nothing."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _take_name_by_placeholder(temporary, path)
    return True


def _take_name_by_placeholder(temporary: Path, path: Path) -> bool:
    try:
        os.close(os.open(path, _NEW, 0o666))
    except FileExistsError:
        return False
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(path)
        raise
    return True


def _sync_folder(folder: Path) -> None:
    """Have the name itself on the disk; file systems that cannot say so are taken at their word, and so is a folder
    that we may write to and not read. The file is there by now: an error would say that it is not."""
    try:
        fd = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError:
        pass
    finally:
        os.close(fd)
