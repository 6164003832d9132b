"""A mapping with several values for a name."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Callable
from typing import Any, assert_type

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


class Size(enum.Enum):
    SMALL = "s"


QUERY = MultiDict([("page", "2"), ("page", "x"), ("page", "3"), ("big", "1e999"), ("word", "two"), ("empty", "")])


def test_a_value_is_read_as_a_type() -> None:
    assert_type(QUERY.get("page", 1, type=int), int)
    assert_type(QUERY.get("page", type=int), int | None)
    assert_type(QUERY.get("page", "all", type=int), int | str)
    assert_type(QUERY.get("page", "1"), str)
    assert_type(QUERY.get("page"), str | None)
    assert_type(QUERY.get_all("page", int), list[int])
    assert_type(QUERY.getlist("page", type=float), list[float])
    assert_type(QUERY.get_all("page"), list[str])
    assert QUERY.get("page", 1, type=int) == QUERY.get("page", 1, int) == QUERY.get("page", default=1, type=int) == 2
    assert QUERY.get("none", 1, type=int) == 1 and QUERY.get("none", type=int) is None
    assert QUERY.get("page", default="1") == "2" and QUERY.get("empty", "x", type=str) == ""


def test_what_cannot_be_read_is_left_out_of_a_list() -> None:
    assert QUERY.get_all("page", type=int) == QUERY.getlist("page", int) == [2, 3]
    assert QUERY.get_all("word", type=int) == QUERY.get_all("none", type=int) == []
    assert MultiDict([("a", "1"), ("a", "")]).get_all("a", lambda text: text or None) == ["1", None]


@pytest.mark.parametrize(
    "reader",
    [
        int,
        float,
        decimal.Decimal,
        uuid.UUID,
        datetime.date.fromisoformat,
        datetime.datetime.fromisoformat,
        Size,
        bytes.fromhex,
        lambda text: int(float(text + "e999")),
    ],
)
@pytest.mark.parametrize("text", ["two", "", "9" * 5_000 + "x", "\x00", "\ufffd", "1\n2"])
def test_nothing_that_a_client_sends_raises(reader: Callable[[str], Any], text: str) -> None:
    default = object()
    assert MultiDict([("a", text)]).get("a", default, type=reader) in (default, b"")


@pytest.mark.parametrize("name", ["big", "page"])
def test_what_is_too_large(name: str) -> None:
    assert QUERY.get(name, 0, type=lambda text: int(float(text))) == (0 if name == "big" else 2)


def test_a_readers_own_mistakes_pass() -> None:
    with pytest.raises(TypeError):
        QUERY.get("page", 0, type=lambda text: text + 1)  # type: ignore[operator]
    with pytest.raises(KeyError):
        QUERY.get_all("page", type={"2": "two"}.__getitem__)
