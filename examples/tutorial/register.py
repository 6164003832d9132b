"""The registration server: GET /register.do?p={…}, as the first programs did it, and POST /api/register, as one should.

python examples/tutorial/register.py [PORT]
curl -d '{"username": "ada", "nickname": "Ada", "password": "difference engine"}' http://127.0.0.1:8000/api/register
"""

import contextlib
import hashlib
import json
import os
import sys
from typing import ClassVar
from urllib.parse import parse_qs, quote

from salver.server import BaseHTTPRequestHandler, BaseHTTPServer


class RegisterHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    accounts: ClassVar[dict[bytes, tuple[bytes, bytes, bytes]]] = {}  # nickname, salt and hash by username

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path != "/register.do":
            return self.write_error(404)
        sent = parse_qs(query)  # percent-decoded
        return self.register("".join(sent.get("p", ())), encoded=sent.get("encoded") == ["1"])

    def do_POST(self) -> None:  # to be preferred: a URL stays in histories, in bookmarks, and in other people's logs
        return self.register(self.body) if self.path == "/api/register" else self.write_error(404)

    def register(self, sent: str, encoded: bool = False) -> None:
        status, code, msg = self.add(sent)
        reply = json.dumps({"code": code, "msg": msg})
        self.write_response(status)
        self.write_header("Content-Type", "text/plain" if encoded else "application/json")
        self.write_content(quote(reply) if encoded else reply)
        self.send()  # with the exact Content-Length

    def add(self, sent: str) -> tuple[int, int, str]:
        keys = ("username", "nickname", "password")
        try:
            name, nickname, password = (json.loads(sent)[key].encode("utf-8", "surrogatepass") for key in keys)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return 400, -1, 'send {"username": "…", "nickname": "…", "password": "…"}'
        if not name.strip() or not password:
            return 400, -1, "username and password must not be empty"
        mine = (nickname, salt := os.urandom(16), hashlib.scrypt(password, salt=salt, n=2**14, r=8, p=1))
        return (200, 0, "ok") if self.accounts.setdefault(name, mine) is mine else (409, -1, "this username is taken")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.log_message("%s %s %s", self.command, self.path.partition("?")[0], code)  # the query holds a password


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
    with contextlib.suppress(KeyboardInterrupt), BaseHTTPServer(address, RegisterHandler) as server:
        print(f"Registering on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
