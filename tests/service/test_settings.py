"""Settings: the defaults of the design, and the flat names."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from salver.protocol.limits import Limits
from salver.service.settings import Settings, flat_names


def test_the_defaults_are_the_designs() -> None:
    limits, timeouts = Settings().limits, Settings().timeouts
    assert (limits.request_line, limits.header_section, limits.fields, limits.chunk_overhead) == (
        8192,
        32768,
        100,
        4096,
    )
    assert (limits.body, limits.body_in_memory, limits.connections, limits.per_address) == (
        1 << 24,
        1 << 20,
        20000,
        1000,
    )
    assert (limits.read_ahead, limits.pipelined, limits.drain, limits.backlog) == (65536, 32, 262144, 2048)
    assert (timeouts.head, timeouts.idle, timeouts.body, timeouts.body_rate) == (10, 75, 20, 500)
    assert (timeouts.stalled, timeouts.linger, timeouts.stop) == (30, 2, 30)
    assert limits.of_heads() == Limits()


def test_flat_names_reach_their_group() -> None:
    settings = Settings.of(limit_body=5, timeout_idle=1.5, server_name="x", access_log="-")
    assert (settings.limits.body, settings.timeouts.idle, settings.server_name, settings.access_log) == (
        5,
        1.5,
        "x",
        "-",
    )
    assert settings.limits.fields == 100


def test_every_flat_name_is_taken() -> None:
    for name in flat_names():
        Settings.of(**{name: "x" if name == "server_name" else 1})


@pytest.mark.parametrize("name", ["limit_pipelined", "limit_read_ahead", "limit_threads", "limit_connections"])
def test_what_cannot_be_none_at_all(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is at least 1, not 0"):
        Settings.of(**{name: 0})


@pytest.mark.parametrize("name", [name for name in flat_names() if name.startswith(("limit_", "timeout_"))])
@pytest.mark.parametrize("value", [-1, "5", None, True, float("nan")])
def test_what_is_no_number_or_less_than_nothing(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} is "):
        Settings.of(**{name: value})


def test_a_limit_counts_and_a_timeout_may_be_a_fraction_or_never() -> None:
    with pytest.raises(ValueError, match="limit_body is a whole number"):
        Settings.of(limit_body=1.5)
    assert Settings.of(timeout_idle=float("inf"), timeout_head=0.5).timeouts.idle == float("inf")


@pytest.mark.parametrize("name", ["a\r\nX: y", "\0", "é\u20ac", 5, " x"])
def test_a_server_name_that_no_head_may_carry(name: object) -> None:
    with pytest.raises(ValueError, match="server_name"):
        Settings.of(server_name=name)


@pytest.mark.parametrize("name", ["limits", "limit_nothing", "timeout", "colour"])
def test_an_unknown_name_says_which_there_are(name: str) -> None:
    with pytest.raises(TypeError, match=f"no such setting: {name}; there are .*limit_body"):
        Settings.of(**{name: 1})


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().keep_alive = False  # type: ignore[misc]


def test_the_page_names_every_setting_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", page, re.MULTILINE))
    groups: dict[str, Any] = {"limit_": Settings().limits, "timeout_": Settings().timeouts, "": Settings()}
    expected = {
        prefix + each.name: repr(getattr(group, each.name))
        for prefix, group in groups.items()
        for each in dataclasses.fields(group)
        if each.name not in ("limits", "timeouts")
    }
    assert rows == expected
