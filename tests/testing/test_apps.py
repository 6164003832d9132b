"""Apps and WSGI applications under the test client: what is raised in the test, and what is an answer."""

from __future__ import annotations

from typing import Any

import pytest

from salver import App, Request
from salver.app import abort
from salver.gateway.wsgi import WSGI
from salver.server import BaseHTTPRequestHandler
from salver.testing import TestClient


def fail() -> str:
    raise LookupError("of the view")


def test_an_error_without_a_page_is_raised():
    client = App({"/": fail}).test_client()
    with pytest.raises(LookupError, match="of the view"):
        client.get("/")
    assert App({"/": fail}).test_client(raise_server_exceptions=False).get("/").status == 500


def test_an_answer_that_was_meant_is_an_answer():
    app = App({"/": lambda: abort(403)})
    assert app.test_client().get("/").status == 403
    assert app.test_client().get("/nothing").status == 404
    app.errorhandler(403)(lambda request, error: "my own")
    assert app.test_client().get("/").text == "my own"


@pytest.mark.parametrize("what", [LookupError, Exception])
def test_an_error_with_a_page_of_its_own_is_its_page(what):
    app = App({"/": fail})
    app.errorhandler(what)(lambda request, error: (str(error), 422))
    response = app.test_client().get("/")
    assert (response.status, response.text) == (422, "of the view")


def test_an_error_that_nobody_expected_is_raised_for_all_the_pages_there_are():
    """A 500 that is nicely dressed would hide it from the test."""
    app = App({"/": fail})
    app.errorhandler(500)(lambda request, error: "we are sorry")
    with pytest.raises(LookupError, match="of the view"):
        app.test_client().get("/")
    response = app.test_client(raise_server_exceptions=False).get("/")
    assert (response.status, response.text) == (500, "we are sorry")
    with pytest.raises(LookupError, match="of the view"):
        App({"/": fail}, debug=True).test_client().get("/")


def test_what_is_mounted_is_raised_too():
    class Failing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raise LookupError("of the method")

    def failing(environ: Any, start_response: Any) -> list[bytes]:
        raise LookupError("of the application")

    app = App()
    app.mount("/app", App({"/": fail}))
    app.mount("/class", Failing)
    app.mount("/wsgi", failing)
    client = app.test_client()
    for path, words in (("/app/", "of the view"), ("/class/", "of the method"), ("/wsgi/", "of the application")):
        with pytest.raises(LookupError, match=words):
            client.get(path)


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=b; Path=/")])
    return [environ["REMOTE_ADDR"].encode(), b" ", environ.get("HTTP_COOKIE", "").encode(), b" ", body]


@pytest.mark.parametrize("app", [application, WSGI(application)], ids=["found out", "said"])
def test_a_wsgi_application(app):
    with TestClient(app, client=("192.0.2.9", 1)) as client:
        assert client.get("/").text == "192.0.2.9  "
        assert client.post("/", content=b"body").text == "192.0.2.9 a=b body"


def test_flask_as_it_is():
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop")

    @app.route("/", methods=["GET", "POST"])
    def index():
        if flask.request.method == "POST":
            return {"file": flask.request.files["f"].read().decode(), "field": flask.request.form["a"]}
        return flask.Response((f"{number}\n" for number in range(3)), mimetype="text/plain")

    with TestClient(app) as client:
        assert client.post("/", data={"a": "ü"}, files={"f": b"content"}).json() == {"file": "content", "field": "ü"}
        with client.stream("GET", "/") as response:
            assert list(response.iter_lines()) == ["0", "1", "2"]


def test_a_folder(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with TestClient(tmp_path) as client:
        response = client.get("/a.txt", headers={"Range": "bytes=1-2"})
        assert (response.status, response.text) == (206, "ex")


def test_a_stream_of_events_goes_on_as_the_test_says():
    from salver.events import Channel
    from salver.response import Response

    channels: list[Channel] = []

    def events(request: Request) -> Response:
        channels.append(Channel())
        return Response.event_stream(channels[0], heartbeat=None)

    with App({"/": events}).test_client() as client, client.stream("GET", "/") as response:
        lines = response.iter_lines()
        for number in range(3):
            channels[0].send({"number": number})
            assert [next(lines), next(lines)] == [f'data: {{"number":{number}}}', ""]


def test_names_of_the_package():
    import salver.testing

    assert all(hasattr(salver.testing, name) for name in salver.testing.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        salver.testing.Nothing
