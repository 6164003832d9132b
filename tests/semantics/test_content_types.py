"""Content-Type taken apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.content_types import is_json_type, parse_content_type


@pytest.mark.parametrize(
    ("value", "media_type", "parameters"),
    [
        ("text/html", "text/html", {}),
        (" Text/HTML ; Charset=UTF-8 ", "text/html", {"charset": "UTF-8"}),
        ("text/html;charset=utf-8", "text/html", {"charset": "utf-8"}),
        ('a/b; x="1;2, \\"3\\\\"; y=z', "a/b", {"x": '1;2, "3\\', "y": "z"}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ("a/b; x=1; X=2", "a/b", {"x": "1"}),
        ("a/b;; ;x=1;", "a/b", {"x": "1"}),
        ("a/b; boundary=--=_a/b.c:1?", "a/b", {"boundary": "--=_a/b.c:1?"}),
        ("a/b; x=1 y=2; z=3", "a/b", {}),
        ("a/b; x", "a/b", {}),
        ("a/b; x=; y=1", "a/b", {}),
        ('a/b; x="1; y=2', "a/b", {}),
        ("", "", {}),
        ("a", "", {}),
        ("a/b c", "", {}),
        ("a/b, c/d; x=1", "", {}),
        ("/", "", {}),
    ],
)
def test_parsed(value: str, media_type: str, parameters: dict[str, str]) -> None:
    assert parse_content_type(value) == (media_type, parameters)


@pytest.mark.parametrize(
    "value",
    [
        'a/b; x="' + "\\" * 100_000,
        "a/b" + ";" * 100_000,
        'a/b; x="' + '\\"' * 50_000 + '"',
        "a/b" + " " * 100_000 + "x",
    ],
)
def test_in_linear_time(value: str, patience: float) -> None:
    begun = time.perf_counter()
    parse_content_type(value)
    assert time.perf_counter() - begun < 0.2 * patience


@given(st.text(max_size=50))
def test_nothing_breaks_it(value: str) -> None:
    parse_content_type("a/b;" + value)


@pytest.mark.parametrize(
    ("media_type", "answer"),
    [
        ("application/json", True),
        ("application/problem+json", True),
        ("text/json", True),
        ("text/plain", False),
        ("", False),
    ],
)
def test_json(media_type: str, answer: bool) -> None:
    assert is_json_type(media_type) is answer
