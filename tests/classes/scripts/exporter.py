"""A Prometheus exporter: the server in a daemon thread, the work in the main one."""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Registry:
    def __init__(self):
        self.lock = threading.Lock()
        self.counters = {}

    def inc(self, name, **labels):
        key = (name, tuple(sorted(labels.items())))
        with self.lock:
            self.counters[key] = self.counters.get(key, 0) + 1

    def expose(self):
        lines = ["# HELP jobs_total Jobs done.", "# TYPE jobs_total counter"]
        with self.lock:
            for (name, labels), value in sorted(self.counters.items()):
                inner = ",".join(f'{k}="{v}"' for k, v in labels)
                lines.append(f"{name}{{{inner}}} {value}")
        return "\n".join(lines) + "\n"


def make_handler(registry):
    class MetricsHandler(BaseHTTPRequestHandler):
        server_version = "exporter/1.0"

        def do_GET(self):
            registry.inc("scrapes_total", path=self.path)
            if self.path != "/metrics":
                self.send_response(302)
                self.send_header("Location", "/metrics")
                self.end_headers()
                return
            output = registry.expose().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(output)

        def log_message(self, format, *args):
            """Every few seconds is too often."""

    return MetricsHandler


registry = Registry()
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), make_handler(registry))
thread = threading.Thread(target=server.serve_forever, daemon=True)
thread.start()
print(server.server_port, flush=True)
try:
    while True:
        registry.inc("jobs_total", kind="nightly")
        time.sleep(0.01)
except KeyboardInterrupt:
    server.shutdown()
    thread.join()
    print("closed", flush=True)
