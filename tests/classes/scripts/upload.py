"""A form that uploads files, taken apart with the email package now that cgi is gone."""

import html
import os
import sys
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, HTTPServer

FOLDER = sys.argv[2]
FORM = b"""<!DOCTYPE html><title>Upload</title>
<form method=post enctype=multipart/form-data>
<input name=note><input type=file name=file multiple><button>Go</button></form>
"""


class Upload(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(FORM)))
        self.end_headers()
        self.wfile.write(FORM)

    def do_POST(self):
        try:
            length = int(self.headers["Content-Length"])
        except TypeError:
            self.send_error(411)
            return
        if not self.headers.get_content_type() == "multipart/form-data":
            self.send_error(415, "multipart/form-data, please")
            return
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        message = BytesParser(policy=HTTP).parsebytes(head + self.rfile.read(length))
        saved = []
        for part in message.iter_parts():
            name = part.get_filename()
            data = part.get_payload(decode=True)
            if name:
                with open(os.path.join(FOLDER, os.path.basename(name)), "wb") as f:
                    f.write(data)
                saved.append("%s: %d bytes" % (html.escape(name), len(data)))
            else:
                saved.append("note: " + html.escape(data.decode()))
        page = "<ul><li>%s</ul>" % "<li>".join(saved)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode("utf-8"))

    def log_message(self, *args):
        pass


httpd = HTTPServer(("127.0.0.1", int(sys.argv[1])), Upload)
print(httpd.server_port, flush=True)
try:
    httpd.serve_forever()
except KeyboardInterrupt:
    httpd.server_close()
    print("closed", flush=True)
