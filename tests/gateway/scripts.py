"""Scripts that are written and run at once, without a server."""

from __future__ import annotations

from pathlib import Path

from salver.gateway import CGIFolder
from salver.response import Response
from tests.gateway.support import request, script

HEAD = "printf 'Content-Type: text/plain\\n\\n'\n"


def run_script(scripts: Path, text: str, *, name: str = "x", **settings) -> Response:
    """The answer of a script to a plain GET."""
    script(scripts, name, text)
    return CGIFolder(scripts, **settings)(request("/" + name))
