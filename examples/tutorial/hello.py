"""The first web server: a browser is greeted, whatever it asks for.

python examples/tutorial/hello.py [PORT]
Then open http://127.0.0.1:9999/
"""

import contextlib
import sys

from salver.server import BaseHTTPRequestHandler, BaseHTTPServer


class HelloHandler(BaseHTTPRequestHandler):
    """Without a `do_GET`, so that the server's own greeting answers GET. `do_POST` shows how one writes a response."""

    def do_POST(self) -> None:
        self.write_response(200)
        self.write_header("Content-Type", "text/plain; charset=utf-8")
        self.write_content(f"You said: {self.body}\n")
        self.send()  # with the Content-Length of what was written


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9999)
    with contextlib.suppress(KeyboardInterrupt), BaseHTTPServer(address, HelloHandler) as server:
        print(f"Greeting on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
