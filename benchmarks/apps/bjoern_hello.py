"""bjoern has no command: `python bjoern_hello.py PORT` from this folder."""

from __future__ import annotations

import sys

import bjoern  # type: ignore[import-not-found,unused-ignore]
from peer_apps import wsgi  # type: ignore[import-not-found,unused-ignore]

if __name__ == "__main__":
    bjoern.run(wsgi, "127.0.0.1", int(sys.argv[1]))
