"""The environment of a script: what RFC 3875 asks for, and what must not be in it."""

from __future__ import annotations

import pytest

from salver.gateway.cgi_environment import EnvironmentMaker
from salver.gateway.cgi_lookup import Script
from salver.gateway.cgi_settings import CGISettings
from salver.protocol.heads import RequestHead
from salver.request import ClientAddress, Request
from tests.gateway.support import FakeExchange, request

SCRIPT = Script("/srv/cgi/a.py", ("/srv/cgi/a.py",), "/cgi-bin/a.py", "/more/here")


def environment(settings: CGISettings | None = None, length: int | None = None, **said) -> dict[str, str]:
    script = said.pop("script", SCRIPT)
    built = EnvironmentMaker(settings or CGISettings()).make(request(**said), script, length)
    return {name.decode(): value.decode("utf-8", "surrogateescape") for name, value in built.items()}


def test_the_meta_variables() -> None:
    found = environment(target="/cgi-bin/a.py/more/here?x+y&z", method="GET")
    assert found["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert found["SERVER_NAME"] == "example.org" and found["SERVER_PORT"] == "8080"
    assert found["SERVER_PROTOCOL"] == "HTTP/1.1" and found["SERVER_SOFTWARE"] == "Salver"
    assert found["REQUEST_METHOD"] == "GET" and found["QUERY_STRING"] == "x+y&z"
    assert found["SCRIPT_NAME"] == "/cgi-bin/a.py" and found["PATH_INFO"] == "/more/here"
    assert found["PATH_TRANSLATED"] == "/srv/cgi/more/here" and found["SCRIPT_FILENAME"] == "/srv/cgi/a.py"
    assert found["REMOTE_ADDR"] == found["REMOTE_HOST"] == "192.0.2.7" and found["REMOTE_PORT"] == "5000"
    assert found["REQUEST_URI"] == "/cgi-bin/a.py/more/here?x+y&z" and found["REQUEST_SCHEME"] == "http"
    assert not {"CONTENT_LENGTH", "CONTENT_TYPE", "HTTPS", "HTTP_CONTENT_LENGTH"} & found.keys()


def test_a_body_has_a_length_and_a_type() -> None:
    found = environment(length=12, fields=[("Content-Type", "text/x; a=b")])
    assert found["CONTENT_LENGTH"] == "12" and found["CONTENT_TYPE"] == "text/x; a=b"
    assert "HTTP_CONTENT_TYPE" not in found


def test_without_path_info_nothing_is_translated() -> None:
    assert "PATH_TRANSLATED" not in environment(script=SCRIPT._replace(info=""))


def test_a_document_root_of_its_own() -> None:
    found = environment(CGISettings(document_root="/srv/www/"))
    assert found["PATH_TRANSLATED"] == "/srv/www/more/here" and found["DOCUMENT_ROOT"] == "/srv/www/"


def test_only_what_is_let_in_comes_from_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("HTTP_PROXY", "http://x")
    monkeypatch.setenv("TZ", "UTC")
    found = environment()
    assert not {"SECRET_KEY", "LD_PRELOAD", "HTTP_PROXY", "HOME", "PYTHONPATH"} & found.keys()
    assert found["TZ"] == "UTC"
    assert environment(CGISettings(inherit=("SECRET_KEY",)))["SECRET_KEY"] == "x"


def test_there_is_always_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert environment()["PATH"]


def test_variables_of_the_settings_come_last() -> None:
    found = environment(CGISettings(environment={"GIT_PROJECT_ROOT": "/git", "SERVER_NAME": "me"}))
    assert found["GIT_PROJECT_ROOT"] == "/git" and found["SERVER_NAME"] == "me"


@pytest.mark.parametrize(
    "name",
    ["Proxy", "PROXY", "X_Under", "Content_Length", "Proxy-Authorization", "Transfer-Coding_", "X.Y", "X!", "TE",
     "Expect", "Upgrade", "Keep-Alive", "Authorization"],
)  # fmt: skip
def test_fields_that_do_not_go_in(name: str) -> None:
    value = "100-continue" if name == "Expect" else "x"
    found = environment(fields=[(name, value)])
    assert {key for key in found if key.startswith("HTTP_")} == {"HTTP_HOST"}


def test_fields_that_go_in() -> None:
    fields = [("X-Forwarded-For", "a"), ("Cookie", "a=1"), ("cookie", "b=2"), ("Accept", "x"), ("accept", "y"),
              ("X-Name", "caf\xe9")]  # fmt: skip
    found = environment(fields=fields)
    assert found["HTTP_X_FORWARDED_FOR"] == "a"
    assert found["HTTP_COOKIE"] == "a=1; b=2" and found["HTTP_ACCEPT"] == "x, y"
    assert found["HTTP_X_NAME"].encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_an_underscore_cannot_pass_for_a_hyphen() -> None:
    found = environment(fields=[("X-Real-IP", "good"), ("X_Real_IP", "bad"), ("X_Real-IP", "bad")])
    assert found["HTTP_X_REAL_IP"] == "good"


def test_authorization_only_where_asked_for() -> None:
    found = environment(CGISettings(pass_authorization=True), fields=[("Authorization", "Basic eDp5")])
    assert found["HTTP_AUTHORIZATION"] == "Basic eDp5"


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [("[::1]:81", "[::1]", "81"), ("[::1]", "[::1]", "80"), ("a", "a", "80"), ("a:", "a", "80")],
)
def test_the_server_is_called_what_the_client_calls_it(host: str, name: str, port: str) -> None:
    made = request()
    made.head.section.host = host.encode()
    found = EnvironmentMaker(CGISettings()).make(made, SCRIPT, None)
    assert (found[b"SERVER_NAME"], found[b"SERVER_PORT"]) == (name.encode(), port.encode())


