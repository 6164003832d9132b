"""The three forms of an HTTP date, and everything that only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.dates import format_date, parse_date

EXAMPLE = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
    ],
)
def test_the_three_forms(text: str) -> None:
    assert parse_date(text) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:99 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Okt 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
    ],
)
def test_what_is_not_a_date(text: str) -> None:
    assert parse_date(text) is None


def test_a_leap_second_is_the_next_second() -> None:
    assert parse_date("Sat, 31 Dec 2016 23:59:60 GMT") == parse_date("Sun, 01 Jan 2017 00:00:00 GMT")


@pytest.mark.parametrize(("year", "full"), [("94", 1994), ("26", 2026), ("75", 2075), ("77", 1977)])
def test_two_digits_of_a_year_are_at_most_fifty_years_ahead(year: str, full: int) -> None:
    in_2026 = 1_780_000_000.0
    assert parse_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", lambda: in_2026) == parse_date(
        f"Sun, 06 Nov {full} 08:49:37 GMT"
    )


@given(st.integers(min_value=-62135596800, max_value=253402300799))
def test_what_is_written_is_read(seconds: int) -> None:
    assert parse_date(format_date(seconds)) == seconds


@given(st.text())
def test_no_text_raises(text: str) -> None:
    parse_date(text)


def test_fractions_are_cut_off_downwards() -> None:
    assert format_date(0.9) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert format_date(-0.1) == "Wed, 31 Dec 1969 23:59:59 GMT"


@pytest.mark.parametrize("seconds", [253402300800, -62135596801, 1e30])
def test_a_time_without_a_four_digit_year_is_an_error(seconds: float) -> None:
    with pytest.raises((ValueError, OverflowError, OSError)):
        format_date(seconds)
