"""The environ, variable by variable: PEP 3333 and RFC 3875 §4.1."""

from __future__ import annotations

from typing import Any

import pytest

from salver.gateway.wsgi import WSGI
from salver.gateway.wsgi_environ import EnvironMaker
from salver.request import ClientAddress, Request
from tests.gateway.wsgi_support import GET, PLAIN, Environ, environ_of, returning
from tests.service.harness import Conversation

HOST = b"Host: a.example\r\n"


def test_what_is_the_same_for_all() -> None:
    environ = environ_of(GET)
    assert type(environ) is dict
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.multithread"] is True
    assert environ["wsgi.multiprocess"] is False
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.input_terminated"] is True
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["REMOTE_ADDR"] == "192.0.2.1" and environ["REMOTE_PORT"] == "40000"
    assert "CONTENT_LENGTH" not in environ and "CONTENT_TYPE" not in environ and "HTTPS" not in environ
    assert environ["wsgi.input"].read(10) == b""


def test_multiprocess_is_what_one_says() -> None:
    seen: list[Environ] = []
    app = WSGI(lambda environ, start: (seen.append(environ), start("200 OK", PLAIN), [b""])[2], multiprocess=True)
    Conversation(app).say(GET)
    assert seen[0]["wsgi.multiprocess"] is True


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a/b", "/a/b", ""),
        ("/a?", "/a", ""),
        ("/a?b=%20&c", "/a", "b=%20&c"),
        ("/a?b?c", "/a", "b?c"),
        ("/%41%2F%3F", "/A/?", ""),
        ("/caf%C3%A9", "/caf\xc3\xa9", ""),  # octets as latin-1: UTF-8 is the application's to decode
        ("/%ff%fe", "/\xff\xfe", ""),
        ("/%", "/%", ""),
        ("/%zz%4", "/%zz%4", ""),
        ("/?%", "/", "%"),
        ("//a//b", "//a//b", ""),
        ("/a;b=c", "/a;b=c", ""),
        ("http://a.example/x%20y?z", "/x y", "z"),
        ("http://a.example", "/", ""),
        ("http://a.example?z=/", "/", "z=/"),
    ],
)
def test_the_target_s_parts(target: str, path: str, query: str) -> None:
    environ = environ_of(b"GET %b HTTP/1.1\r\n" % target.encode() + HOST + b"\r\n")
    assert environ["SCRIPT_NAME"] == ""
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)
    assert environ["REQUEST_URI"] == target


@pytest.mark.parametrize(
    ("prefix", "target", "script", "path"),
    [
        ("/app", "/app", "/app", ""),
        ("/app", "/app/", "/app", "/"),
        ("/app", "/app/x%20y?q", "/app", "/x y"),
        ("/a%20b", "/a%20b/x", "/a b", "/x"),
        ("/caf%C3%A9", "/caf%C3%A9/x", "/caf\xc3\xa9", "/x"),
    ],
)
def test_under_a_mount(prefix: str, target: str, script: str, path: str) -> None:
    seen: list[Environ] = []
    inner = WSGI(lambda environ, start: (seen.append(environ), start("200 OK", PLAIN), [b""])[2])

    def mount(request: Request) -> Any:
        request.prefix = prefix
        return inner(request)

    Conversation(mount).say(b"GET %b HTTP/1.1\r\n" % target.encode() + HOST + b"\r\n")
    assert (seen[0]["SCRIPT_NAME"], seen[0]["PATH_INFO"]) == (script, path)


@pytest.mark.parametrize(
    ("field", "variable", "value"),
    [
        (b"X-Token: abc", "HTTP_X_TOKEN", "abc"),
        (b"accept:  a/b ", "HTTP_ACCEPT", "a/b"),
        (b"X-Empty:", "HTTP_X_EMPTY", ""),
        (b"X-Raw: caf\xe9 \xc3\xa9", "HTTP_X_RAW", "caf\xe9 \xc3\xa9"),
        (b"Accept: a/b\r\nAccept: c/d", "HTTP_ACCEPT", "a/b, c/d"),
        (b"Cookie: a=1\r\ncookie: b=2", "HTTP_COOKIE", "a=1; b=2"),
        (b"Authorization: Basic eDp5", "HTTP_AUTHORIZATION", "Basic eDp5"),
        (b"Content-Type: text/plain", "CONTENT_TYPE", "text/plain"),
        (b"Content-Length: 0", "CONTENT_LENGTH", "0"),
        (b"Content-Length: 00", "CONTENT_LENGTH", "0"),
        # What must not pass for another
        (b"X_Token: abc", "HTTP_X_TOKEN", None),
        (b"X-Token: real\r\nX_Token: false", "HTTP_X_TOKEN", "real"),
        (b"Proxy: http://evil.example", "HTTP_PROXY", None),
        (b"X.Y: a", "HTTP_X.Y", None),
        (b"X!Y: a", "HTTP_X!Y", None),
        (b"Content_Length: 5", "CONTENT_LENGTH", None),
        (b"Content-Length: 0", "HTTP_CONTENT_LENGTH", None),
        (b"Content-Type: a/b", "HTTP_CONTENT_TYPE", None),
    ],
)
def test_fields(field: bytes, variable: str, value: str | None) -> None:
    environ = environ_of(b"GET / HTTP/1.1\r\n" + HOST + field + b"\r\n\r\n")
    assert environ.get(variable) == value


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("a.example", "a.example", "80"),
        ("a.example:8080", "a.example", "8080"),
        ("a.example:", "a.example", "80"),
        ("127.0.0.1:81", "127.0.0.1", "81"),
        ("[::1]", "[::1]", "80"),
        ("[::1]:81", "[::1]", "81"),
    ],
)
def test_the_server_is_named_as_the_client_named_it(host: str, name: str, port: str) -> None:
    environ = environ_of(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode())
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["HTTP_HOST"]) == (name, port, host)


