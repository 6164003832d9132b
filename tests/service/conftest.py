"""What the tests of the service share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from salver.service.server import Server
from tests.service.tls_serving import Keys, serving


@pytest.fixture
def tls_server(tls_pair: Keys) -> Iterator[Server]:
    with serving(tls_pair) as served:
        yield served
