"""Names: which may be one, and which are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.accounts.errors import BadName, BadNickname
from salver.accounts.names import clean_name, clean_nickname, name_key


@pytest.mark.parametrize(
    "variant",
    [
        "ada",
        "ADA",
        " ada ",
        "ada\t",
        "a\u200bda",
        "ada\ufeff",
        "\u2060ada",
        "ad\u00ada",
        "ａｄａ",
        "𝐚𝐝𝐚",
        "ⓐda",
        "ada\u202e",
    ],
)
def test_the_same_name(variant: str) -> None:
    assert name_key(variant) == name_key("Ada")


@pytest.mark.parametrize(
    ("one", "other"),
    [("straße", "STRASSE"), ("ﬁn", "fin"), ("Å", "A\u030a"), ("a  b", "a b"), ("a\u3000b", "a b"), ("Σας", "σασ")],
)
def test_the_same_by_folding(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("ada", "adb"), ("ä", "a"), ("a b", "ab"), ("1", "l")])
def test_other_names(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    "name", ["ada", "Ada Lovelace", "ada@example.org", "Жанна", "李雷", "Ελένη", "o'neill", "a-b_c.9", "é"]
)
def test_what_may_be_one(name: str) -> None:
    assert clean_name(f"  {name}\u200b ") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\u200b",
        "\u3164",
        "---",
        "a\x00b",
        "a\x1b[2J",
        "a\r\nb",
        "a\u2028b",
        "\ud800",
        "\ue000",
        "x" * 65,
        "x" * 100_000,
        "раypal",  # the first two letters are Cyrillic
        "Αda",  # a Greek alpha
        "a\u0378",  # not assigned
    ],
)
def test_what_may_not(name: str) -> None:
    with pytest.raises(BadName):
        clean_name(name)


def test_nicknames() -> None:
    assert clean_nickname("") == ""
    assert clean_nickname(" Ada ♥ ") == "Ada ♥"
    for nickname in ("x" * 65, "a\nb", "\x07"):
        with pytest.raises(BadNickname):
            clean_nickname(nickname)


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(st.text(max_size=30))
def test_a_clean_name_stays(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except BadName:
        return
    assert clean_name(cleaned) == cleaned
    assert name_key(cleaned) == name_key(name)
