"""Patterns of paths as they are written."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.app.patterns import Parameter, PatternError, parse_pattern

_ID = Parameter("id", "int")


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", ()),
        ("/", (("",),)),
        ("/a", (("a",),)),
        ("/a/", (("a",), ("",))),
        ("/käse/ü b", (("käse",), ("ü b",))),
        ("/users/{id:int}", (("users",), (_ID,))),
        ("/users/<int:id>", (("users",), (_ID,))),
        ("/{id}", ((Parameter("id", "str"),),)),
        ("/<id>/", ((Parameter("id", "str"),), ("",))),
        ("/{name}.{ending}", ((Parameter("name", "str"), ".", Parameter("ending", "str")),)),
        ("/v{id:int}-x", (("v", _ID, "-x"),)),
        ("/files/{rest:path}/edit", (("files",), (Parameter("rest", "path"),), ("edit",))),
        ("/.well-known/a..b", ((".well-known",), ("a..b",))),
    ],
)
def test_what_is_written(text: str, segments: object) -> None:
    pattern = parse_pattern(text)
    assert (pattern.text, pattern.segments) == (text, segments)
    assert pattern.is_literal is ("{" not in text and "<" not in text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("users", "begins with no slash"),
        ("//a", "two slashes"),
        ("/a//b", "two slashes"),
        ("/a/../b", "dot segment"),
        ("/.", "dot segment"),
        ("/a%20b", "decoded"),
        ("/a?b", "character"),
        ("/a#b", "character"),
        ("/a\\b", "character"),
        ("/a\nb", "character"),
        ("/{id", "brace"),
        ("/id}", "brace"),
        ("/<id", "brace"),
        ("/{}", "no parameter"),
        ("/{1d}", "no parameter"),
        ("/{id:int:x}", "no parameter"),
        ("/{a b}", "no parameter"),
        ("/<int:>", "no parameter"),
        ("/{a}{b}", "nothing between"),
        ("/{a}/{a}", "two parameters named 'a'"),
        ("/{a}-<int:a>", "two parameters named 'a'"),
        (5, "a str"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(PatternError, match=says) as caught:
        parse_pattern(text)
    assert repr(text) in str(caught.value)


@given(st.text(st.sampled_from("/{}<>:.%a1_-" + string.whitespace), max_size=40))
def test_a_text_is_a_pattern_or_an_error_that_says_so(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except PatternError:
        return
    rebuilt = "".join(
        "/" + "".join(part if isinstance(part, str) else f"{{{part.name}:{part.converter}}}" for part in segment)
        for segment in pattern.segments
    )
    assert parse_pattern(rebuilt).segments == pattern.segments
