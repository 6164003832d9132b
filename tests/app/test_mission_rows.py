"""What the framework promises, a test for each promise, asked as an app's own tests would ask it."""

from __future__ import annotations

import http.client
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from salver import App, Request, Response
from salver.app import abort, log
from salver.service.server import Server

ROOT = Path(__file__).resolve().parents[2]
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")
SECONDS = 20.0


# F1: routes: a path and a function; a route dict works too; 404 by a default handler that can be replaced


def test_f1_a_path_and_a_function():
    app = App()

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    client = app.test_client()
    assert client.get("/hello").text == "hello"
    assert client.get("/hello?a=b").text == "hello"  # the query is no part of what is matched
    assert client.get("/hello/").status == 404
    assert client.post("/hello").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_f1_a_route_dict():
    client = App({"/": lambda: "index", "/msg": lambda request: request.method}).test_client()
    assert client.get("/?x=1").text == "index"
    assert [client.request(method, "/msg").text for method in ("GET", "POST")] == ["GET", "POST"]


def test_f1_404_has_a_page_that_can_be_replaced():
    app = App({"/": lambda: "index"})
    client = app.test_client()
    assert "<h1>404 Not Found</h1>" in client.get("/nothing").text

    @app.errorhandler(404)
    def lost(request: Request, error: Exception) -> str:
        return f"lost at {request.path}"

    response = client.get("/nothing")
    assert (response.status, response.text) == (404, "lost at /nothing")


# F2: what a request says


@pytest.fixture
def telling() -> App:
    def tell(request: Request) -> dict[str, Any]:
        return {
            "path": request.path,
            "query": {name: request.query.get_all(name) for name in request.query},
            "cookies": dict(request.cookies),
            "agent": request.headers["user-agent"],
            "client": request.client,
        }

    def form(request: Request) -> dict[str, Any]:
        files = {name: [file.filename, file.size, file.read().decode()] for name, file in request.files.items()}
        return {"form": dict(request.form), "files": files}

    return App({"/tell": tell, "/form": form, "/json": lambda request: {"json": request.json}})


def test_f2_path_query_cookies_headers_and_address(telling):
    with telling.test_client(client=("192.0.2.5", 4_711), headers={"User-Agent": "a test"}) as client:
        told = client.get("/tell?a=b&c=d&e=1&a=%C3%BC+x", cookies={"one": "1", "two": "2"}).json()
    assert told == {
        "path": "/tell",
        "query": {"a": ["b", "ü x"], "c": ["d"], "e": ["1"]},
        "cookies": {"one": "1", "two": "2"},
        "agent": "a test",
        "client": ["192.0.2.5", 4_711],
    }


def test_f2_forms_of_both_kinds(telling):
    client = telling.test_client()
    fields = {"a": "b", "c": "d&=ü"}
    assert client.post("/form", data=fields).json() == {"form": fields, "files": {}}
    pytest.importorskip("multipart")
    told = client.post("/form", data=fields, files={"f": ("größe.txt", b"content")}).json()
    assert told == {"form": fields, "files": {"f": ["größe.txt", 7, "content"]}}


def test_f2_a_body_is_whole_however_it_comes(telling):
    """Not what one `recv(1024)` happens to give."""
    text = "ü" * 300_000
    client = telling.test_client()
    assert client.post("/form", data={"a": text}).json()["form"]["a"] == text
    link = client.connect()
    body = b"a=" + b"%C3%BC" * 700
    for piece in (b"POST /form HTTP/1.1\r\nHost: x\r\n", *_fields(len(body)), *(bytes([byte]) for byte in body)):
        link.send(piece)
        link.settle()
    assert link.recv(65_536).endswith(b'{"form":{"a":"' + "ü".encode() * 700 + b'"},"files":{}}')
    link.close()


def _fields(length: int) -> list[bytes]:
    return [b"Content-Type: application/x-www-form-urlencoded\r\n", b"Content-Length: %d\r\n\r\n" % length]


def test_f2_json(telling):
    client = telling.test_client()
    assert client.post("/json", json={"a": [1, "ü", None]}).json() == {"json": {"a": [1, "ü", None]}}
    assert client.post("/json", content="{", headers={"Content-Type": "application/json"}).status == 400
    assert client.post("/json", content="{}").status == 415


# F3: pages, images, error pages by code, templates


