"""Handler classes that many tests serve, and how a reply's head is read."""

from __future__ import annotations

from typing import Any

from salver.server import (
    BaseHTTPRequestHandler,
)

ANY = ("127.0.0.1", 0)


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, body: bytes, status: int = 200, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(f"{self.command} {self.path}".encode())

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        self.answer(self.rfile.read())


class Blocking:
    """A class that takes the blocking way: it overrides a part of the plumbing."""

    def setup(self) -> None:
        super().setup()  # type: ignore[misc]


def head_of(reply: bytes) -> dict[str, str]:
    lines = reply.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)
