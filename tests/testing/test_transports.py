"""The client upon applications in the same process."""

from __future__ import annotations

import gzip
import http.server
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from salver import App, Response
from salver.client import Client, ReadTimedOut
from salver.handler import options
from salver.request import Request
from salver.testing import HandlerTransport, WSGITransport


def client_of(app: Any, **settings: Any) -> Client:
    transport = HandlerTransport(app, **settings)
    return Client(transport=transport, base_url="http://testserver", timeout=10)


def test_a_handler() -> None:
    def handler(request: Request) -> str:
        return f"{request.method} {request.target} {request.host} {request.scheme} {request.body.decode()}"

    with client_of(handler) as client:
        assert client.get("/x", params={"a": "b"}).text == "GET /x?a=b testserver http "
        assert client.post("https://other.example/y", content=b"sent").text == "POST /y other.example https sent"


def test_all_that_a_client_does() -> None:
    app = App()

    @app.post("/login")
    def login(request: Request) -> Response:
        return Response(status=303, headers={"Location": "/me", "Set-Cookie": "id=7; Path=/; HttpOnly"})

    @app.get("/me")
    def me(request: Request) -> Response:
        body = gzip.compress(request.headers["Cookie"].encode())
        return Response(body, headers={"Content-Encoding": "gzip"})

    with client_of(app) as client:
        response = client.post("/login", data={"name": "me"})
        assert response.text == "id=7"
        assert [each.status for each in response.history] == [303]


def test_a_connection_is_kept() -> None:
    made: list[object] = []

    class Counting(HandlerTransport):
        def connect(self, *arguments: Any) -> Any:
            made.append(arguments)
            return super().connect(*arguments)

    with Client(transport=Counting(lambda request: "x")) as client:
        for _ in range(5):
            assert client.get("http://a/").text == "x"
    assert len(made) == 1


@pytest.mark.parametrize("kind", [LookupError, FileNotFoundError, ConnectionResetError, TimeoutError])
def test_what_a_handler_raises_is_raised_once(kind: type[Exception]) -> None:
    calls: list[int] = []

    def fails(request: Request) -> str:
        calls.append(1)
        raise kind("mine")

    with client_of(fails) as client:
        with pytest.raises(kind, match="mine"):
            client.get("/")
        assert len(calls) == 1
        with pytest.raises(kind):
            client.get("/")
        assert client._connections._pool.open == 0


def test_or_is_a_500() -> None:
    def fails(request: Request) -> str:
        raise LookupError

    with client_of(fails, raise_server_exceptions=False) as client:
        assert client.get("/").status == 500


def test_what_a_body_raises() -> None:
    def breaks(request: Request) -> Response:
        def parts() -> Iterator[bytes]:
            yield b"begun"
            raise OSError("the disk")

        return Response(parts())

    with client_of(breaks) as client, pytest.raises(OSError, match="the disk"):
        client.get("/")


def test_a_stream_is_made_as_it_is_read() -> None:
    made: list[int] = []

    def counts(request: Request) -> Response:
        def parts() -> Iterator[bytes]:
            for number in range(3):
                made.append(number)
                yield b"%d\n" % number

        return Response(parts())

    with client_of(counts) as client, client.stream("GET", "/") as response:
        lines = response.iter_lines()
        assert next(lines) == "0"
        assert made == [0]
        assert list(lines) == ["1", "2"]


def test_a_stream_that_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """Its iterator is closed, and what it raises then is nobody's but the log's."""

    def endless(request: Request) -> Response:
        def parts() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x" * 1000
            finally:
                closed.append(True)

        return Response(parts())

    closed: list[bool] = []
    with client_of(endless) as client:
        with client.stream("GET", "/") as response:
            next(response.iter_bytes())
        assert closed == [True]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("streams", [False, True])
def test_large_uploads(streams: bool) -> None:
    @options(stream_body=streams, max_body=10_000_000)
    def counts(request: Request) -> str:
        return str(len(request.stream().read() if streams else request.body))

    with client_of(counts) as client:
        assert client.put("/", content=bytes(3_000_000)).text == "3000000"
        assert client.put("/", content=(bytes(1000) for _ in range(10))).text == "10000"


def test_an_upload_that_is_too_large_is_refused() -> None:
    with client_of(lambda request: "never") as client:
        assert client.put("/", content=bytes(20_000_000)).status == 413
        assert client.get("/").status == 200


class Hello(http.server.BaseHTTPRequestHandler):
    """A class of the standard library's own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: Any) -> None:
        pass


def test_a_handler_class() -> None:
    with client_of(Hello) as client:
        assert [client.get("/").text for _ in range(3)] == ["hello"] * 3


def test_a_handler_class_that_hangs() -> None:
    class Hangs(Hello):
        def do_GET(self) -> None:
            time.sleep(0.6)

    with client_of(Hangs) as client, pytest.raises(ReadTimedOut):
        client.get("/", timeout=0.2)


def test_a_wsgi_application() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode(), environ["wsgi.input"].read(), environ["REMOTE_ADDR"].encode()]

    with Client(transport=WSGITransport(application, client=("192.0.2.1", 1)), base_url="http://a") as client:
        assert client.post("/x", content=b"-sent-").text == "/x-sent-192.0.2.1"


def test_the_environments_proxies_are_not_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with Client(transport=HandlerTransport(lambda request: request.target)) as client:
        assert client.get("http://a/x").text == "/x"


def test_many_threads() -> None:
    answers: list[str] = []

    def ask(number: int) -> None:
        answers.extend(client.get(f"/{number}").text for _ in range(50))

    with client_of(lambda request: request.target) as client:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(answers) == sorted(f"/{number}" for number in range(8) for _ in range(50))
