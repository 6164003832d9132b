"""The line that `log_message` writes for each request: as the standard library's, made quickly."""

from __future__ import annotations

import itertools
import time
from functools import lru_cache

_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# C0, DEL and C1 as \xHH: a log is read in terminals.
_CONTROLS = {c: rf"\x{c:02x}" for c in itertools.chain(range(0x20), range(0x7F, 0xA0))}
_ESCAPED = str.maketrans(_CONTROLS | {ord("\\"): r"\\"})


def escaped(message: str) -> str:
    """`message` without a control character, on one line."""
    if message.isascii() and message.isprintable() and "\\" not in message:
        return message
    return message.translate(_ESCAPED)


def log_date() -> str:
    """The present as "21/Nov/2026 04:40:00", local time."""
    return _log_date(int(time.time()))


@lru_cache(1)
def _log_date(second: int) -> str:
    year, month, day, hour, minute, sec, _, _, _ = time.localtime(second)
    return f"{day:02}/{_MONTHS[month]}/{year:04} {hour:02}:{minute:02}:{sec:02}"
