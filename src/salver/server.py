"""`http.server`, by swapping an import: every public name of the standard library's module, with its contract.

`docs/compatibility.md` lists what differs, and why. `python -m salver.server` is `python -m http.server`.
"""

import os
from http import HTTPStatus
from http.server import DEFAULT_ERROR_CONTENT_TYPE, DEFAULT_ERROR_MESSAGE  # type: ignore[attr-defined]

from salver.classes.adapter import as_handler
from salver.classes.cgi import CGIHTTPRequestHandler, _url_collapse_path, executable, nobody_uid
from salver.classes.command import _get_best_family, main, test
from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.http_server import HTTPServer, ThreadingHTTPServer
from salver.classes.https_server import HTTPSServer, ThreadingHTTPSServer
from salver.classes.simple import SimpleHTTPRequestHandler
from salver.classes.tutorial_servers import BaseHTTPServer, SimpleHTTPServer

__all__ = [
    "BaseHTTPRequestHandler",
    "BaseHTTPServer",
    "CGIHTTPRequestHandler",
    "HTTPSServer",
    "HTTPServer",
    "SimpleHTTPRequestHandler",
    "SimpleHTTPServer",
    "ThreadingHTTPSServer",
    "ThreadingHTTPServer",
    "as_handler",
]

nobody: int | None = None  # where the standard library remembers what `nobody_uid` found; it is looked up here

if __name__ == "__main__":
    main()
