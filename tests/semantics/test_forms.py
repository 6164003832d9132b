"""Queries and urlencoded forms, as the URL Standard has them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.errors import RemoteProtocolError
from salver.semantics.forms import parse_urlencoded


@pytest.mark.parametrize(
    ("data", "pairs"),
    [
        (b"", []),
        (b"a=b&c=d&e=1", [("a", "b"), ("c", "d"), ("e", "1")]),
        (b"a", [("a", "")]),
        (b"=b", [("", "b")]),
        (b"=", [("", "")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"a+b=c+d%2B", [("a b", "c d+")]),
        (b"a=%E2%82%AC", [("a", "€")]),
        (b"a=%e2%82%ac", [("a", "€")]),
        (b"a=\xe2\x82\xac", [("a", "€")]),
        (b"a=%FF", [("a", "�")]),
        (b"a=%F0%9F%92", [("a", "�")]),
        (b"a=%EF%BB%BFb", [("a", "\ufeffb")]),
        (b"a=%&b=%4&c=%zz&d=%%41", [("a", "%"), ("b", "%4"), ("c", "%zz"), ("d", "%A")]),
        (b"a=%00", [("a", "\0")]),
        (b"a;b=1", [("a;b", "1")]),
    ],
)
def test_pairs(data: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_urlencoded(data) == pairs


def test_no_more_pairs_than_allowed() -> None:
    assert len(parse_urlencoded(b"&".join([b"a=1"] * 1_000))) == 1_000
    for data in (b"&".join([b"a=1"] * 1_001), b"&".join([b"a"] * 100_000), b"&" * 1_000_000):
        with pytest.raises(RemoteProtocolError) as caught:
            parse_urlencoded(data)
        assert caught.value.status == 413
    with pytest.raises(RemoteProtocolError):
        parse_urlencoded(b"a&b", 1)


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=20))
def test_what_is_encoded_comes_back(pairs: list[tuple[str, str]]) -> None:
    pairs = [
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode()) for name, value in pairs
    ]
    assert parse_urlencoded(urlencode(pairs).encode()) == pairs


@given(st.binary(max_size=200))
def test_nothing_breaks_it_and_the_standard_library_agrees(data: bytes) -> None:
    theirs = parse_qsl(data.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")
    ours = parse_urlencoded(data)
    if data.isascii():
        assert ours == theirs
