"""What a script writes to its standard error, as lines of the log: one line each, what could steer a terminal escaped,
and no more than a share of the log, whatever the script does."""

from __future__ import annotations

import logging

logger = logging.getLogger("salver.cgi")

_LONGEST = 2_000  # bytes of a line; the rest is another line


class Complaints:
    """The standard error of one run. Not thread-safe."""

    __slots__ = ("_left", "_name", "_rest")

    def __init__(self, name: str, most: int) -> None:
        """`name` is shown with each line; `most` bytes are logged, and then nothing."""
        self._name = name
        self._left = most
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Take what came; whole lines are logged."""
        if not self._left:
            return
        capped = len(data) >= self._left
        self._rest += data[: self._left]
        self._left -= min(len(data), self._left)
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self._log(line)
        while len(self._rest) >= _LONGEST:
            self._log(self._rest[:_LONGEST])
            self._rest = self._rest[_LONGEST:]
        if capped:
            self.close()
            logger.warning("%s: writes too much to its standard error; the rest is dropped", self._name)

    def close(self) -> None:
        """Log what came without an end of line."""
        rest, self._rest = self._rest, b""
        self._log(rest)

    def _log(self, line: bytes) -> None:
        text = line.decode("utf-8", "backslashreplace").rstrip()
        if text:
            logger.warning("%s: %s", self._name, printable(text))


def printable(text: str) -> str:
    """`text` with everything escaped that is not to be seen: controls, lone surrogates, marks that turn the writing
    around."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
