"""Basic authentication in a handler made by a function, with parse_request overridden."""

import base64
import functools
import sys
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64encode(b"user:word").decode()


class Guarded(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self):
        if not super().parse_request():
            return False
        if self.headers.get("Authorization") == f"Basic {KEY}":
            return True
        self.send_response(HTTPStatus.UNAUTHORIZED)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), functools.partial(Guarded, directory=sys.argv[2]))
print(server.server_port, flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    print("closed", flush=True)
