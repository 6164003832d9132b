"""Every public name of the two modules is there, and what an import of them costs."""

from __future__ import annotations

import http.server
import inspect
import socketserver
import subprocess
import sys
from types import ModuleType

import pytest

import salver.server
import salver.socketserver

LATER = {"CGIHTTPRequestHandler", "HTTPSServer", "ThreadingHTTPSServer"}  # of 3.11 to 3.14; of 3.14 on


@pytest.mark.parametrize(
    ("theirs", "ours"), [(http.server, salver.server), (socketserver, salver.socketserver)], ids=["http", "sockets"]
)
def test_every_public_name(theirs: ModuleType, ours: ModuleType) -> None:
    names = {name for name, value in vars(theirs).items() if name[0] != "_" and not inspect.ismodule(value)}
    borrowed = {"BufferedIOBase", "time"}  # what socketserver has imported for itself
    assert not {name for name in names - borrowed if not hasattr(ours, name)}
    assert set(theirs.__all__) <= set(ours.__all__)


def test_what_newer_and_older_versions_have() -> None:
    assert set(salver.server.__all__) >= LATER
    assert all(callable(getattr(salver.server, name)) for name in ("test", "executable", "nobody_uid", "main"))


def test_an_import_brings_no_cgi() -> None:
    code = "import sys, salver.server; print(*sorted(m for m in sys.modules if 'gateway' in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"
