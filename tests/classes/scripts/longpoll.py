"""A chat by long polling: a GET waits until somebody says something, or a while."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

said = []
news = threading.Condition()


class Chat(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, value=None):
        body = b"" if value is None else json.dumps(value).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        since = int(query.get("since", ["0"])[0])
        wait = float(query.get("wait", ["5"])[0])
        with news:
            if not news.wait_for(lambda: len(said) > since, timeout=wait):
                self.reply(200, {"next": since, "messages": []})
                return
            messages = said[since:]
        self.reply(200, {"next": since + len(messages), "messages": messages})

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8")
        with news:
            said.append(text)
            news.notify_all()
        self.reply(202)

    def log_message(self, *args):
        pass


httpd = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Chat)
print(httpd.server_address[1], flush=True)
try:
    httpd.serve_forever()
except KeyboardInterrupt:
    pass
finally:
    httpd.server_close()
print("closed", flush=True)