def test_a_client_of_1_0_need_not_name_it() -> None:
    environ = environ_of(b"GET / HTTP/1.0\r\n\r\n")
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert environ["SERVER_NAME"] == "localhost" and environ["SERVER_PORT"] == "80"
    assert "HTTP_HOST" not in environ


def test_a_unix_socket_s_peer_has_an_address() -> None:
    assert environ_of(GET, host="unix:")["REMOTE_ADDR"] == "127.0.0.1"


def test_what_an_application_changes_is_its_own() -> None:
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append(dict(environ))
        environ.clear()
        environ["HTTP_HOST"] = "changed"
        start_response("200 OK", PLAIN)
        return [b""]

    talk = Conversation(WSGI(app))
    talk.say(GET, GET, GET.replace(b"/ ", b"/other?a=b "), GET)
    assert [environ["PATH_INFO"] for environ in seen] == ["/", "/", "/other", "/"]
    assert [environ["QUERY_STRING"] for environ in seen] == ["", "", "a=b", ""]
    assert all(environ["HTTP_HOST"] == "a.example" for environ in seen)
    assert seen[0]["wsgi.input"] is not seen[1]["wsgi.input"]


def test_two_applications_on_one_connection_have_each_their_own() -> None:
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", PLAIN)
        return [b""]

    one, two = WSGI(app), WSGI(app, multiprocess=True)
    talk = Conversation(lambda request: (two if request.path == "/two" else one)(request))
    talk.say(GET, GET.replace(b"/ ", b"/two "), GET)
    assert [environ["wsgi.multiprocess"] for environ in seen] == [False, True, False]


def test_what_a_trusted_proxy_has_said_holds_for_its_request() -> None:
    seen: list[Environ] = []
    inner = WSGI(lambda environ, start: (seen.append(environ), start("200 OK", PLAIN), [b""])[2])
    said = iter([("198.51.100.7", "https", "shop.example"), ("198.51.100.8", "https", None), None])

    def proxied(request: Request) -> Any:
        words = next(said)
        if words is not None:
            host, scheme, name = words
            request.set_forwarded(client=ClientAddress(host, 0), scheme=scheme, host=name)
        return inner(request)

    Conversation(proxied).say(GET, GET, GET)
    assert [
        (e["REMOTE_ADDR"], e["wsgi.url_scheme"], e["HTTP_HOST"], e["SERVER_PORT"], e.get("HTTPS")) for e in seen
    ] == [
        ("198.51.100.7", "https", "shop.example", "443", "on"),
        ("198.51.100.8", "https", "a.example", "443", "on"),
        ("192.0.2.1", "http", "a.example", "80", None),
    ]


def test_a_section_is_read_once_for_all_that_repeat_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    long_way = EnvironMaker._made_of

    def counted(self: EnvironMaker, *arguments: Any) -> Environ:
        made.append(arguments)
        return long_way(self, *arguments)

    monkeypatch.setattr(EnvironMaker, "_made_of", counted)
    talk = Conversation(WSGI(returning([b"x"])))
    talk.say(GET, GET.replace(b"/ ", b"/a "), GET.replace(b"/ ", b"/b "), GET)
    assert talk.statuses == [200] * 4 and len(made) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["GET /a?b"] * 4,
        ["GET /a", "GET /a", "HEAD /a", "HEAD /a", "GET /a"],
        ["GET /a?b", "GET /a?b", "GET /a?c", "GET /a", "GET /a?b"],
        ["GET /%41", "GET /%41", "GET /A", "GET /%41", "GET http://a.example/A", "GET http://a.example/A"],
        ["GET /in/a", "GET /in/a", "GET /a", "GET /in/a", "GET /in/a"],
    ],
)
def test_a_line_that_comes_again_says_what_a_new_one_says(lines: list[str]) -> None:
    """Mounted and not, the same application is asked on one connection, and each time on a new one."""
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append({name: value for name, value in environ.items() if name != "wsgi.input"})
        environ.clear()
        start_response("200 OK", PLAIN)
        return [b""]

    inner = WSGI(app)

    def mounted(request: Request) -> Any:
        request.prefix = "/in" if request.raw_path.startswith("/in") else ""
        return inner(request)

    talk = Conversation(mounted)
    for line in lines:
        message = line.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        talk.say(message)
        Conversation(mounted).say(message)
        assert seen[-2] == seen[-1], line


def test_a_method_that_a_middleware_has_replaced_is_the_application_s() -> None:
    seen: list[str] = []
    inner = WSGI(lambda environ, start: (seen.append(environ["REQUEST_METHOD"]), start("200 OK", PLAIN), [b""])[2])
    methods = iter(["GET", "GET", "DELETE", "GET"])

    def overridden(request: Request) -> Any:
        request.method = next(methods)
        return inner(request)

    Conversation(overridden).say(GET, GET, GET, GET)
    assert seen == ["GET", "GET", "DELETE", "GET"]
