"""Preconditions, row by row of RFC 9110 §13.2.2."""

from __future__ import annotations

import pytest

from salver.protocol.headers import Headers
from salver.semantics.conditions import failed_precondition
from salver.semantics.dates import format_date

TAG = '"now"'
MODIFIED = 784111777
SAME, BEFORE, AFTER = format_date(MODIFIED), format_date(MODIFIED - 1), format_date(MODIFIED + 1)

ROWS = [
    # If-Match: strong, wins over If-Unmodified-Since
    ("GET", {"If-Match": TAG}, None),
    ("GET", {"If-Match": '"a", "now"'}, None),
    ("GET", {"If-Match": "*"}, None),
    ("GET", {"If-Match": '"old"'}, 412),
    ("GET", {"If-Match": 'W/"now"'}, 412),
    ("GET", {"If-Match": "garbage"}, 412),
    ("GET", {"If-Match": TAG, "If-Unmodified-Since": BEFORE}, None),
    ("GET", {"If-Match": '"old"', "If-Unmodified-Since": AFTER}, 412),
    # If-Unmodified-Since
    ("GET", {"If-Unmodified-Since": SAME}, None),
    ("GET", {"If-Unmodified-Since": AFTER}, None),
    ("GET", {"If-Unmodified-Since": BEFORE}, 412),
    ("GET", {"If-Unmodified-Since": "yesterday"}, None),
    # If-None-Match: weak, wins over If-Modified-Since
    ("GET", {"If-None-Match": TAG}, 304),
    ("HEAD", {"If-None-Match": 'W/"now"'}, 304),
    ("GET", {"If-None-Match": "*"}, 304),
    ("GET", {"If-None-Match": '"old"'}, None),
    ("PUT", {"If-None-Match": "*"}, 412),
    ("GET", {"If-None-Match": '"old"', "If-Modified-Since": AFTER}, None),
    ("GET", {"If-None-Match": TAG, "If-Modified-Since": BEFORE}, 304),
    # If-Modified-Since: GET and HEAD alone
    ("GET", {"If-Modified-Since": SAME}, 304),
    ("HEAD", {"If-Modified-Since": AFTER}, 304),
    ("GET", {"If-Modified-Since": BEFORE}, None),
    ("GET", {"If-Modified-Since": "Sun, 99 Nov 1994 08:49:37 GMT"}, None),
    ("PUT", {"If-Modified-Since": SAME}, None),
    # steps 1 and 2 come before 3 and 4
    ("GET", {"If-Match": '"old"', "If-None-Match": TAG}, 412),
    ("GET", {"If-Match": TAG, "If-None-Match": TAG}, 304),
    ("GET", {"If-Unmodified-Since": SAME, "If-Modified-Since": SAME}, 304),
    ("GET", {}, None),
]


@pytest.mark.parametrize(("method", "fields", "status"), ROWS)
def test_the_order_of_the_conditions(method: str, fields: dict[str, str], status: int | None) -> None:
    assert failed_precondition(method, Headers(fields), TAG, MODIFIED) == status


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
def test_a_date_says_nothing_about_what_has_none(name: str) -> None:
    assert failed_precondition("GET", Headers({name: BEFORE}), TAG, None) is None


def test_tags_say_nothing_good_about_what_has_none() -> None:
    assert failed_precondition("GET", Headers({"If-Match": TAG}), None, MODIFIED) == 412
    assert failed_precondition("GET", Headers({"If-None-Match": TAG}), None, MODIFIED) is None
