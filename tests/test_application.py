"""The app that runs itself: anything mounted, a test client, and `run`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from salver import App, Request
from salver.middleware import compress, security_headers
from salver.net.listener import ListenError
from salver.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from salver.service.server import Server
from tests.test_adapting import Class, handler, wsgi

_SCRIPT = """
import sys
from salver import App, log

app = App({"/": lambda: "here", "/log": lambda: str(log("a line", "of mine"))})
app.run("127.0.0.1", 0, timeout_idle=5, limit_body=1000)
"""


def test_anything_is_mounted_and_asked_without_a_socket(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("file")
    inner = App({"/x": lambda request: request.prefix})
    app = App({"/": lambda: "root"})
    for prefix, thing in [("/files", tmp_path), ("/class", Class), ("/wsgi", wsgi), ("/fn", handler), ("/app", inner)]:
        app.mount(prefix, thing)
    app.mount("/one.txt", str(tmp_path / "a.txt"))
    app.mount("/said", wsgi, interface="wsgi", name="said")
    client = app.test_client()
    for path, body in [
        ("/", "root"), ("/files/a.txt", "file"), ("/class/", "class"), ("/wsgi/x", "wsgi"), ("/fn", "handler"),
        ("/app/x", "/app"), ("/one.txt", "file"), ("/said", "wsgi"),
    ]:  # fmt: skip
        assert (client.get(path).status, client.get(path).text) == (200, body), path
    with pytest.raises(TypeError, match="is no handler"):
        app.mount("/five", 5)


def test_a_handler_class_sees_what_is_behind_its_prefix(tmp_path: Path) -> None:
    class Telling(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"{self.path} of {self.requestline}".encode())

    class Files(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def guess_type(self, path: Any) -> str:
            return "text/x-own"

    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("file")
    app = App()
    app.mount("/told", Telling)
    app.mount("/files", Files)
    client = app.test_client()
    for path, seen in [("/told/a%20b?q=/told", "/a%20b?q=/told"), ("/told", "/"), ("/told//x", "/x"), ("/told/", "/")]:
        assert client.get(path).text.partition(" of ")[0] == seen
    assert client.get("/files/sub/a.txt").headers["content-type"] == "text/x-own"
    for path, leads in [("/files", "./files/"), ("/files/sub", "./sub/"), ("/files/sub?a=b", "./sub/?a=b")]:
        response = client.get(path)
        assert (response.status, response.headers["location"]) == (301, leads)
    assert client.get("/files/sub/", follow_redirects=True).status == 200


def test_the_server_answers_for_what_has_no_page() -> None:
    app = App({"/": lambda: None, "/fail": lambda: 1 / 0, "/up": lambda request: str(len(request.body))})
    app.post("/small", max_body=3)(lambda request: request.body.decode())
    client = app.test_client(raise_server_exceptions=False)
    assert client.get("/").status == client.get("/fail").status == 500
    assert client.get("/none").status == 404
    assert client.post("/small", content=b"abc").text == "abc"
    assert client.post("/small", content=b"abcd").status == 413
    assert client.post("/up", content=b"abcd").text == "4"
    assert client.options("/small").headers["allow"] == "POST, OPTIONS"
    assert client.head("/up").content == b""
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/fail")


def test_a_streamed_body_and_blocking_views_on_a_server() -> None:
    app = App()

    @app.post("/count", stream_body=True, max_body=10_000_000)
    def count(request: Request) -> str:
        total, stream = 0, request.stream()
        while piece := stream.read(65_536):
            total += len(piece)
        return str(total)

    app.get("/slow", blocking=True)(lambda: "slow")
    with Server(app, "127.0.0.1:0") as server:
        for _ in range(3):
            with urllib.request.urlopen(f"{server.urls[0]}slow") as response:
                assert response.read() == b"slow"
        with urllib.request.urlopen(f"{server.urls[0]}count", data=bytes(5_000_000)) as response:
            assert response.read() == b"5000000"


def test_run_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([sys.executable, "-c", _SCRIPT], stderr=subprocess.PIPE, env=environment, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "INFO Serving on http://127.0.0.1:" in line
        url = line.partition("Serving on ")[2].split()[0]
        with urllib.request.urlopen(url) as response:
            assert response.read() == b"here"
        urllib.request.urlopen(url.rstrip("/") + "/log").close()
        assert process.stderr.readline().endswith("INFO a line of mine\n")
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "")


def test_run_says_what_is_wrong() -> None:
    with pytest.raises(TypeError, match="no such setting: limit_bodies"):
        App().run(port=0, limit_bodies=5)
    with pytest.raises(ListenError):
        App().run("192.0.2.1", 0)


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "*:0", ["127.0.0.1:0", "0.0.0.0:0"]])
def test_debug_is_for_this_computer_alone(bind: Any, tmp_path: Path) -> None:
    inner = App(debug=True)
    outer = App()
    outer.mount("/in", inner)
    around = compress()(security_headers()(inner))
    mounted = App()
    mounted.mount("/in", around)
    for app in (inner, outer, around, mounted):
        with pytest.raises(ListenError, match=r"debug shows .*; listen on 127.0.0.1 instead of"):
            Server(app, bind)
    with pytest.raises(ListenError, match="debug"):
        App().run(bind=bind, debug=True)
    Server(App(debug=True), ["127.0.0.1:0", f"unix:{tmp_path}/socket"]).stop()
    Server(App(), bind).stop()
