"""The names of the package, which cost nothing until they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import salver.middleware


def test_every_name_is_there_also_when_it_is_asked_for_again() -> None:
    for _ in range(2):
        for name in salver.middleware.__all__:
            assert getattr(salver.middleware, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        salver.middleware.nothing


def test_one_costs_nothing_to_who_uses_another() -> None:
    asked = (
        "import sys; from salver.middleware import security_headers; "
        "print(*(name for name in sys.modules if name.startswith('salver.middleware.') or name in "
        "('jinja2', 'itsdangerous', 'brotli')))"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["salver.middleware.security"]
