"""The test client as tests use it: what is sent, what comes back, what is kept, and what is raised."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from salver.protocol.errors import LocalProtocolError
from salver.request import Request
from salver.response import Response
from salver.service.settings import Settings
from salver.testing import TestClient
from salver.testing.client import RedirectError


def echo(request: Request) -> dict[str, Any]:
    """What has arrived."""
    return {
        "method": request.method,
        "target": request.target,
        "fields": request.headers.fields,
        "body": request.body.decode("latin-1"),
        "client": request.client,
        "scheme": request.scheme,
    }


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(echo) as client:
        yield client


# What is sent


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_has_its_own(client, method):
    response = getattr(client, method.lower())("/a")
    assert (response.status, response.json()["method"]) == (200, method)
    assert client.request(method, "/a").json()["method"] == method


def test_head_has_a_length_and_no_body(client):
    response = client.head("/a")
    assert response.content == b""
    assert int(response.headers["Content-Length"]) > 0


def test_a_request_has_the_fields_of_a_client(client):
    fields = dict(client.get("/").json()["fields"])
    assert fields == {"Host": "testserver", "User-Agent": "salver-test-client", "Accept": "*/*"}


def test_fields_of_the_request_go_before_the_clients_and_those_before_its_own():
    with TestClient(echo, headers={"Accept": "text/html", "X-One": "1"}) as client:
        sent = client.get("/", headers=[("x-one", "2"), ("X-Two", "a"), ("X-Two", "b"), ("host", "other")]).json()
    assert sent["fields"] == [
        ["User-Agent", "salver-test-client"],
        ["Accept", "text/html"],
        ["x-one", "2"],
        ["X-Two", "a"],
        ["X-Two", "b"],
        ["host", "other"],
    ]


def test_address_scheme_and_host_are_what_the_app_sees():
    with TestClient(echo, client=("192.0.2.1", 99), scheme="https", host="shop.example:8443") as client:
        response = client.get("/a?b")
    assert (response.json()["client"], response.json()["scheme"]) == (["192.0.2.1", 99], "https")
    assert dict(response.json()["fields"])["Host"] == "shop.example:8443"
    assert response.url == "https://shop.example:8443/a?b"


def test_a_whole_url_names_its_own_host(client):
    sent = client.get("https://other.example/a").json()
    assert (sent["scheme"], sent["target"], dict(sent["fields"])["Host"]) == ("https", "/a", "other.example")


def test_parameters_come_behind_the_query(client):
    assert client.get("/a?b=1", params={"c": [1, 2], "d": "é &"}).json()["target"] == "/a?b=1&c=1&c=2&d=%C3%A9+%26"


@pytest.mark.parametrize(
    ("given", "content_type", "body"),
    [
        ({"content": b"\x00\xff"}, None, "\x00\xff"),
        ({"content": "é"}, "text/plain; charset=utf-8", "Ã©"),
        ({"content": iter([b"a", b"", b"b"])}, None, "ab"),
        ({"json": {"a": [1, None]}}, "application/json", '{"a": [1, null]}'),
        ({"data": {"a": "é", "b": [1, 2]}}, "application/x-www-form-urlencoded", "a=%C3%A9&b=1&b=2"),
        ({"data": [("b", 1), ("a", None)]}, "application/x-www-form-urlencoded", "b=1&a="),
        ({"data": b"raw"}, None, "raw"),
        ({}, None, ""),
    ],
)
def test_a_body_of_each_kind(client, given, content_type, body):
    sent = client.post("/", **given).json()
    assert sent["body"] == body
    assert dict(sent["fields"]).get("Content-Type") == content_type


def test_a_content_type_of_the_tests_own_stands(client):
    sent = client.post("/", json=[], headers={"content-type": "application/merge-patch+json"}).json()
    assert [value for name, value in sent["fields"] if name.lower() == "content-type"] == [
        "application/merge-patch+json"
    ]


def test_two_bodies_are_one_too_many(client):
    with pytest.raises(TypeError, match="one body"):
        client.post("/", json=1, content=b"2")


def test_what_must_not_be_sent_is_not(client):
    with pytest.raises(LocalProtocolError):
        client.get("/", headers={"X": "a\r\nY: b"})
    with pytest.raises(ValueError, match="begins with /"):
        client.get("a")
    assert client.get("/").status == 200


def test_options_of_the_server_as_a_whole(client):
    assert client.options("*").status == 204


# What comes back


def test_a_response_says_what_it_is():
    def handler(request: Request) -> Response:
        return Response('{"ü": 1}', 418, {"X": "y"}, content_type="application/json", reason="Tea")

    response = TestClient(handler).get("/")
    assert (response.status, response.status_code, response.reason) == (418, 418, "Tea")
    assert response.headers["x"] == "y"
    assert (response.text, response.json()) == ('{"ü": 1}', {"ü": 1})
    assert repr(response) == "<ReceivedResponse 418 Tea>"
    assert (response.history, response.is_redirect) == ([], False)


def test_an_early_answer_to_a_large_body_is_read():
    with TestClient(echo, settings=Settings.of(limit_body=10)) as client:
        assert client.post("/", content=b"x" * 3_000_000).status == 413
        assert client.post("/", content=iter([b"x" * 1_000_000] * 3)).status == 413
        assert client.post("/", content=b"x").status == 200


# Connections


def test_a_connection_is_kept_and_replaced_when_it_has_ended():
    seen = []

    def handler(request: Request) -> Response:
        seen.append(request.exchange)
        return Response(b"", headers={"Connection": "close"} if request.path == "/last" else None)

    with TestClient(handler) as client:
        for path in ("/", "/last", "/", "/"):
            client.get(path)
    assert len({id(each) for each in seen}) == 2


def test_a_handler_may_use_its_own_client():
    def handler(request: Request) -> str:
        client: TestClient = clients[0]
        return "inner" if request.path == "/inner" else client.get("/inner").text + " and outer"

    clients = [TestClient(handler)]
    assert clients[0].get("/").text == "inner and outer"


def test_bytes_of_the_tests_own_making(client):
    link = client.connect()
    link.send(b"GET / HTTP/1.1\r\n\r\n")
    assert link.recv(1_000).startswith(b"HTTP/1.1 400 ")
    link.close()


@pytest.mark.parametrize(("own", "asked", "seen"), [("https", None, "https"), ("https", "http", "http")])
def test_a_connection_of_ones_own_has_the_clients_scheme(own, asked, seen):
    link = TestClient(lambda request: request.scheme, scheme=own).connect(scheme=asked)
    link.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert link.recv(1_000).endswith(b"\r\n" + seen.encode())
    link.close()


# What is raised


def failing(request: Request) -> str:
    raise LookupError("of the handler")


def test_what_a_handler_raises_is_raised_in_the_test(caplog):
    with TestClient(failing) as client:
        for _ in range(2):
            with pytest.raises(LookupError, match="of the handler") as caught:
                client.get("/")
            assert any(entry.name == "failing" for entry in caught.traceback)
        with pytest.raises(LookupError, match="of the handler"):
            client.stream("GET", "/")  # before anything is read
    assert caplog.records == []  # the test's report has it already


def test_or_is_a_500_where_the_test_wants_to_see_that(caplog):
    with TestClient(failing, raise_server_exceptions=False) as client:
        assert client.get("/").status == 500
        assert client.get("/").status == 500
    assert len(caplog.records) == 2


def broken_off(request: Request) -> Iterator[bytes]:
    yield b"begun"
    raise LookupError("of the iterator")


def test_what_an_iterator_raises_is_raised_in_the_test():
    with TestClient(broken_off) as client, pytest.raises(LookupError, match="of the iterator"):
        client.get("/")


def test_or_is_a_reset():
    with TestClient(broken_off, raise_server_exceptions=False) as client, pytest.raises(ConnectionResetError):
        client.get("/")


def test_a_tests_own_end_ends_it():
    def handler(request: Request) -> str:
        pytest.fail("inside the handler")

    with pytest.raises(pytest.fail.Exception, match="inside the handler"):
        TestClient(handler, raise_server_exceptions=False).get("/")


@pytest.mark.parametrize("thing", [5, None, int])
def test_what_cannot_be_served_is_said(thing):
    with pytest.raises(TypeError, match="is no handler|no handler class"):
        TestClient(thing)


# Streams


def test_a_stream_is_made_as_it_is_read():
    made: list[int] = []

    def numbers(request: Request) -> Iterator[bytes]:
        for number in range(1_000_000_000):
            made.append(number)
            yield b"%d\n" % number

    with TestClient(numbers) as client:
        with client.stream("GET", "/") as response:
            lines = response.iter_lines()
            assert [next(lines), next(lines)] == ["0", "1"]
            assert made == [0, 1]
        with client.stream("GET", "/") as response:
            assert next(response.iter_bytes()) == b"0\n"


def test_a_stream_may_be_read_at_once_and_its_connection_goes_on():
    with TestClient(echo) as client:
        with client.stream("POST", "/", content=b"a\r\nb\nc") as response:
            assert response.json()["body"] == "a\r\nb\nc"
            assert list(response.iter_bytes()) == [response.content]
        assert client.get("/").status == 200


def test_a_response_that_is_closed_late_ends_nobody_elses_connection():
    with TestClient(echo) as client:
        first = client.stream("GET", "/")
        assert first.content
        second = client.stream("GET", "/")
        first.close()
        assert second.json()["target"] == "/"


def test_two_streams_at_once():
    def letters(request: Request) -> Iterator[bytes]:
        for letter in "abc":
            yield request.path[1:].encode() + letter.encode()

    with TestClient(letters) as client, client.stream("GET", "/1") as one, client.stream("GET", "/2") as two:
        pairs = list(zip(one.iter_bytes(), two.iter_bytes(), strict=True))
    assert pairs == [(b"1a", b"2a"), (b"1b", b"2b"), (b"1c", b"2c")]


# Redirects


def redirecting(request: Request) -> Any:
    if request.path.startswith("/to/"):
        status, _, location = request.target[4:].partition("/")
        return b"", int(status), {"Location": location, "Set-Cookie": f"passed={status}; Path=/"}
    return echo(request)


def test_a_redirect_is_a_response_unless_it_is_to_be_followed():
    with TestClient(redirecting) as client:
        response = client.get("/to/302//a")
        assert (response.status, response.is_redirect) == (302, True)
        response = client.get("/to/302//a", follow_redirects=True)
    assert (response.json()["target"], response.url) == ("/a", "http://testserver/a")
    assert [each.status for each in response.history] == [302]
    with TestClient(redirecting, follow_redirects=True) as client:
        assert client.get("/to/302//a").status == 200
        assert client.get("/to/302//a", follow_redirects=False).status == 302


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (303, "HEAD", "HEAD", ""),
        (302, "PUT", "PUT", "kept"),
        (307, "POST", "POST", "kept"),
        (308, "POST", "POST", "kept"),
    ],
)
def test_the_next_method_is_what_a_browser_makes_it(status, method, then, body):
    seen: list[tuple[str, str]] = []

    def handler(request: Request) -> Any:
        seen.append((request.method, request.body.decode()))
        return redirecting(request)

    with TestClient(handler, follow_redirects=True) as client:
        client.request(method, f"/to/{status}//a", content=b"" if method == "HEAD" else b"kept")
    assert seen[1] == (then, body)


def test_a_redirect_may_lead_to_https():
    with TestClient(redirecting, follow_redirects=True) as client:
        response = client.get("/to/302/https://testserver/a?b")
    assert (response.json()["scheme"], response.url) == ("https", "https://testserver/a?b")


def test_what_cannot_be_followed_is_said():
    with TestClient(redirecting, follow_redirects=True) as client:
        with pytest.raises(RedirectError, match=r"leads to https://elsewhere\.example/x, which is not this app's"):
            client.get("/to/302/https://elsewhere.example/x")
        with pytest.raises(RedirectError, match="can be sent once"):
            client.post("/to/307//a", content=iter([b"x"]))
    with pytest.raises(RedirectError, match="redirect number 21"):
        TestClient(lambda request: (b"", 302, {"Location": "/"})).get("/", follow_redirects=True)


# Cookies


def test_cookies_are_kept_and_sent_back():
    def handler(request: Request) -> Any:
        if request.path == "/in":
            return "", 200, {"Set-Cookie": "session=abc; Path=/; HttpOnly"}
        if request.path == "/out":
            return "", 200, {"Set-Cookie": "session=; Path=/; Max-Age=0"}
        return json.dumps(request.headers.get("Cookie"))

    with TestClient(handler) as client:
        assert client.get("/").json() is None
        assert client.get("/in").cookies == {"session": "abc"}
        assert client.cookies["session"] == "abc"
        client.cookies["mine"] = "1"
        assert client.get("/").json() == "session=abc; mine=1"
        assert client.get("/", cookies={"mine": "2"}).json() == "mine=2; session=abc"
        client.get("/out")
        assert client.get("/").json() == "mine=1"
        client.cookies.clear()
        assert client.get("/").json() is None


def test_cookies_come_along_a_redirect():
    with TestClient(redirecting, follow_redirects=True) as client:
        assert dict(client.get("/to/303//a").json()["fields"])["Cookie"] == "passed=303"


@pytest.mark.bench
def test_a_request_costs_little():
    with TestClient(lambda request: "hello") as client:
        began = time.perf_counter()
        for _ in range(1_000):
            client.get("/")
        assert time.perf_counter() - began < 0.2
