"""HTTP dates: one form written, three read (RFC 9110 §5.6.7).

Each form is matched in full first and then checked against the calendar, so that what is not a date is None and
never an exception. Nothing here asks the locale: names of days and months are English whatever the process speaks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name: number for number, name in enumerate(_MONTHS, 1)}

_DAY = f"(?:{'|'.join(_DAYS)})"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = (
    re.compile(f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),  # IMF-fixdate
    re.compile(f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),  # rfc850-date
    re.compile(f"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),  # asctime-date
)


def format_date(seconds: float) -> str:
    """`seconds` since 1970 as an IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT"; fractions are cut off (downwards).

    Raises OverflowError, OSError or ValueError for a time outside the years 1 to 9999, as `time.gmtime` does.
    """
    year, month, day, hour, minute, second, weekday, _, _ = time.gmtime(seconds // 1)
    if not 1 <= year <= 9999:
        raise ValueError(f"an HTTP date has a year of four digits, not {year}")
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def parse_date(text: str, clock: Callable[[], float] = time.time) -> int | None:
    """The seconds since 1970 that an HTTP date stands for, None for what is not one.

    `clock` is asked for the present only where a year has two digits (§5.6.7: more than 50 years ahead is in the
    past). The day's name must be one, and need not be the right one; a leap second is the next one's first.
    """
    for form in _FORMS:
        matched = form.fullmatch(text)
        if matched is not None:
            return _seconds(matched, clock)
    return None


def _seconds(matched: re.Match[str], clock: Callable[[], float]) -> int | None:
    year, month, day = int(matched["year"]), _MONTH_NUMBER[matched["month"]], int(matched["day"])
    hour, minute, second = int(matched["hour"]), int(matched["minute"]), int(matched["second"])
    if len(matched["year"]) == 2:
        year = _full_year(year, time.gmtime(clock()).tm_year)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return None if second > 60 else int(moment.timestamp()) + second // 60


def _full_year(two_digits: int, this_year: int) -> int:
    year = this_year - this_year % 100 + two_digits
    return year - 100 if year > this_year + 50 else year
