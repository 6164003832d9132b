"""Field lines behind the head are lines of a part (multipart/x-mixed-replace, above all): they say nothing of the
response that they are in."""

from __future__ import annotations

from typing import Any

import pytest

from salver.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tests.classes.running import exchange, get, running

PARTS = (b"first", b"and the second", b"third")


class Parts(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=P")
        self.end_headers()
        for part in PARTS:
            self.wfile.write(b"--P\r\n")
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", len(part))
            self.end_headers()
            self.wfile.write(part + b"\r\n")
            self.pause()
        self.wfile.write(b"--P--\r\n")
        self.close_connection = True

    def pause(self):
        pass

    def log_message(self, *args):
        pass


class Flushed(Parts):
    def pause(self):
        self.wfile.flush()


class Blocking(Parts):
    def setup(self):
        super().setup()


@pytest.mark.parametrize("handler_class", [Parts, Flushed, Blocking])
def test_lengths_of_parts_are_not_the_responses(handler_class: Any) -> None:
    with running(ThreadingHTTPServer(("127.0.0.1", 0), handler_class)) as server:
        head, _, body = exchange(server, get(close=False)).partition(b"\r\n\r\n")
    assert b"200 OK" in head
    expected = [
        b"--P\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(part), part) for part in PARTS
    ]
    assert body == b"".join(expected) + b"--P--\r\n"
