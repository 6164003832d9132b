"""Lists of entity tags, their two comparisons, and how long they may take."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.etags import TagList, encoded_etag, equal_strongly, is_entity_tag


@pytest.mark.parametrize(
    ("value", "strong", "weak"),
    [
        ('"a"', {'"a"'}, set()),
        ('W/"a"', set(), {'"a"'}),
        ('"a", W/"b" ,"c"', {'"a"', '"c"'}, {'"b"'}),
        (',, "a",\t,"b",', {'"a"', '"b"'}, set()),
        ('""', {'""'}, set()),
        ('"a,b", "c d"', {'"a,b"'}, set()),
        ('"a" "b"', set(), set()),
        ('"a", b, "c"', {'"a"'}, set()),
        ('w/"a"', set(), set()),
        ('"a', set(), set()),
        ("a", set(), set()),
        ('"\xe9"', {'"\xe9"'}, set()),
        ('"a", *', {'"a"'}, set()),
        ("", set(), set()),
    ],
)
def test_lists(value: str, strong: set[str], weak: set[str]) -> None:
    tags = TagList(value)
    assert (set(tags.strong), set(tags.weak), tags.any) == (strong, weak, False)


# RFC 9110 §8.8.3.2, the table
@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', 'W/"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_comparison(one: str, other: str, strongly: bool, weakly: bool) -> None:
    assert equal_strongly(one, other) is strongly
    assert TagList(one).matches_strongly(other) is strongly
    assert TagList(one).matches_weakly(other) is weakly


@pytest.mark.parametrize("value", ["*", " *\t"])
def test_the_star_matches_whatever_is_there(value: str) -> None:
    tags = TagList(value)
    assert tags.matches_strongly('"a"')
    assert tags.matches_weakly('W/"a"')
    assert tags.matches_strongly(None)
    assert tags.matches_weakly(None)


def test_nothing_matches_a_representation_without_a_tag() -> None:
    tags = TagList('"a"')
    assert not tags.matches_strongly(None)
    assert not tags.matches_weakly(None)


@pytest.mark.parametrize(
    ("value", "yes"), [('"a"', True), ('W/"a"', True), ('"a","b"', False), ("a", False), ('"a" ', False)]
)
def test_one_tag(value: str, yes: bool) -> None:
    assert is_entity_tag(value) is yes


def test_an_encoded_representation_has_its_own_tag() -> None:
    assert encoded_etag('"a-b"', "gzip") == '"a-b-gzip"'


@pytest.mark.parametrize(
    "value",
    [
        ", ".join(f'"tag-number-{number}"' for number in range(1500)),
        "," * 32_000,
        '"' * 32_000,
        " \t" * 16_000,
        ('"' + "a" * 50) * 600,
        'W/"a" ' * 5_000,
    ],
)
def test_a_long_list_is_fast(value: str, patience: float) -> None:
    started = time.thread_time()
    TagList(value)
    assert time.thread_time() - started < 0.02 * patience


@given(st.text(alphabet='W/"*, \tab\\\x7f'))
def test_no_value_raises_and_every_tag_found_was_in_it(value: str) -> None:
    tags = TagList(value)
    assert all(tag in value for tag in tags.strong)
    assert all("W/" + tag in value for tag in tags.weak)
