"""What the tests of the network layer share: both kinds of poller, listeners that are closed afterwards, and a folder
with a short path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salver.net.address import parse_address
from salver.net.listener import Listener, open_listeners


@pytest.fixture
def listen() -> Iterator[Callable[..., list[Listener]]]:
    opened: list[Listener] = []

    def open_one(text: str, **options: object) -> list[Listener]:
        made = open_listeners(parse_address(text), **options)  # type: ignore[arg-type]
        opened.extend(made)
        return made

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.fixture(params=["epoll", "selectors"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
