"""The callback of a login: one request, and the script goes on."""

import http.server
import sys
from urllib.parse import parse_qs, urlparse


class Callback(http.server.BaseHTTPRequestHandler):
    code = None

    def do_GET(self):
        Callback.code = parse_qs(urlparse(self.path).query).get("code", [None])[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"You can close this window.")

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("localhost", int(sys.argv[1])), Callback)
print(server.server_port, flush=True)
while Callback.code is None:
    server.handle_request()
print(f"got {Callback.code}", flush=True)
