"""The dates of cookies, read as browsers read them (RFC 6265 §5.1.1): whatever has a time, a day, a month and a year in
it, in any order and between any delimiters, is a date. HTTP's own dates are read in `dates`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_TOKEN = re.compile(r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Digits, and behind them nothing or what is no digit: `2 DIGIT ( non-digit *OCTET )`.
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")


def parse_cookie_date(text: str) -> float | None:
    """Seconds since 1970, None for what is no date."""
    time: tuple[int, int, int] | None = None
    day = month = year = None
    for token in _TOKEN.findall(text):
        if time is None and (found := _TIME.match(token)):
            time = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)):
            year = _full_year(int(found[1]))
    if time is None or day is None or month is None or year is None or year < 1601:
        return None
    try:
        return datetime(year, month, day, time[0], time[1], time[2], tzinfo=UTC).timestamp()
    except ValueError:  # 31 February, 25 o'clock
        return None


def _full_year(year: int) -> int:
    if 70 <= year <= 99:
        return year + 1900
    return year + 2000 if year <= 69 else year
