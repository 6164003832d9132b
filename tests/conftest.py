"""What every test can ask for: outside programs, and how much hypothesis tries.

`program("curl")` gives its path, or skips with what is missing. `patience` widens a bound on time where coverage traces
every line. HYPOTHESIS_PROFILE=thorough tries more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


@pytest.fixture(scope="session")
def tls_keys(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, Path]]:
    """`tls_keys(name)` makes a certificate for localhost and 127.0.0.1 with `name` as its subject, and its key (ECDSA,
    P-256), in two PEM files that are a test's own."""

    def make(name: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("tls")
        cert, key = folder / "cert.pem", folder / "key.pem"
        command = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-nodes", "-subj", f"/CN={name}", "-days", "30", "-keyout", str(key), "-out", str(cert)]
        command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        return cert, key

    return make


@pytest.fixture(scope="session")
def tls_pair(tls_keys: Callable[[str], tuple[Path, Path]]) -> tuple[Path, Path]:
    """A certificate and its key that every test may read, and none may write."""
    return tls_keys("shared")
