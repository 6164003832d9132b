"""What a parameter may be."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest

from salver.app.converters import BUILT_IN

_UUID = UUID("6f1b2c3d-0000-4000-8000-0123456789ab")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("str", "a b", "a b"),
        ("str", "...", "..."),
        ("int", "0", 0),
        ("int", "007", 7),
        ("int", "9" * 19, int("9" * 19)),
        ("float", "1", 1.0),
        ("float", "-0.5", -0.5),
        ("uuid", str(_UUID), _UUID),
        ("uuid", str(_UUID).upper(), _UUID),
        ("path", "a", "a"),
        ("path", "a/b/", "a/b/"),
    ],
)
def test_reads(name: str, text: str, value: Any) -> None:
    read = BUILT_IN[name]().parse(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("int", text) for text in ("1_0", "+5", " 5", "5\n", "٥", "²", "-1", "9" * 20, "", "1.0", "x")),
        *(("float", text) for text in ("1.", ".5", "+1", "1e5", "nan", "inf", "1_0", "٥", "1.5\n", "--1")),
        *(("uuid", text) for text in ("6f1b2c3d", _UUID.hex, f"{{{_UUID}}}", f"urn:uuid:{_UUID}", f"{_UUID}\n")),
        *(("path", text) for text in ("/a", "//evil", "..", "a/../b", "./a", "a/.")),
        *(("str", text) for text in (".", "..")),
    ],
)
def test_reads_nothing_else(name: str, text: str) -> None:
    with pytest.raises(ValueError):
        BUILT_IN[name]().parse(text)


@pytest.mark.parametrize(("name", "value", "text"), [("float", 2, "2.0"), ("uuid", _UUID, str(_UUID)), ("int", 5, "5")])
def test_writes_what_it_reads(name: str, value: Any, text: str) -> None:
    converter = BUILT_IN[name]()
    assert converter.format(value) == text and converter.parse(text) == value


def test_a_long_text_is_read_in_no_time() -> None:
    begin = time.perf_counter()
    for converter in (make() for make in BUILT_IN.values()):
        for text in ("9" * 100_000, "a" * 100_000, "1." * 50_000, "-" * 100_000, "a/" * 50_000):
            try:
                converter.parse(text)
            except ValueError:
                pass
    assert time.perf_counter() - begin < 2
