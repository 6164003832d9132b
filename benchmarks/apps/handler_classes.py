"""Handler classes on either `ThreadingHTTPServer`: `python handler_classes.py salver|stdlib KIND PORT [FOLDER]`.

The classes are one text; where their base comes from is all that differs.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
from typing import Any

BODY = b"Hello, World!"
PAUSE = 0.05  # seconds
_MODULES = {"salver": "salver.server", "stdlib": "http.server"}


def classes(module: Any) -> dict[str, Any]:
    """The handler classes by kind, on the bases of `module`."""

    class Hello(module.BaseHTTPRequestHandler):  # type: ignore[misc]
        """As in the tutorials, but for the log: a head, then a body, which are two writes."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 - the name it is called by
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *args: object) -> None:
            pass

    class OneWrite(Hello):
        """The same where head and body leave together, so that no delayed acknowledgement is waited for."""

        wbufsize = -1

    class Logged(OneWrite):
        """The same with the base class's line to standard error for each request."""

        log_message = module.BaseHTTPRequestHandler.log_message

    class Sleeping(OneWrite):
        """Blocks for 50 ms, each time."""

        def do_GET(self) -> None:  # noqa: N802 - the name it is called by
            time.sleep(PAUSE)
            super().do_GET()

    class Files(module.SimpleHTTPRequestHandler):  # type: ignore[misc]
        """A folder, a connection for each file, as the base class has it."""

        def log_message(self, *args: object) -> None:
            pass

    class KeptFiles(Files):
        """A folder over connections that stay."""

        protocol_version = "HTTP/1.1"

    class OneWriteFiles(KeptFiles):
        """The same where head and file leave together."""

        wbufsize = -1

    found = (Hello, OneWrite, Logged, Sleeping, Files, KeptFiles, OneWriteFiles)
    return {each.__name__: each for each in found}


def main(whose: str, kind: str, port: str, folder: str = "") -> None:
    """Serve for ever."""
    module = importlib.import_module(_MODULES[whose])
    handler = classes(module)[kind]
    if folder:
        handler = functools.partial(handler, directory=folder)
    module.ThreadingHTTPServer.request_queue_size = 2048  # five, the standard library's, turns the load away
    module.ThreadingHTTPServer(("127.0.0.1", int(port)), handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
