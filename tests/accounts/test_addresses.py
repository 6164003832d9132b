"""Addresses of mail: which are refused, that none can carry a header along, and when two are the same."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.accounts.addresses import EMAIL_MAX, clean_email, email_key, maybe_email_key
from salver.accounts.errors import BadEmail


@pytest.mark.parametrize(
    "text",
    [
        "a@b", "ada@example.org", "Ada.Lovelace+notes@Example.ORG", "o'hara@example.org", "a_b-c@x-1.example",
        "1@2.3", "!#$%&'*+/=?^_`{|}~@example.org", "ada@bücher.example", "用户@例子.中国", "x" * 64 + "@example.org",
    ],
)  # fmt: skip
def test_what_is_an_address(text: str) -> None:
    assert clean_email(text) == text
    assert clean_email(f"  {text} ") == text


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "ada", "ada@", "@example.org", "a@b@c", "a b@c", "ada@exa mple.org", ".a@b", "a.@b", "a..b@c",
        "a@.b", "a@b.", "a@b..c", "a@-b", "a@b-", "a@[127.0.0.1]", '"a b"@c', "a(b)@c", "<a@b>", "a,b@c", "a;b@c",
        "a@b,c@d", "a@b, c@d", "a\\@b", "Ada <a@b>", "a@b\n", "a@b\r\nBcc: c@d", "a\r\nBcc: c@d@e", "a\0@b", "a\t@b",
        "a@b\x85", "a\u2028@b", "a\u200b@b", "\u202ea@b", "a\u00a0b@c", "\ud800@b", "\U000e0001@b",
        "a\uff20b@c",  # a wide @
        "a\uff0cb@c",  # a wide comma
        "x" * 65 + "@example.org", "a@" + "x" * 64 + ".example", "a@" + "é" * 64 + ".example",
        "a@" + ".".join(["x" * 60] * 5), "x" * 100_000 + "@example.org", "a@xn--\u00e9",
    ],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(BadEmail):
        clean_email(text)
    assert maybe_email_key(text) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.org", "ADA@EXAMPLE.ORG"),
        ("jose\u0301@example.org", "JOS\u00c9@example.org"),
        ("ada@bücher.example", "ada@XN--BCHER-KVA.example"),
        ("ﬁ@example.org", "FI@example.org"),
    ],
)
def test_addresses_that_are_the_same(one: str, other: str) -> None:
    assert email_key(clean_email(one)) == email_key(clean_email(other)) == maybe_email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ada@example.org", "ada@example.com"), ("a.da@example.org", "ada@example.org"), ("a+b@c", "a@c")],
)
def test_addresses_that_are_not(one: str, other: str) -> None:
    assert email_key(clean_email(one)) != email_key(clean_email(other))


@given(st.text(max_size=80) | st.from_regex(r"[^@\s]{1,20}@[^@\s]{1,30}", fullmatch=True))
def test_whatever_is_taken_is_one_line_and_one_address(text: str) -> None:
    """And a header of mail says the same address."""
    try:
        cleaned = clean_email(text)
    except BadEmail:
        return
    assert cleaned.count("@") == 1
    assert cleaned.isprintable()
    assert len(cleaned.encode()) <= EMAIL_MAX
    assert clean_email(cleaned) == cleaned
    key = email_key(cleaned)
    assert len(key) <= 1_024
    assert email_key(key) == key
    if cleaned.isascii():
        message = EmailMessage(policy=SMTP)
        message["To"] = Address(addr_spec=cleaned)
        assert [each.addr_spec for each in message["To"].addresses] == [cleaned]
