"""One folder, served once for all the programs that only read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.serving import Served, fill, served


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("site")
    fill(folder)
    with served(folder) as running:
        yield running
