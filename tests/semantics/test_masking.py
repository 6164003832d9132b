"""What looks like a secret is not shown."""

from __future__ import annotations

import time

import pytest

from salver.semantics.masking import MASK, is_secret_name, looks_secret, shown_target, without_secrets


@pytest.mark.parametrize("name", ["password", "DB_PASSWD", "X-Api-Key", "access_token", "csrftoken", "SESSION"])
def test_names_that_look_secret(name: str) -> None:
    assert is_secret_name(name) and looks_secret(f"{name}=x") and looks_secret(f"{name}: x")


@pytest.mark.parametrize("text", ["page=2", "q=the+token", "key=1", "passenger=3", ""])
def test_what_does_not(text: str) -> None:
    assert not looks_secret(text) and without_secrets(text) == text


@pytest.mark.parametrize(
    "text", ["token" * 4_000, "password='" + "\\" * 20_000, "a" * 20_000, "://" + "a" * 20_000, "'" * 20_000]
)
def test_time_is_linear(text: str) -> None:
    began = time.thread_time()
    without_secrets(text)
    shown_target("/?" + text)
    assert time.thread_time() - began < 2.0


def test_source_keeps_what_is_no_literal() -> None:
    assert without_secrets("token = request.form[key]", bare=False) == "token = request.form[key]"
    assert without_secrets("password = 'hunter2'", bare=False) == f"password = {MASK}"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/", "/"),
        ("/a?", "/a?"),
        ("/a?page=2&sort=name", "/a?page=2&sort=name"),
        ("/a?page=2&token=abc", "/a?***"),
        ("/a?%74oken=abc", "/a?***"),
        ("/a?user%5Bpassword%5D=abc", "/a?***"),
        ("/a?next=http://ada:pw@b.example/", "/a?***"),
        ("http://ada:pw@b.example/a?x=1", f"http://ada:{MASK}@b.example/a?x=1"),
        ("/a?session=1?page=2", "/a?***"),
        ("*", "*"),
    ],
)
def test_targets(target: str, shown: str) -> None:
    assert shown_target(target) == shown


def test_a_target_is_shown_in_so_many_characters() -> None:
    assert shown_target("/" + "a" * 499) == "/" + "a" * 499
    assert shown_target("/" + "a" * 8_000) == "/" + "a" * 498 + "…"
    assert shown_target("/?" + "a" * 8_000 + "&token=x") == "/?***"
    assert shown_target("/abcdef", 4) == "/ab…"