def test_f3_a_page_and_an_image(tmp_path):
    (tmp_path / "index.html").write_text("<h1>Ü</h1>", encoding="utf-8")
    app = App({"/": lambda: Response.file(tmp_path / "index.html")})
    app.get("/tray.png")(lambda: Response(PNG, content_type="image/png"))
    client = app.test_client()
    page = client.get("/")
    assert (page.text, page.headers["Content-Type"]) == ("<h1>Ü</h1>", "text/html; charset=utf-8")
    assert client.get("/", headers={"If-None-Match": page.headers["ETag"]}).status == 304
    image = client.get("/tray.png")
    assert (image.content, image.headers["Content-Type"]) == (PNG, "image/png")


@pytest.mark.parametrize("status", [400, 403, 404, 410, 418, 429, 500, 503])
def test_f3_error_pages_by_code(status):
    app = App({"/": lambda: abort(status, "That is why: <b>.")})
    client = app.test_client()
    page = client.get("/", headers={"Accept": "text/html"})
    assert (page.status, "That is why: &lt;b&gt;." in page.text) == (status, True)
    assert client.get("/", headers={"Accept": "application/json"}).json()["detail"] == "That is why: <b>."

    @app.errorhandler(status)
    def own(request: Request, error: Any) -> str:
        return f"my {error.status}"

    assert (client.get("/").status, client.get("/").text) == (status, f"my {status}")


def test_f3_templates(tmp_path):
    pytest.importorskip("jinja2")
    from salver.app.templates import Templates

    (tmp_path / "hello.html").write_text("<p>Hello, {{ name }}</p>")
    templates = Templates(tmp_path)
    app = App({"/": lambda request: templates.render("hello.html", request=request, name=request.query["name"])})
    assert app.test_client().get("/", params={"name": "<b>"}).text == "<p>Hello, &lt;b&gt;</p>"


# F4: log(*args) is logging; the raw request at debug level, without cookies and passwords


def test_f4_log(caplog):
    app = App({"/": lambda request: str(log("asked by", request.client.host, 5))})
    with caplog.at_level(logging.INFO, "salver.app"):
        app.test_client().get("/")
    assert [record.getMessage() for record in caplog.records] == ["asked by 127.0.0.1 5"]


def test_f4_the_raw_request_at_debug_level_without_what_lets_somebody_in(caplog):
    app = App({"/": lambda: "x"})
    secrets = {"Authorization": "Basic secret1", "Cookie": "session=secret2", "X-Plain": "to be seen"}
    with caplog.at_level(logging.DEBUG):
        app.test_client().post("/?a=b", headers=secrets, data={"password": "secret3"})
    assert "POST /?a=b HTTP/1.1" in caplog.text
    assert "X-Plain: to be seen" in caplog.text
    assert "secret" not in caplog.text


# F5: a browser's empty connection does no harm


def test_f5_an_empty_connection_is_no_request(caplog):
    app = App({"/": lambda: "x"})
    asked: list[str] = []
    app.before_request(lambda request: asked.append(request.path))
    client = app.test_client()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            client.connect().close()
        link = client.connect()
        link.send(b"\r\n")
        link.settle()
        link.close()
    assert (asked, caplog.records) == ([], [])
    assert client.get("/").text == "x"


def test_f5_nor_on_a_socket(caplog):
    """Browsers connect ahead of what they may want to ask, wait, and leave."""
    with Server(App({"/": lambda: "x"}), "127.0.0.1:0") as server:
        opened = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"x"
        for number, each in enumerate(opened):
            if number % 2:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leaves with a reset
            each.close()
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"x"
        connection.close()
    assert caplog.records == []


# F6: run(host, port), run(**config)


RUNNING = """
import sys
from salver import App, Response
app = App({{"/": lambda: "it runs", "/long": lambda request: str(len(request.body))}})
app.run({arguments})
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [("'127.0.0.1', {port}", 200), ("host='127.0.0.1', port={port}, limit_body=4, server_name='Mine'", 413)],
)
def test_f6_run(arguments: str, status: int, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = RUNNING.format(arguments=arguments.format(port=port))
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert re.search(rf"Serving on http://127\.0\.0\.1:{port}/ ", process.stderr.readline())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.request("POST", "/long", b"12345")
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert response.getheader("Server") == ("Salver" if status == 200 else "Mine")
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=SECONDS)[1] == ""
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
