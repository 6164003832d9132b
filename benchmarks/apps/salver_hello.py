"""What Salver runs: the answers of `peer_apps`, by a Handler. `python salver_hello.py PORT [CERT KEY]`."""

from __future__ import annotations

import sys
import time

from salver import Request, TLSFiles, serve


def hello(request: Request) -> str:
    """`Hello, World!`; on /slow after a pause that nobody told the server about."""
    if request.target == "/slow":
        time.sleep(0.05)
    return "Hello, World!"


if __name__ == "__main__":
    keys = TLSFiles(sys.argv[2], sys.argv[3]) if sys.argv[2:] else None
    serve(hello, bind=f"127.0.0.1:{sys.argv[1]}", access_log=None, tls=keys)
