"""A handler that overrides `handle`: it counts what one connection asks for, and speaks something of its own too."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Counting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0
    lock = threading.Lock()

    def setup(self):
        super().setup()
        with self.lock:
            type(self).connections += 1
        self.requests = 0

    def handle(self):
        self.close_connection = False
        while not self.close_connection:
            self.handle_one_request()
            self.requests += 1

    def do_GET(self):
        body = b"request %d of connection %d" % (self.requests + 1, self.connections)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))[::-1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self):
        super().finish()
        print("finished after", self.requests, flush=True)

    def log_message(self, *args):
        pass


httpd = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Counting)
httpd.daemon_threads = True
print(httpd.server_port, flush=True)
try:
    httpd.serve_forever()
except KeyboardInterrupt:
    print("closed", flush=True)
