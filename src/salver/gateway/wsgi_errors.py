"""`wsgi.errors`: what an application complains about becomes lines of the log.

A record is what was written up to a line's end: `print` writes the end of its line apart, and a traceback comes in one
piece, and both are one record. What is not a whole line waits, by thread, for its rest or for `flush`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

logger = logging.getLogger("salver.wsgi")

_LONGEST = 65_536  # characters without an end of line that wait


class ErrorsToLog:
    """A text stream to write to. Safe to use from several threads."""

    __slots__ = ("_waiting",)

    encoding = "utf-8"

    def __init__(self) -> None:
        self._waiting = threading.local()

    def write(self, text: str) -> int:
        """Take `text`; what is a whole line goes to the log. Raises TypeError for what is not str."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors takes str, not {type(text).__name__}")
        waiting = getattr(self._waiting, "text", "") + text
        if len(waiting) < _LONGEST:
            lines, end, rest = waiting.rpartition("\n")
        else:
            lines, end, rest = waiting, "\n", ""
        self._waiting.text = rest
        if end:
            _log(lines)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """What waits is a line."""
        waiting = getattr(self._waiting, "text", "")
        self._waiting.text = ""
        _log(waiting)


def _log(text: str) -> None:
    text = text.rstrip()
    if text:
        logger.error("%s", text)
