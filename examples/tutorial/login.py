"""The file server with a login page: a folder by GET, and POST /api/login says whether one may come in.

SALVER_USER=ada SALVER_PASSWORD=… python examples/tutorial/login.py [PORT] [FILE that has a line for each instead]
"""

import contextlib
import hmac
import json
import os
import sys
from pathlib import Path

from salver.server import SimpleHTTPRequestHandler, SimpleHTTPServer


class LoginHandler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    user: tuple[str, ...] = ()  # name and password

    def do_POST(self) -> None:
        if self.path != "/api/login":
            return self.write_error(404)
        try:
            sent = json.loads(self.body)
            correct = same(sent["username"], self.user[0]) & same(sent["password"], self.user[1])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return self.answer(400, 'send {"username": "…", "password": "…"}', -1)
        return self.answer(200, "success", 0) if correct else self.answer(200, "failed", -1)

    def do_OPTIONS(self) -> None:  # the preflight: a page from elsewhere asks whether it may send JSON
        self.write_response(204)
        self.write_header("Access-Control-Allow-Origin", "*")
        self.write_header("Access-Control-Allow-Methods", "POST")
        self.write_header("Access-Control-Allow-Headers", "Content-Type")
        self.send()

    def answer(self, status: int, message: str, code: int) -> None:
        self.write_response(status)
        self.write_header("Access-Control-Allow-Origin", "*")
        self.write_header("Content-Type", "application/json")
        self.write_content(json.dumps({"message": message, "code": code}))
        self.send()


def same(sent: str, right: str) -> bool:
    """In a time that does not tell where they differ; as bytes, because only ASCII text could be compared so."""
    return hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    lines = Path(sys.argv[2]).read_text("utf-8").splitlines() if len(sys.argv) > 2 else []
    LoginHandler.user = tuple(lines) or (os.getenv("SALVER_USER", ""), os.getenv("SALVER_PASSWORD", ""))
    if len(LoginHandler.user) != 2 or not all(LoginHandler.user):
        sys.exit("Who may log in? Set SALVER_USER and SALVER_PASSWORD, or give a file that has a line for each.")
    os.chdir(Path(__file__).parent / "site")
    address = ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8888)
    with contextlib.suppress(KeyboardInterrupt), SimpleHTTPServer(address, LoginHandler) as server:
        print(f"Serving on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
