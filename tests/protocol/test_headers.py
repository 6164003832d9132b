"""Fields as applications see them: order, case, combination, change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.headers import Headers, MutableHeaders

PAIRS = [("Host", "a"), ("X", "1"), ("x", "2"), ("Set-Cookie", "c, d")]
names = st.sampled_from(["a", "A", "b", "B", "c"])
values = st.text(max_size=3)


def test_lookup_ignores_case_and_combines_lines() -> None:
    headers = Headers(PAIRS)
    assert headers["HOST"] == "a"
    assert headers["X"] == "1, 2"  # RFC 9110 §5.2
    assert headers.get("nope") is None
    assert headers.get("nope", "-") == "-"
    assert headers.get_all("X") == ["1", "2"]
    assert headers.get_all("nope") == []
    assert headers.fields == PAIRS
    assert "set-COOKIE" in headers
    assert "nope" not in headers
    assert headers.__contains__(5) is False
    assert list(headers) == ["host", "x", "set-cookie"]
    assert len(headers) == 3
    assert repr(headers) == f"Headers({PAIRS!r})"
    with pytest.raises(KeyError):
        headers["nope"]


def test_what_it_is_made_of() -> None:
    assert Headers().fields == []
    assert Headers({"A": "b"}).fields == [("A", "b")]
    assert Headers(iter(PAIRS)).fields == PAIRS
    assert Headers(Headers(PAIRS)).fields == PAIRS
    assert Headers(PAIRS) == Headers(list(PAIRS))


def test_get_all_gives_a_copy() -> None:
    headers = Headers(PAIRS)
    headers.get_all("x").append("3")
    assert headers.get_all("x") == ["1", "2"]


def test_headers_cannot_be_set() -> None:
    with pytest.raises(TypeError):
        Headers(PAIRS)["A"] = "b"  # type: ignore[index]


def test_change() -> None:
    headers = MutableHeaders(PAIRS)
    headers.add("x", "3")
    assert headers["X"] == "1, 2, 3"
    headers["X"] = "9"
    assert headers.fields == [("Host", "a"), ("X", "9"), ("Set-Cookie", "c, d")]
    headers["New"] = "n"
    del headers["HOST"]
    assert headers.fields == [("X", "9"), ("Set-Cookie", "c, d"), ("New", "n")]
    with pytest.raises(KeyError):
        del headers["host"]
    headers.update({"x": "0"})
    assert headers.pop("x") == "0"
    assert headers.setdefault("new", "m") == "n"


def test_a_copy_is_its_own() -> None:
    first = MutableHeaders(PAIRS)
    second = MutableHeaders(first)
    second.add("A", "b")
    assert first.fields == PAIRS


@given(st.lists(st.tuples(names, values)), names, values)
def test_like_a_dict_of_lowered_names(pairs: list[tuple[str, str]], name: str, value: str) -> None:
    headers = MutableHeaders(pairs)
    model: dict[str, list[str]] = {}
    for key, item in pairs:
        model.setdefault(key.lower(), []).append(item)
    assert dict(headers) == {key: ", ".join(items) for key, items in model.items()}
    headers[name] = value
    model[name.lower()] = [value]
    assert list(headers) == list(model)
    assert {key: headers.get_all(key) for key in headers} == model
