"""Where access-log lines go: a descriptor that is written to whole, or a file object that somebody else owns.

Both answer `write` with how much got through and what stopped the rest, instead of raising: the log has to know where
it broke off. Used by one thread, which may block in `write`; this file knows neither lines nor formats.
"""

from __future__ import annotations

import io
import os
from typing import IO, Any, Protocol, Union

Destination = Union[str, "os.PathLike[str]", IO[str], IO[bytes], None]

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class Output(Protocol):
    """An open destination."""

    name: str

    def write(self, data: bytes) -> tuple[int, Exception | None]:
        """Write all of `data`, blocking; (bytes written, None), or how many there were before the error."""

    def reopen(self) -> None:
        """Open the same path anew; nothing, where there is no path. Raises OSError and keeps the old file."""

    def close(self) -> None:
        """Close what was opened here."""


class PathOutput:
    """A file opened for appending: batches of several processes don't mix, because each is one `write`."""

    __slots__ = ("_fd", "name")

    def __init__(self, path: str) -> None:
        """Raises OSError where the path cannot be opened."""
        self.name = path
        self._fd = _open(path)

    def write(self, data: bytes) -> tuple[int, Exception | None]:
        """See `Output.write`."""
        return _write_all(self._fd, data)

    def reopen(self) -> None:
        """See `Output.reopen`."""
        old, self._fd = self._fd, _open(self.name)
        os.close(old)

    def close(self) -> None:
        """See `Output.close`."""
        os.close(self._fd)


class StandardOutput:
    """Descriptor 1, which is not ours to close."""

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = "standard output"

    def write(self, data: bytes) -> tuple[int, Exception | None]:
        """See `Output.write`."""
        return _write_all(1, data)

    def reopen(self) -> None:
        """Nothing: there is no path."""

    def close(self) -> None:
        """Nothing: it is not ours."""


class FileOutput:
    """A file object of the caller's, for text or for bytes; not closed here."""

    __slots__ = ("_file", "_is_text", "name")

    def __init__(self, file: Any) -> None:
        self.name = str(getattr(file, "name", "a file object"))
        self._file = file
        self._is_text = isinstance(file, io.TextIOBase) or hasattr(file, "encoding")

    def write(self, data: bytes) -> tuple[int, Exception | None]:
        """See `Output.write`; all or, as far as can be known, nothing. A closed file gives ValueError."""
        try:
            self._file.write(data.decode("utf-8") if self._is_text else data)
            self._file.flush()
        except (OSError, ValueError) as error:
            return 0, error
        return len(data), None

    def reopen(self) -> None:
        """Nothing: the caller opened it."""

    def close(self) -> None:
        """Nothing: the caller closes it."""


def open_output(destination: Destination) -> Output:
    """The open destination: "-" is standard output, another string or a path is appended to.

    Raises OSError where it cannot be opened; ENXIO for a FIFO that nobody reads.
    """
    if destination == "-":
        return StandardOutput()
    if isinstance(destination, (str, os.PathLike)):
        return PathOutput(os.fspath(destination))
    return FileOutput(destination)


def _open(path: str) -> int:
    """Not blocking, because opening a FIFO would wait for its reader; the descriptor itself blocks."""
    fd = os.open(path, _FLAGS | _NONBLOCK, 0o644)
    if _NONBLOCK:
        os.set_blocking(fd, True)
    return fd


def _write_all(fd: int, data: bytes) -> tuple[int, Exception | None]:
    view, written = memoryview(data), 0
    try:
        while written < len(data):
            written += os.write(fd, view[written:])
    except OSError as error:
        return written, error
    return written, None
