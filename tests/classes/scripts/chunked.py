"""A download whose length nobody knows, in chunks made by hand."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Download(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def write_chunk(self, data):
        self.wfile.write(b"%X\r\n%s\r\n" % (len(data), data))

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Disposition", 'attachment; filename="numbers.csv"')
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, 100_000, 1000):
            self.write_chunk("".join(f"{n},{n * n}\n" for n in range(start, start + 1000)).encode())
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Download) as server:
        print(server.server_port, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("closed", flush=True)
