"""Texts: each language has every key, with the same numbers in it; Accept-Language chooses."""

from __future__ import annotations

import re

import pytest

from salver.accounts import errors
from salver.accounts.errors import AccountError, BadName, TooManyTries, WeakPassword
from salver.accounts.texts import CHINESE, ENGLISH, TEXTS, WORDS, explained, language_of, words_of


def codes() -> list[str]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AccountError)]
    return sorted({kind.code for kind in kinds if kind is not AccountError})


@pytest.mark.parametrize("table", [TEXTS, WORDS])
def test_every_language_says_everything(table: dict[str, dict[str, str]]) -> None:
    assert table[ENGLISH].keys() == table[CHINESE].keys()
    for key, text in table[ENGLISH].items():
        assert text.strip()
        assert table[CHINESE][key].strip()
        placeholders = re.findall(r"\{\w+\}", text)
        assert re.findall(r"\{\w+\}", table[CHINESE][key]) == placeholders, key


def test_chinese_is_chinese() -> None:
    for text in [*TEXTS[CHINESE].values(), *WORDS[CHINESE].values()]:
        assert re.search("[\u4e00-\u9fff]", text), text


@pytest.mark.parametrize("language", [ENGLISH, CHINESE])
@pytest.mark.parametrize("code", codes())
def test_every_error_has_words(language: str, code: str) -> None:
    error = AccountError()
    error.code = code
    said = explained(error, language)
    assert said != code
    assert "{" not in said


def test_a_rule_that_was_broken_says_its_number() -> None:
    assert explained(WeakPassword(limit=10), ENGLISH) == "A password has at least 10 characters."
    assert explained(BadName(limit=64), CHINESE) == "用户名最多 64 个字符。"
    assert "42 seconds" in explained(TooManyTries(retry_after=42), ENGLISH)


@pytest.mark.parametrize(
    ("field", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("ZH-hant-TW", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.1, zh;q=0.2", "zh"),
        ("fr, de", "en"),
        ("fr, *;q=0.5", "en"),
        ("en;q=0, *", "zh"),
        ("en;q=0, zh;q=0", "en"),
        ("zh;q=2", "en"),
        ("zh;q=0.0001", "en"),
        (",;=q,,zh\x00", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_accept_language(field: str | None, language: str) -> None:
    assert language_of(field) == language
    assert words_of(language_of(field))["log_in"] == {"en": "Log in", "zh": "登录"}[language]
