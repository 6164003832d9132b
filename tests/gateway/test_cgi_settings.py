"""Settings that cannot be meant are refused when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from salver.gateway.cgi_settings import CGISettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"total_time": -1},
        {"max_running": 0},
        {"max_head": 0},
        {"memory": -1},
        {"grace": -0.1},
        {"environment": {"A=B": "c"}},
        {"environment": {"A": "b\0c"}},
        {"environment": {"": "b"}},
        {"interpreters": {"php": ["php-cgi"]}},
        {"interpreters": {".php": "php-cgi"}},
        {"interpreters": {".php": []}},
    ],
)
def test_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        CGISettings(**wrong)


def test_no_limit_is_a_limit_too() -> None:
    assert CGISettings(memory=None, cpu_seconds=None).memory is None
