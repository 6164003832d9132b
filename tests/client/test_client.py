"""What the client makes of a call: defaults and options, one-shot functions, what follows a redirect, Unix sockets."""

from __future__ import annotations

import datetime
import email.utils
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salver import client as http
from salver.client import Client, InvalidRequest, NameNotFound, Response, Retries
from salver.client.retries import retry_after
from tests.client.raw_server import Connection, RawServer, answering
from tests.client.scripted import OK, Script, ScriptedTransport, network


def client_of(transport: ScriptedTransport, **settings: Any) -> Client:
    return Client(transport=transport, trust_env=False, **settings)


def heads(transport: ScriptedTransport) -> list[str]:
    """Every request's head, over all connections."""
    sent = b"".join(bytes(wire.sent) for wire in transport.wires)
    return [part for part in sent.decode("latin-1").split("\r\n\r\n") if part]


def answer(status: str, *fields: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


# One-shot functions


@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put", "patch", "delete"])
def test_a_function_for_each_method(method: str) -> None:
    seen: list[bytes] = []

    def reads(connection: Connection, number: int) -> None:
        seen.append(connection.head())
        connection.send(OK if method != "head" else OK[:-2])

    with RawServer(reads) as server:
        call: Callable[..., Response] = getattr(http, method)
        assert call(f"{server.url}/x", params={"a": 1}, trust_env=False).status == 200
    assert seen[0].startswith(f"{method.upper()} /x?a=1 HTTP/1.1\r\n".encode())


def test_a_function_leaves_no_connection_behind() -> None:
    ended = threading.Event()

    def waits(connection: Connection, number: int) -> None:
        connection.head()
        connection.send(OK)
        if connection.exactly(1) == b"":
            ended.set()

    with RawServer(waits) as server:
        assert http.get(server.url, trust_env=False, retries=0, max_content=10).text == "ok"
        assert ended.wait(5)


def test_a_function_streams_nothing() -> None:
    with pytest.raises(InvalidRequest, match=r"c\.stream"):
        http.get("http://a/", stream=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeot": 1}, "no option 'timeot'"),
        ({"allow_redirects": False}, "'follow_redirects'"),
        ({"verify": False}, r"Client\(verify=…\)"),
    ],
)
def test_an_option_that_there_is_not(options: dict[str, Any], said: str) -> None:
    with client_of(network(OK)) as client, pytest.raises(TypeError, match=said):
        client.get("http://a/", **options)


def test_a_function_has_no_other_options_either() -> None:
    with pytest.raises(TypeError, match="timeot"):
        http.get("http://a/", timeot=1)  # type: ignore[call-arg]


# URLs


@pytest.mark.parametrize(
    ("url", "target"),
    [("redirect/http://b/", "/v1/redirect/http://b/"), ("x?next=http://b/", "/v1/x?next=http://b/")],
)
def test_only_a_scheme_at_its_beginning_makes_a_url_whole(url: str, target: str) -> None:
    transport = network(OK)
    with client_of(transport, base_url="http://a/v1") as client:
        client.get(url)
    assert heads(transport)[0].startswith(f"GET {target} ")


def test_a_reference_that_names_another_host() -> None:
    with client_of(network(), base_url="http://a/v1") as client, pytest.raises(InvalidRequest, match="base_url"):
        client.get("//b/x")


@pytest.mark.parametrize(("method", "sent"), [("get", "GET"), ("Patch", "PATCH"), ("propfind", "propfind")])
def test_methods_that_everybody_knows_are_in_capitals(method: str, sent: str) -> None:
    transport = network(OK)
    with client_of(transport) as client:
        client.request(method, "http://a/")
    assert heads(transport)[0].startswith(f"{sent} / ")


@pytest.mark.parametrize("url", [b"http://a/", None, 5])
def test_a_url_is_text(url: Any) -> None:
    with client_of(network()) as client, pytest.raises(TypeError, match="a URL is a str"):
        client.get(url)


# Redirects


def test_the_cookies_of_the_next_request_are_its_own() -> None:
    """What a redirect sets goes along, and what belongs to the path that was left does not."""
    transport = network(
        answer("200 OK", "Set-Cookie: session=old; Path=/", "Set-Cookie: form=7; Path=/login"),
        answer("303 See Other", "Location: /home", "Set-Cookie: session=new; Path=/"),
        OK,
    )
    with client_of(transport) as client:
        client.get("http://a.example/login")
        client.post("http://a.example/login", data={"name": "me"})
    sent = heads(transport)
    assert "\r\nCookie: form=7; session=old" in sent[1]
    assert "\r\nCookie: session=new" in sent[-1]
    assert "form=7" not in sent[-1]


def test_what_was_sent_can_be_seen() -> None:
    transport = network(answer("200 OK", "Set-Cookie: a=b"), OK)
    with client_of(transport) as client:
        client.get("http://a.example/")
        assert client.get("http://a.example/").request.header("cookie") == "a=b"


@pytest.mark.parametrize(
    ("to", "keeps"),
    [
        ("/other", True),
        ("http://a.example/other", True),
        ("http://a.example:81/", False),
        ("https://a.example/", False),
        ("http://b.example/", False),
        ("//b.example/", False),
    ],
)
def test_secrets_go_to_the_same_origin_alone(to: str, keeps: bool) -> None:
    transport = ScriptedTransport([Script([answer("302 Found", f"Location: {to}"), OK]), Script([OK])])
    with client_of(transport) as client:
        headers = {"Authorization": "Bearer secret", "Cookie": "a=secret", "Proxy-Authorization": "secret", "X": "y"}
        client.get("http://a.example/", headers=headers)
    last = heads(transport)[-1]
    assert last.count("secret") == (3 if keeps else 0)
    assert "\r\nX: y" in last


