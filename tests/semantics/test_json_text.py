"""JSON read strictly and written so that everyone can read it."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.errors import RemoteProtocolError
from salver.semantics.json_text import encode_json, parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true, "é"], "b": {}}', {"a": [1, 2.5, None, True, "é"], "b": {}}),
        (' \t\r\n"x" ', "x"),
        ("0", 0),
        ("-1e3", -1000.0),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\uD83D\\uDE00"', "😀"),
        ('"\\\\ud800"', "\\ud800"),
        ('[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
    ],
)
def test_read(text: str, value: Any) -> None:
    assert parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "not JSON"),
        (b"  ", "not JSON"),
        (b"{", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"1 2", "not JSON"),
        (b"01", "not JSON"),
        (b"[1] // x", "not JSON"),
        (b'"\t"', "not JSON"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"\xff", "UTF-8 at byte 0"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b'{"a": 1, "a": 2}', "two members"),
        (b'{"x": {"a": 1, "b": 0, "\\u0061": 2}}', "two members"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\uDC00": 1}', "surrogate"),
        (b"9" * 5_000, "cannot be taken"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
    ],
)
def test_refused(data: bytes, word: str) -> None:
    with pytest.raises(RemoteProtocolError, match=word) as caught:
        parse_json(data)
    assert caught.value.status == 400


@given(st.binary(max_size=100))
def test_no_other_exception(data: bytes) -> None:
    try:
        parse_json(data)
    except RemoteProtocolError:
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read(value: Any) -> None:
    assert parse_json(encode_json(value)) == value


@dataclasses.dataclass
class Point:
    x: int
    y: Any


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"é": (1, 2)}, b'{"\xc3\xa9":[1,2]}'),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), b'"2026-01-02T03:04:05+00:00"'),
        (datetime.date(2026, 1, 2), b'"2026-01-02"'),
        (datetime.time(3, 4), b'"03:04:00"'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (decimal.Decimal("1.10"), b'"1.10"'),
        (Point(1, Point(2, None)), b'{"x":1,"y":{"x":2,"y":null}}'),
        ("\ud800", b'"\\ud800"'),
    ],
)
def test_written(value: Any, data: bytes) -> None:
    assert encode_json(value) == data
    json.loads(data)


def test_not_written() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for endless in (float("nan"), [float("inf")], circle):
        with pytest.raises(ValueError, match=r"JSON|[Cc]ircular"):
            encode_json(endless)
    for strange in (object(), b"bytes", {1, 2}, Point):
        with pytest.raises(TypeError, match="nothing that JSON has"):
            encode_json(strange)
