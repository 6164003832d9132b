"""Uploads kept in a folder, and a greeting. `python uploads.py PORT FOLDER`."""

from __future__ import annotations

import sys
import time
from typing import Any

from salver import Request, serve
from salver.handler import HandlerOptions

GIB = 1 << 30


class Uploads:
    """POST /upload keeps the file of the form's field "file" and answers with its size and the seconds that took."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def salver_options_for(self, request: Request) -> HandlerOptions:
        """An upload is read while it arrives, in a thread that may wait."""
        if request.method != "POST":
            return HandlerOptions()
        return HandlerOptions(blocking=True, stream_body=True, max_body=4 * GIB)

    def __call__(self, request: Request) -> str | dict[str, Any]:
        """The answer."""
        if request.method != "POST":
            return "Hello, World!"
        began = time.perf_counter()
        request.read_form(folder=self._folder)
        upload = request.files["file"]
        path = upload.save_to(self._folder)
        seconds = time.perf_counter() - began
        size = path.stat().st_size
        path.unlink()
        return {"size": size, "seconds": seconds}


if __name__ == "__main__":
    serve(Uploads(sys.argv[2]), bind=f"127.0.0.1:{sys.argv[1]}", access_log=None)