def test_a_slow_redirect_body_does_not_hold_the_next_request() -> None:
    body = b"HTTP/1.1 302 Found\r\nLocation: /next\r\n\r\n" + b"x" * 200_000  # to the end, and larger than is worth it
    transport = ScriptedTransport([Script([body]), Script([OK])])
    with client_of(transport) as client:
        assert client.get("http://a/").text == "ok"
    assert transport.wires[0].closed


def test_a_redirect_that_drips_does_not_hold_us() -> None:
    def drips(connection: Connection, number: int) -> None:
        if number > 1:
            connection.head()
            connection.send(OK)
            return
        connection.head()
        connection.send(b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 60000\r\n\r\n")
        while not server.over.wait(0.05):
            connection.send(b"x")

    with RawServer(drips) as server, Client(trust_env=False, timeout=10) as client:
        begun = time.monotonic()
        assert client.get(server.url).text == "ok"
        assert time.monotonic() - begun < 8


# Retries


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("5", 5),
        ("0", 0),
        ("-5", None),
        ("soon", None),
        ("٥", None),
        ("9" * 400, 999_999_999_999_999),
        (email.utils.format_datetime(datetime.datetime(2030, 1, 1, 0, 0, 9, tzinfo=datetime.UTC), True), 9),
        (email.utils.format_datetime(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), True), 0),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    now = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC).timestamp()
    assert retry_after(value, now) == seconds


def test_a_server_that_asks_for_too_much_patience_is_not_asked_again() -> None:
    transport = network(answer("503 Service Unavailable", "Retry-After: 86400"), OK)
    with client_of(transport, retries=Retries(statuses=(503,))) as client:
        assert client.get("http://a/").status == 503


def test_one_that_says_at_once_is() -> None:
    transport = network(answer("503 Service Unavailable", "Retry-After: 0"), OK)
    with client_of(transport, retries=Retries(statuses=(503,))) as client:
        assert client.get("http://a/").status == 200


# What comes back


@pytest.mark.parametrize("split", [0, 1, 3])
@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/plain; charset=utf-16", "one\r\ntwo\n\nthree\rfour".encode("utf-16")),
        ("text/plain", "one\r\ntwo\n\nthree\rfour".encode("utf-8-sig")),
        ("text/plain", "one\r\ntwo\n\nthree\rfour".encode("utf-16")),
        ("text/plain; charset=latin-1", b"one\r\ntwo\n\nthree\rfour\n"),
    ],
)
def test_lines_in_every_encoding(content_type: str, content: bytes, split: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    transport = network(head + content, split=split)
    with client_of(transport) as client, client.stream("GET", "http://a/") as response:
        assert list(response.iter_lines()) == ["one", "two", "", "three", "four"]


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"", []), (b"\n", [""]), (b"\r", [""]), (b"\r\n", [""]), (b"a\x0bb\x85\xe2\x80\xa8c", ["a\x0bb\ufffd\u2028c"])],
)
def test_what_is_a_line(content: bytes, lines: list[str]) -> None:
    transport = network(b"HTTP/1.1 200 OK\r\n\r\n" + content)
    with client_of(transport) as client, client.stream("GET", "http://a/") as response:
        assert list(response.iter_lines()) == lines


def test_a_line_without_end_is_not_copied_again_and_again() -> None:
    """Ten megabytes without a line feed, in parts of a kilobyte: quadratic work would take minutes."""
    content = b"x" * 10_000_000
    transport = network(b"HTTP/1.1 200 OK\r\n\r\n" + content, split=1000)
    transport.scripts[0].split = 65_536
    with client_of(transport) as client, client.stream("GET", "http://a/") as response:
        assert [len(line) for line in response.iter_lines()] == [len(content)]


def test_a_mark_alone() -> None:
    transport = network(b"HTTP/1.1 200 OK\r\n\r\n\xef\xbb\xbf", split=30)
    with client_of(transport) as client, client.stream("GET", "http://a/") as response:
        assert "".join(response.iter_text()) == ""


def test_json_that_is_nested_too_deep() -> None:
    body = "[" * 200_000
    with client_of(network(answer("200 OK", body=body))) as client, pytest.raises(ValueError, match="nested|Expecting"):
        client.get("http://a/").json()


# Ways to a server


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")
def test_a_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    path = tmp_path / "server.sock"
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                connection = Connection(sock)
                for _ in range(2):
                    seen.append(connection.head())
                    connection.send(OK)

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(unix_socket=str(path)) as client:
            assert client.get("http://docker/version").text == "ok"
            assert client.get("http://docker/info").text == "ok"
        thread.join(5)
    assert seen[0].startswith(b"GET /version HTTP/1.1\r\nHost: docker\r\n")


def test_a_transport_of_ones_own_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    transport = network(OK)
    with Client(transport=transport) as client:
        client.get("http://a/x")
    assert transport.wires[0].sent.startswith(b"GET /x ")


def test_a_name_that_is_not_there() -> None:
    with Client(trust_env=False) as client, pytest.raises(NameNotFound, match="no-such-name") as caught:
        client.get("http://user:secret@no-such-name.invalid/x")
    assert "secret" not in str(caught.value)


def test_nobody_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with Client(trust_env=False) as client, pytest.raises(http.ConnectFailed, match=f"port {port}: connection refused"):
        client.get(f"http://127.0.0.1:{port}/")


def test_a_client_that_is_closed() -> None:
    with RawServer(answering(OK)) as server:
        client = Client(trust_env=False)
        client.close()
        client.close()
        with pytest.raises(http.ClientError, match="closed"):
            client.get(server.url)
