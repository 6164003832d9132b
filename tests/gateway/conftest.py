"""What the tests of the gateway share: that servers of other tests, still running, are not taken for scripts left over."""

from __future__ import annotations

import pytest

from tests.gateway.support import OTHERS, children


@pytest.fixture(autouse=True, scope="package")
def others() -> None:
    OTHERS.update(children())
