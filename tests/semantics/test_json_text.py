"""JSON read strictly and written so that everyone can read it."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.errors import RemoteProtocolError
from salver.semantics import json_text
from salver.semantics.json_text import encode_json, json_reader, parse_json

READ = json_reader()

both = pytest.mark.parametrize("read", [parse_json, READ], ids=["parse_json", "reader"])


@both
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
def test_read(read: Callable[[bytes], Any], text: str, value: Any) -> None:
    assert read(text.encode()) == value


@both
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
        (b"9" * 5_000, "a number has too many digits$"),  # none of Python's words on its settings
        (b'{"a": 1, "a": 2}', "two members"),
        (b'{"x": {"a": 1, "b": 0, "\\u0061": 2}}', "two members"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\uDC00": 1}', "surrogate"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
    ],
)
def test_refused(read: Callable[[bytes], Any], data: bytes, word: str) -> None:
    with pytest.raises(RemoteProtocolError, match=word) as caught:
        read(data)
    assert caught.value.status == 400


@given(st.binary(max_size=100))
def test_no_other_exception(data: bytes) -> None:
    assert outcome(READ, data) == outcome(parse_json, data)


def outcome(read: Any, data: bytes) -> str:
    try:
        return repr(read(data))
    except RemoteProtocolError as error:
        return f"{error.status} {error}"


def between(start: str, parts: list[str], end: str) -> str:
    return start + ",".join(parts) + end


BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t", "\r", "  ", "\x0b"])
STRINGS = st.sampled_from(
    [
        '"a"',
        '"\\u0061"',
        '"b"',
        '":"',
        '" :"',
        '"a:b"',
        '"a\\":"',
        '"\\\\"',
        '"é"',
        '"\\ud83d\\ude00"',
        '"\\udC00"',
        '""',
    ]
)
SCALARS = STRINGS | st.sampled_from(
    [
        "0",
        "-1.50",
        "-0.0",
        "1e5",
        "1E+400",
        "-1e999",
        "1e-999",
        "9" * 320 + ".0",
        "9" * 320,
        "null",
        "true",
        "NaN",
        "01",
    ]
)
TEXTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds(between, st.just("["), st.lists(inner, max_size=4), st.just("]"))
        | st.builds(
            between,
            st.just("{"),
            st.lists(st.tuples(BLANKS, STRINGS, BLANKS, st.just(":"), BLANKS, inner, BLANKS).map("".join), max_size=4),
            st.just("}"),
        )
    ),
    max_leaves=12,
)


@given(BLANKS, TEXTS, BLANKS)
def test_a_reader_reads_as_parse_json(before: str, text: str, behind: str) -> None:
    data = (before + text + behind).encode()
    assert outcome(READ, data) == outcome(parse_json, data)


@pytest.mark.parametrize(
    "text",
    [
        '{"a" :1,"a":2}',  # as many colons behind a quote as members are left
        '{"a":1,"a" :[":"]}',
        '{"a":1,"a":2,"b":":"}',
        '{"a":{"x":1,"x":":"},"b":"\\":"}',
        '{"a":1,"\\u0061":2}',
    ],
)
def test_no_count_hides_a_member_twice(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="two members"):
        READ(text.encode())


@pytest.fixture
def doubted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What a reader could not vouch for; it is read as None."""
    texts: list[bytes] = []
    monkeypatch.setattr(json_text, "parse_json", texts.append)
    return texts


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", " :\n")])
def test_usual_texts_are_read_once(separators: tuple[str, str], doubted: list[bytes]) -> None:
    value = {"at": "12:30:00", "see": "https://example.org/", "list": [{"x": 1.5, "y": {}}, "\n: 😀"]}
    for part in (value, value["list"], "12:30", 1):
        assert READ(json.dumps(part, separators=separators).encode() + b"\n") == part
    assert not doubted


@pytest.mark.parametrize("value", [{":": [":", {'"': ":"}]}, {" : ": " :", "x": "\n:"}])
def test_colons_where_members_have_them(value: Any) -> None:
    assert READ(json.dumps(value).encode()) == value


def test_a_reading_inside_of_a_reading(monkeypatch: pytest.MonkeyPatch, doubted: list[bytes]) -> None:
    """A signal's handler, or a finalizer, runs in the middle of another reading in its thread."""
    finite = json_text._finite

    def interrupted(digits: str) -> float:
        if digits == "0.5":
            assert read(b'{"a":1.0,"b":{"c":2}}') == {"a": 1.0, "b": {"c": 2}}
            assert read(b'[{"a":{"x":1,"x":2}}') is None
        return finite(digits)

    monkeypatch.setattr(json_text, "_finite", interrupted)
    read = json_reader()
    assert read(b'[{"x":0.5,"y":{"z":0.5}},{}]') == [{"x": 0.5, "y": {"z": 0.5}}, {}]
    assert len(doubted) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read(value: Any) -> None:
    assert READ(encode_json(value)) == parse_json(encode_json(value)) == value


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
