"""A JSON API, as people write them: state on the class, routes by hand, silence in the log."""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Api(BaseHTTPRequestHandler):
    items = {}

    def _send(self, status, value):
        self.send_response(status)
        self.send_header("Content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def do_GET(self):
        match = re.match(r"/items/(\w+)$", self.path)
        if self.path == "/items":
            self._send(200, self.items)
        elif match and match.group(1) in self.items:
            self._send(200, self.items[match.group(1)])
        else:
            self._send(404, {"error": "not found"})

    def do_PUT(self):
        length = int(self.headers["Content-Length"])
        self.items[self.path.rsplit("/", 1)[1]] = json.loads(self.rfile.read(length))
        self._send(201, {"ok": True})

    def log_message(self, format, *args):
        return


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Api)
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    server.server_close()
    print("closed", flush=True)
