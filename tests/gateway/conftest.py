"""What the tests of the gateway share: what a script must not leave behind. Servers that other tests keep running are
not taken for scripts left over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from salver.gateway import cgi_runner
from tests.gateway.support import OTHERS, children, command_of, descriptors, eventually


@pytest.fixture(autouse=True)
def others() -> None:
    """What runs already when a test begins is not its own."""
    OTHERS.update(children())


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """After each test: no process, no zombie, no descriptor that was not there before it."""
    before = descriptors()
    yield
    assert eventually(lambda: not children()), f"left behind: {[command_of(pid) for pid in children()]}"
    assert eventually(lambda: descriptors() <= before), "a descriptor was left"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    return tmp_path / "cgi"


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script says is waited for to be whole: no test of that depends on how fast the machine is."""
    monkeypatch.setattr(cgi_runner, "_GATHER", 3.0)
