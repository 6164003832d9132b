"""What every test can ask for: outside programs, and how much hypothesis tries.

`program("curl")` gives its path, or skips with what is missing. `patience` widens a bound on time where coverage traces
every line. HYPOTHESIS_PROFILE=thorough tries more.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable

import hypothesis
import pytest

# No deadline: a busy machine makes one example slow, and that is no finding. The time limit of a test still holds.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=5_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """`program(name)` is the path of an outside program; without it the test is skipped, with the reason."""

    def find(name: str) -> str:
        path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
        if path is None:
            pytest.skip(f"needs the program {name}, which is not installed")
        return path

    return find


@pytest.fixture
def patience() -> float:
    """The factor by which code that is traced for coverage may be slower than a bound for code that is not."""
    return 1.0 if sys.gettrace() is None else 8.0
