"""A proxy on urllib: forward for whole URLs, reverse for paths, and CONNECT as a tunnel."""

import select
import shutil
import socket
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BACKEND = sys.argv[2]
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host"}
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Proxy(BaseHTTPRequestHandler):
    def do_GET(self):
        url = self.path if self.path.startswith("http://") else BACKEND + self.path
        length = int(self.headers.get("content-length", 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        headers["X-Forwarded-For"] = self.client_address[0]
        request = urllib.request.Request(url, self.rfile.read(length) or None, headers, method=self.command)
        try:
            response = opener.open(request, timeout=5)
        except urllib.error.HTTPError as e:
            response = e
        except OSError as e:
            self.send_error(502, "Bad Gateway", str(e))
            return
        with response:
            self.send_response_only(response.status, response.reason)
            for key, value in response.headers.items():
                if key.lower() not in HOP_BY_HOP:
                    self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                shutil.copyfileobj(response, self.wfile)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def log_message(self, *args):
        pass


class Tunnel(Proxy):
    def do_CONNECT(self):
        host, _, port = self.path.rpartition(":")
        try:
            there = socket.create_connection((host, int(port)), timeout=5)
        except OSError as e:
            self.send_error(502, "Bad Gateway", str(e))
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        here = self.connection
        with there:
            while True:
                ready, _, _ = select.select([here, there], [], [], 10)
                for one, other in ((here, there), (there, here)):
                    if one in ready:
                        data = one.recv(8192)
                        if not data:
                            return
                        other.sendall(data)
                if not ready:
                    return


if __name__ == "__main__":
    handler = Tunnel if "--tunnel" in sys.argv else Proxy
    httpd = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler)
    print(httpd.server_port, flush=True)
    try:
        httpd.serve_forever()
    except KeyboardInterrupt:
        print("closed", flush=True)
