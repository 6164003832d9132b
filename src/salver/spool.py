"""Bytes that arrive piece by piece and must be kept: in memory while they are few, in a file without a name when they
are more.

A file without a name is gone with its last descriptor, whatever happens to this process, so nothing has to be cleaned
up. Where the file system can give it a name later (O_TMPFILE, Linux), keeping it for good costs no copy.
"""

from __future__ import annotations

import errno
import io
import os
from typing import Any

_TMPFILE = getattr(os, "O_TMPFILE", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
# A file system, or a kernel, without O_TMPFILE.
_NOT_HERE = frozenset((errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL))
_COPIED = 1024 * 1024  # bytes at once


class UnnamedFile:
    """A file without a name in `folder`. The descriptor is closed when the last reference goes.

    `may_be_named`: `link` can give it a name. Written by one thread, then read by any.
    """

    __slots__ = ("fd", "may_be_named", "size")

    def __init__(self, folder: str) -> None:
        """Raises OSError where `folder` takes no file."""
        self.fd = -1
        self.size = 0
        self.fd, self.may_be_named = _open_unnamed(folder)

    def write(self, data: bytes) -> None:
        """Append. Raises OSError."""
        view = memoryview(data)
        while view:
            gone = os.write(self.fd, view)
            self.size += gone
            view = view[gone:]

    def link(self, path: str) -> bool:
        """Give it the name `path`, on the same file system; False where that cannot be. Raises FileExistsError."""
        if not self.may_be_named:
            return False
        try:
            # The folder's descriptor means nothing to an absolute path, but only with one does Python call linkat, and
            # only linkat goes on from /proc's link to what it stands for.
            os.link(f"/proc/self/fd/{self.fd}", path, src_dir_fd=self.fd, follow_symlinks=True)
        except FileExistsError:
            raise
        except OSError:  # another file system, or no /proc: copying finds out what else might be wrong
            return False
        return True

    def __del__(self, close: Any = os.close) -> None:  # bound now: `os` may be gone at the end
        if self.fd >= 0:
            close(self.fd)


def _open_unnamed(folder: str) -> tuple[int, bool]:
    if _TMPFILE:
        try:
            # Readable for all that the umask lets read, as any new file: the mode counts once it has a name.
            return os.open(folder, _TMPFILE | os.O_RDWR | _CLOEXEC, 0o666), True
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    import tempfile

    fd, path = tempfile.mkstemp(prefix="salver-", dir=folder)
    os.unlink(path)
    return fd, False


def _temporary_folder() -> str:
    """Found out when it is needed: `tempfile` tries by writing, and gives up where all disks are full."""
    import tempfile

    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        raise OSError(errno.ENOSPC, "no folder for temporary files takes any") from error


class _Reader(io.RawIOBase):
    """An unnamed file read from its beginning, with a position of its own."""

    def __init__(self, file: UnnamedFile) -> None:
        super().__init__()
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._file.fd, [buffer], self._position)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise ValueError(f"there is no position {start + offset}")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position


class Kept:
    """What was kept: `data` in memory, or `file`. Immutable; safe to share between threads."""

    __slots__ = ("data", "file", "size")

    def __init__(self, data: bytes, file: UnnamedFile | None) -> None:
        self.data = data
        self.file = file
        self.size = len(data) if file is None else file.size

    def open(self) -> io.BufferedIOBase:
        """A reader from the beginning, which need not be closed."""
        return io.BytesIO(self.data) if self.file is None else io.BufferedReader(_Reader(self.file), 65_536)

    def read(self) -> bytes:
        """All of it."""
        return self.data if self.file is None else self.open().read()

    def copy_to(self, fd: int) -> None:
        """Write all of it to an open file. Raises OSError."""
        source, piece = self.open(), b""
        while piece := source.read(_COPIED):
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]


class Spool:
    """One part being kept. `write` as pieces come, `finish` at the end. For one thread."""

    __slots__ = ("_file", "_folder", "_memory", "_most", "size")

    def __init__(self, folder: str | None, most: int) -> None:
        """`most`: bytes that stay in memory. `folder`: for what is more; None is the system's for temporary files."""
        self._folder = folder
        self._most = most
        self._memory: list[bytes] = []
        self._file: UnnamedFile | None = None
        self.size = 0

    @property
    def in_file(self) -> bool:
        """It has outgrown the memory."""
        return self._file is not None

    def write(self, data: bytes) -> None:
        """Keep `data`. Raises OSError where the file cannot be written."""
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
            return
        self._memory.append(data)
        if self.size > self._most:
            self._file = UnnamedFile(_temporary_folder() if self._folder is None else self._folder)
            self._file.write(b"".join(self._memory))
            self._memory.clear()

    def finish(self) -> Kept:
        """What was kept."""
        return Kept(b"".join(self._memory), self._file)