@pytest.mark.parametrize(
    ("local", "host", "name", "port", "address"),
    [
        (("192.0.2.1", 8001), b"shop.example:80", b"shop.example", b"8001", b"192.0.2.1"),
        (("192.0.2.1", 8001), None, b"192.0.2.1", b"8001", b"192.0.2.1"),
        (("2001:db8::1", 80), None, b"[2001:db8::1]", b"80", b"2001:db8::1"),
        (("2001:db8::1", 80), b"[::1]", b"[::1]", b"80", b"2001:db8::1"),
        (("unix:", 0), b"shop.example:81", b"shop.example", b"81", None),
    ],
)
def test_the_port_is_the_one_that_received_the_request(
    local: tuple[str, int], host: bytes | None, name: bytes, port: bytes, address: bytes | None
) -> None:
    made = request(exchange=FakeExchange(local=ClientAddress(*local)))
    made.head.section.host = host
    found = EnvironmentMaker(CGISettings()).make(made, SCRIPT, None)
    assert (found[b"SERVER_NAME"], found[b"SERVER_PORT"], found.get(b"SERVER_ADDR")) == (name, port, address)


def test_behind_a_trusted_proxy_it_is_the_one_that_the_client_has_named() -> None:
    made = request(exchange=FakeExchange(local=ClientAddress("10.0.0.1", 8001)))
    made.set_forwarded(scheme="https", host="shop.example")
    found = EnvironmentMaker(CGISettings()).make(made, SCRIPT, None)
    assert (found[b"SERVER_NAME"], found[b"SERVER_PORT"]) == (b"shop.example", b"443")
    assert b"SERVER_ADDR" not in found


def test_without_a_host_and_over_tls() -> None:
    made = request(exchange=FakeExchange())
    made.head.section.host = None
    made._exchange.scheme = "https"  # type: ignore[misc]
    found = EnvironmentMaker(CGISettings()).make(made, SCRIPT, None)
    assert found[b"SERVER_NAME"] == b"localhost" and found[b"SERVER_PORT"] == b"443" and found[b"HTTPS"] == b"on"


def test_a_peer_on_a_unix_socket_has_an_address() -> None:
    found = environment(exchange=FakeExchange(client=ClientAddress("unix:", 0)))
    assert found["REMOTE_ADDR"] == "127.0.0.1"


def test_a_repeated_section_is_read_once_and_nobody_elses() -> None:
    """What is kept on the section, and what makes it somebody else's: the connection, a proxy's word, the settings."""
    maker, made = EnvironmentMaker(CGISettings()), request(fields=[("X-A", "1")])
    first = maker.make(made, SCRIPT, None)
    kept = made.head.section.environ
    first[b"HTTP_X_A"] = b"changed by who had it"
    again = Request(RequestHead("POST", "/other?q", made.head.section), made._exchange, None)
    second = maker.make(again, SCRIPT._replace(info=""), 3)
    assert made.head.section.environ is kept
    assert second[b"HTTP_X_A"] == b"1" and second[b"REQUEST_METHOD"] == b"POST" and second[b"CONTENT_LENGTH"] == b"3"
    assert b"CONTENT_LENGTH" not in maker.make(made, SCRIPT, None)
    elsewhere = FakeExchange(client=ClientAddress("192.0.2.8", 1))
    moved = Request(RequestHead("GET", "/", made.head.section), elsewhere, None)
    assert maker.make(moved, SCRIPT, None)[b"REMOTE_ADDR"] == b"192.0.2.8"
    moved.set_forwarded(scheme="https", host="other.example")
    assert maker.make(moved, SCRIPT, None)[b"HTTPS"] == b"on"
    others = EnvironmentMaker(CGISettings(server_software="other")).make(made, SCRIPT, None)
    assert others[b"SERVER_SOFTWARE"] == b"other" and others[b"SERVER_NAME"] == b"example.org"
