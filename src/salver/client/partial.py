"""The file of a download that is not whole yet: beside its target, under another name, so that what has the target's
name is always whole.

`NAME.part` has the bytes, `NAME.part.json` which representation they are of: without a validator (RFC 9110 §8.8) nobody
could tell whether the rest still fits, and then nothing is gone on with. The bytes are locked while they are written,
so that two processes do not write into one file. This file knows no HTTP but the validator's text.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

_FLAGS = (
    os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)


class Partial:
    """`size`: bytes that are there. `validator`: of the representation that they begin, "" where it has none.
    `total`: bytes that it will have, None where nobody has said. Used by one thread."""

    def __init__(self, target: Path, url: str) -> None:
        """Open it, or make it. What is there of another URL, or without a validator, is dropped. Raises OSError."""
        self.path = target.with_name(f"{target.name}.part")
        self._notes = target.with_name(f"{target.name}.part.json")
        self._mark = sha256(url.encode()).hexdigest()  # not the URL itself: it may be a secret
        self._finished = False
        self._file = open(_opened_alone(self.path), "r+b", buffering=0)  # noqa: SIM115 - closed by `close`
        self.size = self._file.seek(0, os.SEEK_END)
        self.validator, self.total = self._read_notes()
        if not self.can_go_on:
            self.begin("", None)

    def _read_notes(self) -> tuple[str, int | None]:
        try:
            notes: Any = json.loads(self._notes.read_bytes())
            if notes["mark"] != self._mark or not isinstance(notes["validator"], str):
                return "", None
            total = notes["total"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return "", None
        return notes["validator"], total if isinstance(total, int) else None

    @property
    def can_go_on(self) -> bool:
        """There are bytes of a representation that can be recognised, and not more than it has."""
        return bool(self.size and self.validator) and (self.total is None or self.size <= self.total)

    def begin(self, validator: str, total: int | None) -> None:
        """Drop what is there, and note what comes. Raises OSError."""
        self._file.seek(0)
        self._file.truncate()
        self.size, self.validator, self.total = 0, validator, total
        self._note()

    def _note(self) -> None:
        if self.validator:
            notes = {"mark": self._mark, "validator": self.validator, "total": self.total}
            self._notes.write_text(json.dumps(notes), encoding="ascii")
        else:
            self._notes.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Add `data`. Raises OSError, where a part of it may be there."""
        view = memoryview(data)
        while view:
            count = self._file.write(view)
            self.size += count
            view = view[count:]

    def finish(self, target: Path, *, replace: bool = True) -> None:
        """It is whole: on the disk, then under its name. Not where `replace` is False and the name is taken: raises
        FileExistsError."""
        os.fsync(self._file.fileno())
        self._notes.unlink(missing_ok=True)  # once the name is free, there may be those of another download
        try:
            if replace:
                os.replace(self.path, target)
            else:
                _rename_without_replacing(self.path, target)
        except BaseException:
            self._note()
            raise
        self._finished = True
        _sync_folder(target.parent)

    def close(self) -> None:
        """Let go of it; where it is not finished it stays, if it can be gone on with."""
        if not (self._finished or self.can_go_on):
            self.path.unlink(missing_ok=True)
            self._notes.unlink(missing_ok=True)
        self._file.close()


@contextlib.contextmanager
def partial_file(target: Path, url: str) -> Iterator[Partial]:
    """The partial file for `target`; what an error leaves of it stays where it can be gone on with."""
    partial = Partial(target, url)
    try:
        yield partial
    finally:
        partial.close()


def _opened_alone(path: Path) -> int:
    """A descriptor with a lock on the file that has this name. Raises BlockingIOError where another one holds it."""
    while True:
        descriptor = os.open(path, _FLAGS, 0o666)
        try:
            if _is_ours(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_ours(descriptor: int, path: Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return True  # there, nobody can rename or remove an open file
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another download is writing this file", str(path)) from None
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)  # not renamed between our two calls


def _rename_without_replacing(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: then there is a moment between looking and renaming
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        path.rename(target)
    else:
        path.unlink()


def _sync_folder(folder: Path) -> None:
    """So that the name is on the disk, too, where the folder lets us: the file is there either way."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
