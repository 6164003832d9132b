"""A mapping with several values for a name."""

from __future__ import annotations

import pytest

from salver.semantics.multidict import MultiDict

PAIRS = [("a", "1"), ("b", "2"), ("a", "3")]


def test_the_first_value_is_the_mappings() -> None:
    several = MultiDict(PAIRS)
    assert several["a"] == "1" and several.get("a") == "1" and several.get("z") is None and several.get("z", "0") == "0"
    assert list(several) == ["a", "b"] and len(several) == 2 and dict(several) == {"a": "1", "b": "2"}
    assert "a" in several and "z" not in several and list(several.items()) == [("a", "1"), ("b", "2")]


def test_all_values_in_order() -> None:
    several = MultiDict(PAIRS)
    assert several.get_all("a") == several.getlist("a") == ["1", "3"] and several.get_all("z") == []
    assert several.multi_items() == tuple(PAIRS)


def test_what_is_given_out_changes_nothing() -> None:
    several = MultiDict(PAIRS)
    several.get_all("a").append("9")
    assert several.get_all("a") == ["1", "3"]


def test_a_missing_name() -> None:
    with pytest.raises(KeyError, match="z"):
        MultiDict(PAIRS)["z"]


def test_equality_is_that_of_the_pairs() -> None:
    assert MultiDict(PAIRS) == MultiDict(iter(PAIRS)) and hash(MultiDict(PAIRS)) == hash(MultiDict(PAIRS))
    assert MultiDict(PAIRS) != MultiDict(PAIRS[::-1]) and MultiDict(PAIRS) != dict(PAIRS) and not MultiDict()
    assert repr(MultiDict([("a", 1)])) == "MultiDict([('a', 1)])"
