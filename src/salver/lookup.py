"""From names to an open file, without ever leaving the root.

The walk opens one folder after the other by its descriptor (`dir_fd`) and follows no link (O_NOFOLLOW), so nothing
that is renamed or replaced meanwhile can lead it astray: there is no moment between a check and a use. Where a link
stands, its target is put in the place of its name and the walk begins again at the root; a target that climbs above
the root is refused, because ".." is a step of our walk and never of the kernel's. Everything that is said of a file
(kind, size, times) comes from the descriptor that is then sent.

Joining strings and comparing `realpath` prefixes was rejected: between the comparison and the opening a link can
change, and "/srv/www-secret" begins like "/srv/www". `openat2(RESOLVE_BENEATH)` would do all this in one call; Python
has no name for it.

The walk needs `dir_fd`, which Linux, macOS and the BSDs have and Windows has not. This file knows no HTTP beyond the
status that a failed look-up comes to.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence

from salver.response import FileSegment

# O_NONBLOCK: a FIFO opens at once, and is then refused. O_PATH opens a folder without the right to list it.
_CLOSED_TO_CHILDREN = getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | _CLOSED_TO_CHILDREN
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _CLOSED_TO_CHILDREN
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)

# How an open with O_NOFOLLOW says "a link": ELOOP; with O_DIRECTORY too, ENOTDIR; EMLINK on FreeBSD.
_MAYBE_LINK = frozenset((errno.ELOOP, errno.ENOTDIR, errno.EMLINK))
# Links and ".." on one way, each of which begins the walk anew; Linux allows 40 links.
_MOST_DETOURS = 100

# What a name in a folder leads to, as `fstat` describes it; None where that is not served.
Follow = Callable[[str], "os.stat_result | None"]

_STATUS = {
    errno.EACCES: 403,
    errno.EPERM: 403,
    errno.EMFILE: 503,
    errno.ENFILE: 503,
    errno.ENOMEM: 503,
    errno.EIO: 503,
}


class NotServed(Exception):
    """There is nothing to serve under these names. `status`: 404 not there, or not for anybody; 403 we may not read
    it; 503 we cannot at the moment."""

    def __init__(self, status: int = 404) -> None:
        super().__init__(status)
        self.status = status


class OpenFile:
    """An open regular file or folder, and what `fstat` said of it.

    The descriptor is closed when the last reference goes: the cache that holds it, a response that still sends it
    and a look-up that only compared it are all counted by the interpreter's own reference count, which no thread
    and no forgotten `close` can get wrong. (On an interpreter without one, it is closed at the next collection.)
    """

    __slots__ = ("fd", "status")

    def __init__(self, fd: int) -> None:
        """Takes `fd` over, whatever happens. Raises `NotServed` for what is neither a regular file nor a folder."""
        self.fd = fd
        self.status = os.fstat(fd)
        if not (stat.S_ISREG(self.status.st_mode) or stat.S_ISDIR(self.status.st_mode)):
            raise NotServed

    @property
    def is_folder(self) -> bool:
        """A folder, not a file."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def identity(self) -> tuple[int, ...]:
        """Equal as long as it is the same file with the same content, as far as the file system tells."""
        status = self.status
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def segment(self, start: int, end: int) -> FileSegment:
        """The bytes from `start` up to and without `end`, to be sent; keeps the descriptor open until closed."""
        return FileSegment(self.fd, start, end - start, self._used)

    def _used(self) -> None:
        """A segment is done. It held this object by this method, and has let go of it by now."""

    def read(self) -> bytes | None:
        """The whole content, None where the file changed while it was read. Blocks as disks do."""
        pieces, offset, size = [], 0, self.status.st_size
        while offset < size:
            piece = os.pread(self.fd, size - offset, offset)
            if not piece:
                return None
            pieces.append(piece)
            offset += len(piece)
        after = os.fstat(self.fd)
        same = (after.st_size, after.st_mtime_ns) == (size, self.status.st_mtime_ns)
        return b"".join(pieces) if same else None

    def __del__(self, close=os.close) -> None:  # type: ignore[no-untyped-def]  # bound now: `os` may be gone at the end
        close(self.fd)


class Tree:
    """What lies under a root folder. Holds no descriptor, so a root that is replaced is noticed at once.

    Safe to use from several threads.
    """

    __slots__ = ("_follow", "_root")

    def __init__(self, root: str, *, follow_symlinks: bool = False) -> None:
        """`root` may itself be reached through links. `follow_symlinks`: links may lead out of it."""
        self._root = root
        self._follow = follow_symlinks

    def open(self, names: Sequence[str]) -> OpenFile:
        """The file or folder that `names` lead to from the root; the root itself for none. Raises `NotServed`."""
        try:
            return self._follow_kernel(names) if self._follow else self._follow_inside(list(names))
        except OSError as error:
            raise NotServed(_STATUS.get(error.errno or 0, 404)) from None
        except ValueError:  # NUL in a name; a lone surrogate that stands for no byte
            raise NotServed from None

    def status(self, names: Sequence[str]) -> os.stat_result | None:
        """What `open` would give, as `fstat` describes it; None for what is not served."""
        try:
            return self.open(names).status
        except NotServed:
            return None

    def _follow_inside(self, names: list[str]) -> OpenFile:
        for _ in range(_MOST_DETOURS):
            found = self._walk(names)
            if isinstance(found, OpenFile):
                return found
            names = found
        raise NotServed

    def _walk(self, names: list[str]) -> OpenFile | list[str]:
        """What `names` lead to, or the names to walk instead where ".." or a link stood on the way."""
        last = len(names) - 1
        here = os.open(self._root, _STEP if names else _READ)
        try:
            for place, name in enumerate(names):
                if name == "..":
                    return _one_up(names, place)
                try:
                    there = os.open(name, _NO_LINK | (_READ if place == last else _STEP), dir_fd=here)
                except OSError as error:
                    instead = self._maybe_link(names, place, here) if error.errno in _MAYBE_LINK else None
                    if instead is None:
                        raise
                    return instead
                os.close(here)
                here = there
            found, here = here, -1
        finally:
            if here >= 0:
                os.close(here)
        return OpenFile(found)

    def _maybe_link(self, names: list[str], place: int, here: int) -> list[str] | None:
        """The names to walk instead of the link at `place` in the folder `here`; None where there is none."""
        try:
            target = os.readlink(names[place], dir_fd=here)
        except OSError:
            return None
        parts = [part for part in target.split("/") if part not in ("", ".")]
        if target.startswith("/"):
            return self._inside(parts) + names[place + 1 :]
        return names[:place] + parts + names[place + 1 :]

    def _inside(self, parts: list[str]) -> list[str]:
        """The parts of an absolute target as names under the root. Should the root be replaced between this and the
        walk, the names are walked under the new one, and lead out of neither."""
        for root in (os.path.abspath(self._root), os.path.realpath(self._root)):
            above = [part for part in root.split("/") if part]
            if parts[: len(above)] == above:
                return parts[len(above) :]
        raise NotServed

    def _follow_kernel(self, names: Sequence[str]) -> OpenFile:
        """As `_walk`, where links may lead anywhere: the kernel follows them."""
        if any(name in ("", ".", "..") or "/" in name for name in names):
            raise NotServed
        return OpenFile(os.open(os.path.join(self._root, *names), _READ))


def _one_up(names: list[str], place: int) -> list[str]:
    """`names` without the ".." at `place` and the folder before it, which the walk has seen to be a real one."""
    if not place:
        raise NotServed  # above the root
    return names[: place - 1] + names[place + 1 :]
