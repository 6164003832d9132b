"""The pytest plugin: one fixture, `salver_client`. pytest loads this file for everybody who has Salver installed, so it
imports nothing until the fixture is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from salver.testing.client import TestClient


@pytest.fixture
def salver_client() -> Iterator[Callable[..., TestClient]]:
    """`salver_client(app, …)` is a `salver.testing.TestClient`, closed at the end of the test."""
    from salver.testing.client import TestClient

    with ExitStack() as clients:

        def make(app: Any, **options: Any) -> TestClient:
            return clients.enter_context(TestClient(app, **options))

        yield make
