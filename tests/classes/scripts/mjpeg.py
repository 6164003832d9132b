"""A camera: frames as multipart/x-mixed-replace, for as long as somebody looks."""

import io
import sys
import time
from http import server
from socketserver import ThreadingMixIn
from threading import Condition, Thread


class StreamingOutput(io.BufferedIOBase):
    def __init__(self):
        self.frame = None
        self.condition = Condition()

    def write(self, buf):
        with self.condition:
            self.frame = buf
            self.condition.notify_all()


class StreamingHandler(server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/":
            self.send_response(301)
            self.send_header("Location", "/stream.mjpg")
            self.end_headers()
        elif self.path == "/stream.mjpg":
            self.send_response(200)
            self.send_header("Age", 0)
            self.send_header("Cache-Control", "no-cache, private")
            self.send_header("Pragma", "no-cache")
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=FRAME")
            self.end_headers()
            try:
                while True:
                    with output.condition:
                        output.condition.wait()
                        frame = output.frame
                    self.wfile.write(b"--FRAME\r\n")
                    self.send_header("Content-Type", "image/jpeg")
                    self.send_header("Content-Length", len(frame))
                    self.end_headers()
                    self.wfile.write(frame)
                    self.wfile.write(b"\r\n")
            except Exception as e:
                print("gone:", isinstance(e, OSError), flush=True)
        else:
            self.send_error(404)
            self.end_headers()

    def log_message(self, *args):
        pass


class StreamingServer(ThreadingMixIn, server.HTTPServer):
    allow_reuse_address = True
    daemon_threads = True


def film():
    number = 0
    while True:
        output.write(b"\xff\xd8" + b"%06d" % number * 5000 + b"\xff\xd9")
        number += 1
        time.sleep(0.02)


output = StreamingOutput()
Thread(target=film, daemon=True).start()
httpd = StreamingServer(("127.0.0.1", int(sys.argv[1])), StreamingHandler)
print(httpd.server_port, flush=True)
try:
    httpd.serve_forever()
except KeyboardInterrupt:
    print("closed", flush=True)
