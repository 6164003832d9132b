"""Paths: split before they are decoded, decoded once, and nothing in them but plain names."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.urls import (
    decode_segment,
    is_plain_name,
    is_same_origin_path,
    is_well_formed_path,
    quote_segment,
    split_path,
    uri_of,
)


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        ("/", ("",)),
        ("/a", ("a",)),
        ("/a/b.txt", ("a", "b.txt")),
        ("/a/b/", ("a", "b", "")),
        ("/a%20b/%C3%A9", ("a b", "é")),
        ("/%ff", ("\udcff",)),
        ("/%252e%252e%252fx", ("%2e%2e%2fx",)),
        ("/.git/config", (".git", "config")),
        ("/...x", ("...x",)),
        ("/12:30.txt", ("12:30.txt",)),
        ("/console", ("console",)),
        ("/com10", ("com10",)),
        ("/a+b;c=d", ("a+b;c=d",)),
        ("/%e2%80%ae", ("\u202e",)),
    ],
)
def test_what_names_something(raw: str, segments: tuple[str, ...]) -> None:
    assert split_path(raw) == segments


REFUSED = [
    "", "x", "*", "a/b", "http://host/a", "//", "//abs", "/a//b", "/a//", "/..", "/../x", "/a/../b", "/..%2fx",
    "/%2e%2e/x", "/%2e", "/./x", "/.", "/a/.", "/%2E%2e", "/..\\x", "/..%5cx", "/%2fabs", "/a%2fb", "/a%5Cb", "/%00",
    "/a%00.html", "/%", "/%a", "/%zz", "/%%32", "/a%0ab", "/%0d%0aX-Inj:%201", "/%1b[2J", "/%7f", "/%c2%85", "/CON",
    "/con.txt", "/Con.tar.gz", "/con .x", "/nul", "/aux.h", "/prn", "/com1", "/COM%C2%B9", "/lpt9.x", "/CONIN$",
    "/conout$.txt", "/x/CON/y", "/f.txt::$DATA", "/f.txt:stream:$DATA", "/f::$INDEX_ALLOCATION", "/f:$I30", "/f.",
    "/f...", "/f%20", "/f/ ", "/f%20/x", "/f./x", "/a b", "/a\nb", "/a\x00", "/é", "/a\x7f", "/\ud800",
    "//evil.com/%2f..", "/\\evil",
]  # fmt: skip


@pytest.mark.parametrize("raw", REFUSED)
def test_what_names_nothing(raw: str) -> None:
    assert split_path(raw) is None


@pytest.mark.parametrize(
    ("raw", "yes"), [("/a%20b", True), ("/%zz", False), ("/%", False), ("/%4", False), ("/a b", False), ("/é", False)]
)
def test_well_formed(raw: str, yes: bool) -> None:
    assert is_well_formed_path(raw) is yes


def test_a_long_path_is_fast(patience: float) -> None:
    started = time.thread_time()
    for raw in (
        "/a" * 4_000,
        "/%41" * 2_000,
        "/" + "%" * 8_000,
        "/" + ":" * 8_000,
        "/con" + " " * 8_000 + "x",
        "/" + "." * 7_999 + "x",
    ):
        split_path(raw)
    assert time.thread_time() - started < 0.1 * patience


names = st.binary(min_size=1, max_size=40).map(os.fsdecode)


@given(st.lists(names.filter(is_plain_name), min_size=1, max_size=5))
def test_a_quoted_path_is_split_to_the_same_names(path: list[str]) -> None:
    assert split_path("/" + "/".join(map(quote_segment, path))) == tuple(path)


@given(st.text(alphabet="./\\%2eEfF5cC0aconCON:$ \x00é", max_size=30))
def test_what_is_split_is_plain(raw: str) -> None:
    segments = split_path("/" + raw) or ()
    for segment in segments[:-1] + tuple(filter(None, segments[-1:])):
        assert segment not in (".", "..")
        assert not set("/\\\0") & set(segment)


def test_a_link_never_looks_like_a_scheme_or_a_host() -> None:
    assert quote_segment("javascript:alert(1)") == "javascript%3Aalert(1)"
    assert quote_segment("//evil") == "%2F%2Fevil"
    assert quote_segment("a?b#c\"'<>") == "a%3Fb%23c%22%27%3C%3E"
    assert quote_segment("\udcff é") == "%FF%20%C3%A9"
    assert decode_segment("%FF%20%C3%A9") == "\udcff é"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/", True),
        ("/a/b?x=//y#z", True),
        ("/a//b", True),
        ("/é", True),
        ("", False),
        ("a", False),
        ("?a", False),
        ("//evil", False),
        ("///evil", False),
        ("/\\evil", False),
        ("\\evil", False),
        ("/a\\b", False),
        ("/\t/evil", False),
        ("/\n/evil", False),
        (" /x", False),
        ("/x\r\nX: y", False),
        ("https:evil", False),
        ("https://evil", False),
        ("javascript:alert(1)", False),
        ("/x\x85", False),
    ],
)
def test_targets_of_the_same_origin(text: str, answer: bool) -> None:
    assert is_same_origin_path(text) is answer


@pytest.mark.parametrize(
    ("iri", "uri"),
    [
        ("/a?b=c#d", "/a?b=c#d"),
        ("/é a", "/%C3%A9%20a"),
        ("/%C3%A9", "/%C3%A9"),
        ("https://[::1]:80/x;y=1,2", "https://[::1]:80/x;y=1,2"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/\udcff", "/%FF"),
    ],
)
def test_locations(iri: str, uri: str) -> None:
    assert uri_of(iri) == uri


@pytest.mark.parametrize("iri", ["/\r\nX: y", "/\n", "/\0", "/\x7f", "/\x85"])
def test_locations_refused(iri: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        uri_of(iri)
