"""What the tests of the gateway share: servers that other tests keep running are not taken for scripts left over."""

from __future__ import annotations

import pytest

from tests.gateway.support import OTHERS, children


@pytest.fixture(autouse=True, scope="package")
def others() -> None:
    OTHERS.update(children())
