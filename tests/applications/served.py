"""Other people's applications, unmodified, served by `salver run module:app`; asked by a client that is not ours."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cli.commands import Running, salver

PROJECTS = Path(__file__).parent / "projects"


@contextlib.contextmanager
def served(target: str, *arguments: str, **env: str) -> Iterator[Running]:
    """The application on a free port; nothing may have been said on standard error at the end."""
    # What their libraries warn of is theirs.
    variables: dict[str, Any] = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore", **env}
    with salver("run", target, *arguments, cwd=PROJECTS, **variables) as server:
        yield server


def url(server: Running, path: str) -> str:
    return server.urls[0].rstrip("/") + path


def peak_memory(server: Running) -> int:
    """Bytes of memory that the process has had at most so far."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
    assert found is not None
    return int(found[1]) * 1024
