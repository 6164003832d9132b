"""The dates of cookies: RFC 6265 §5.1.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.cookie_dates import parse_cookie_date

NOVEMBER = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "06 Nov 94 08:49:37",
        "1994 Nov 6 8:49:37",
        "8:49:37 1994 6 November",
        "6/nov/1994/08:49:37",
        "Sun, 06 Nov 1994 08:49:37 -0800",  # zones are not read
        "Sun, 06 Nov 1994 08:49:37.5 UTC",
        "6th Nov 1994 08:49:37x",
    ],
)
def test_dates(text: str) -> None:
    assert parse_cookie_date(text) == NOVEMBER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sun, 06 Nov 1994",
        "08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1600 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 30 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 006 Nov 994x 08:49:37 GMT",
        "Sun, 06 Nov 19945 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 008:49:37 GMT",
    ],
)
def test_no_dates(text: str) -> None:
    assert parse_cookie_date(text) is None


@pytest.mark.parametrize(("year", "full"), [("69", 2069), ("70", 1970), ("99", 1999), ("00", 2000)])
def test_years_of_two_digits(year: str, full: int) -> None:
    assert parse_cookie_date(f"01 Jan {year} 00:00:00") == parse_cookie_date(f"01 Jan {full} 00:00:00") is not None


@given(st.text(max_size=200) | st.from_regex(r"[0-9a-zA-Z:,\- ]{0,40}"))
def test_whatever_comes(text: str) -> None:
    found = parse_cookie_date(text)
    assert found is None or -11_644_473_600 <= found < 253_402_300_800
