"""Requests and responses over a network of scripts: retries, connections used again, and what is sent."""

from __future__ import annotations

import gzip
import io

import pytest

from salver.client import (
    BodyGone,
    Client,
    ConnectionLost,
    InvalidRequest,
    PoolLimits,
    PoolTimedOut,
    ReadTimedOut,
    Retries,
    StatusError,
    Timeout,
    TotalTimedOut,
)
from tests.client.scripted import END, OK, RESET, SILENCE, Script, ScriptedTransport, network


def client_of(transport: ScriptedTransport, **settings: object) -> Client:
    return Client(transport=transport, trust_env=False, **settings)  # type: ignore[arg-type]


def heads(sent: bytes | bytearray) -> list[str]:
    """The request lines that were sent."""
    return [line for line in sent.decode("latin-1").split("\r\n") if line.endswith(" HTTP/1.1")]


# What is sent


def test_a_request_as_it_is_sent() -> None:
    transport = network(OK)
    with client_of(transport, headers={"User-Agent": "me", "Accept-Encoding": "identity"}) as client:
        client.get("http://a.example:81/x?y#z", headers={"X-A": "1", "accept": "text/plain"}, params={"q": "ü"})
    assert transport.wires[0].sent == (
        b"GET /x?y&q=%C3%BC HTTP/1.1\r\nHost: a.example:81\r\nUser-Agent: me\r\nAccept-Encoding: identity\r\n"
        b"X-A: 1\r\naccept: text/plain\r\n\r\n"
    )


def test_a_field_is_taken_away_with_none() -> None:
    transport = network(OK)
    with client_of(transport) as client:
        client.get("http://a/", headers={"User-Agent": None, "Accept": None, "Accept-Encoding": None})
    assert transport.wires[0].sent == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "codings"),
    [({"range": "bytes=0-9"}, [b"identity"]), ({"Range": "x", "accept-encoding": "br"}, [b"br"])],
)
def test_a_range_is_of_what_is_there(headers: dict[str, str], codings: list[bytes]) -> None:
    transport = network(OK)
    with client_of(transport) as client:
        client.get("http://a/", headers=headers)
    lines = bytes(transport.wires[0].sent).split(b"\r\n")
    assert [line[17:] for line in lines if line.lower().startswith(b"accept-encoding: ")] == codings


def test_headers_of_the_client_may_change() -> None:
    transport = network(OK, OK, OK)
    with client_of(transport) as client:
        client.get("http://a/")
        client.headers["X-Token"] = "t"
        client.get("http://a/")
        del client.headers["X-Token"]
        client.get("http://a/")
    assert transport.wires[0].sent.count(b"X-Token: t") == 1


@pytest.mark.parametrize(
    ("base", "url", "asked"),
    [
        ("http://a/v1", "x", "/v1/x"),
        ("http://a/v1/", "/x?y", "/v1/x?y"),
        ("http://a/v1", "", "/v1"),
        ("http://a/v1", "?q", "/v1?q"),
        ("http://a/v1?k=1", "?q", "/v1?q"),
        ("http://a/v1?k=1", "", "/v1?k=1"),
        ("http://a/v1", "#part", "/v1"),
        ("http://a", "../../x", "/x"),
        ("http://b/v1", "http://a/y", "/y"),
        ("http://a/v1", "x?u=http://b/", "/v1/x?u=http://b/"),
    ],
)
def test_a_base(base: str, url: str, asked: str) -> None:
    transport = network(OK)
    with client_of(transport, base_url=base) as client:
        client.get(url)
    assert heads(transport.wires[0].sent) == [f"GET {asked} HTTP/1.1"]
    assert transport.routes[0].origin.host == "a"


@pytest.mark.parametrize(
    ("method", "url", "options"),
    [
        ("GET\r\nX: y", "http://a/", {}),
        ("GE T", "http://a/", {}),
        ("", "http://a/", {}),
        ("GÉT", "http://a/", {}),
        ("GET", "http://a/\r\n", {}),
        ("GET", "http://a\r\nX: y/", {}),
        ("GET", "http://a/", {"headers": {"A\r\n": "b"}}),
        ("GET", "http://a/", {"headers": {"A": "b\r\nX: y"}}),
        ("GET", "http://a/", {"headers": {"A": "b\x00"}}),
        ("GET", "http://a/", {"headers": {"": "b"}}),
        ("GET", "http://a/", {"headers": {"Host": "b\r\n"}}),
        ("GET", "http://a/", {"headers": [("Host", "a"), ("Host", "b")]}),
        ("GET", "http://a/", {"headers": {"Transfer-Encoding": "chunked"}}),
        ("POST", "http://a/", {"headers": {"Content-Length": "5"}, "content": b"abc"}),
        ("GET", "http://a/", {"cookies": {"a": "b\r\nX: y"}}),
        ("POST", "http://a/", {"json": float("nan")}),
        ("POST", "http://a/", {"json": object()}),
        ("POST", "http://a/", {"json": 1, "data": {"a": 1}}),
        ("POST", "http://a/", {"content": b"a", "data": {"a": 1}}),
        ("POST", "http://a/", {"content": 5}),
    ],
)
def test_what_must_not_be_sent(method: str, url: str, options: dict[str, object]) -> None:
    transport = network(OK)
    with client_of(transport) as client, pytest.raises(InvalidRequest):
        client.request(method, url, **options)  # type: ignore[arg-type]
    assert not transport.wires


def test_content_of_unknown_length_is_chunked() -> None:
    transport = network(OK)
    with client_of(transport) as client:
        client.post("http://a/", content=iter([b"abc", b"", b"de"]), headers={"Expect": None})
    assert transport.wires[0].sent.endswith(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


def test_a_file_goes_with_its_length_from_where_it_stands() -> None:
    transport = network(OK)
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    with client_of(transport) as client:
        client.put("http://a/", content=file)
    assert transport.wires[0].sent.endswith(b"Content-Length: 6\r\n\r\n456789")


def test_content_that_is_not_what_its_length_says() -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return b""

    transport = network(OK)
    with client_of(transport) as client, pytest.raises(InvalidRequest, match="length"):
        client.put("http://a/", content=Shrinking(b"0123456789"))
    assert transport.wires[0].closed


# Connections


def test_a_connection_is_used_again() -> None:
    transport = network(OK, OK, OK)
    with client_of(transport) as client:
        for _ in range(3):
            assert client.get("http://a/").content == b"ok"
        assert not transport.wires[0].closed
    assert transport.wires[0].closed


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=1\r\n\r\nok",
    ],
)
def test_a_connection_that_ends_with_its_response(answer: bytes) -> None:
    transport = ScriptedTransport([Script([answer]), Script([OK])])
    with client_of(transport) as client:
        assert client.get("http://a/").content == b"ok"
        assert transport.wires[0].closed
        assert client.get("http://a/").content == b"ok"


def test_a_stream_holds_its_connection_until_its_end() -> None:
    transport = ScriptedTransport([Script([OK, OK]), Script([OK])])
    with client_of(transport) as client:
        with client.stream("GET", "http://a/") as streamed:
            assert client.get("http://a/").content == b"ok"
            assert len(transport.wires) == 2
            assert b"".join(streamed.iter_bytes()) == b"ok"
        with pytest.raises(BodyGone):
            streamed.read()
    assert len(transport.wires) == 2


def test_a_stream_that_is_given_up_closes_its_connection() -> None:
    transport = network(OK, split=1)
    with client_of(transport) as client, client.stream("GET", "http://a/") as streamed:
        assert next(streamed.iter_bytes()) == b"o"
    assert transport.wires[0].closed


def test_a_stream_that_is_forgotten_gives_its_place_back() -> None:
    transport = ScriptedTransport([Script([OK], split=1), Script([OK])])
    with client_of(transport, limits=PoolLimits(per_origin=1), timeout=Timeout(pool=0.05)) as client:
        held = client.get("http://a/", stream=True)
        with pytest.raises(PoolTimedOut):
            client.get("http://a/")
        del held
        assert client.get("http://a/").content == b"ok"


# Tried anew


@pytest.mark.parametrize("lost", [Script([OK, b""]), Script([OK, b""], RESET), Script([OK, b"HTTP/1.1 2"])])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_an_idle_connection_that_was_closed_is_not_noticed(lost: Script, method: str) -> None:
    answer = OK if method != "HEAD" else OK.removesuffix(b"ok")
    transport = ScriptedTransport([lost, Script([answer])])
    with client_of(transport) as client:
        client.get("http://a/")
        assert client.request(method, "http://a/").status == 200
    assert len(transport.wires) == 2
    assert transport.wires[0].closed


@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
def test_what_might_act_twice_is_not_sent_twice(method: str) -> None:
    transport = ScriptedTransport([Script([OK, b""]), Script([OK])])
    with client_of(transport) as client:
        client.get("http://a/")
        with pytest.raises(ConnectionLost):
            client.request(method, "http://a/", content=b"x")
    assert len(transport.wires) == 1


def test_a_response_that_broke_off_is_asked_for_again() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"
    transport = ScriptedTransport([Script([half]), Script([half], RESET), Script([OK])])
    with client_of(transport, retries=Retries(lost=2, backoff=0.0)) as client:
        assert client.get("http://a/").content == b"ok"
    assert len(transport.wires) == 3


def test_a_stream_that_broke_off_is_not() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"
    transport = ScriptedTransport([Script([half]), Script([OK])])
    with client_of(transport) as client, client.stream("GET", "http://a/") as streamed, pytest.raises(ConnectionLost):
        streamed.read()
    assert len(transport.wires) == 1


def test_an_iterator_is_not_sent_twice() -> None:
    transport = ScriptedTransport([Script([b""]), Script([OK])])
    with client_of(transport) as client, pytest.raises(ConnectionLost):
        client.put("http://a/", content=iter([b"x"]), headers={"Expect": None})


def test_a_time_out_is_not_tried_anew() -> None:
    transport = ScriptedTransport([Script([b""], SILENCE), Script([OK])])
    with client_of(transport) as client, pytest.raises(ReadTimedOut):
        client.get("http://a/")
    assert len(transport.wires) == 1


def test_statuses_that_are_asked_for_again() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"
    transport = network(busy, busy, OK)
    with client_of(transport, retries=Retries(lost=2, statuses=[503])) as client:
        assert client.get("http://a/").content == b"ok"
    assert len(heads(transport.wires[0].sent)) == 3


def test_the_total_holds_over_retries() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 20\r\n\r\n"
    transport = network(busy, OK)
    retries = Retries(lost=2, statuses=[503])
    with client_of(transport, retries=retries, timeout=Timeout(total=5.0)) as client, pytest.raises(TotalTimedOut):
        client.get("http://a/")


# Responses


def test_interim_responses_are_passed_over() -> None:
    transport = network(b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)
    with client_of(transport) as client:
        assert client.get("http://a/").content == b"ok"


def test_a_large_upload_waits_to_be_told_to() -> None:
    transport = ScriptedTransport([Script([b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"])])
    with client_of(transport) as client:
        assert client.put("http://a/", content=bytes(2_000_000)).status == 413
    assert b"Expect: 100-continue" in transport.wires[0].sent
    assert len(transport.wires[0].sent) < 1_000
    assert transport.wires[0].closed


def test_names_of_fields_have_no_case() -> None:
    fields = b"SET-COOKIE: a=1\r\nCONTENT-ENCODING: gzip\r\nKEEP-ALIVE: TIMEOUT=1\r\nCONTENT-LENGTH: %d\r\n\r\n"
    packed = gzip.compress(b"ok")
    transport = ScriptedTransport([Script([b"HTTP/1.1 200 OK\r\n" + fields % len(packed) + packed]), Script([OK])])
    with client_of(transport) as client:
        assert client.get("http://a/").text == "ok"
        assert transport.wires[0].closed  # a second is too little to rely on
        client.get("http://a/")
    assert b"\r\nCookie: a=1\r\n" in transport.wires[1].sent


def test_trailers() -> None:
    transport = network(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 5\r\n\r\n")
    with client_of(transport) as client:
        response = client.get("http://a/")
    assert response.content == b"ok"
    assert list(response.trailers) == [("X-Sum", "5")]


@pytest.mark.parametrize("split", [0, 1, 3])
def test_lines_however_they_come(split: int) -> None:
    transport = network(b"HTTP/1.1 200 OK\r\n\r\none\r\ntwo\n\nthree\rfour", split=split)
    with client_of(transport) as client, client.stream("GET", "http://a/") as response:
        assert list(response.iter_lines()) == ["one", "two", "", "three", "four"]


def test_parts_of_a_size() -> None:
    transport = network(b"HTTP/1.1 200 OK\r\n\r\n0123456789", split=3)
    with client_of(transport) as client, client.stream("GET", "http://a/") as response:
        assert list(response.iter_bytes(4)) == [b"0123", b"4567", b"89"]


NO_CHARSETS = ("base64", "zip", "rot13", "undefined", "idna", "punycode", "unicode_escape")  # codecs of Python's own


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("text/plain", "ü".encode(), "ü"),
        ("text/plain; charset=latin-1", b"\xfc", "ü"),
        ('text/plain; charset="UTF-8"', "ü".encode(), "ü"),
        ("text/plain; charset=no-such", "ü".encode(), "ü"),
        *((f"text/plain; charset={codec}", "ü".encode(), "ü") for codec in NO_CHARSETS),
        ("text/plain", "\ufeffü".encode(), "ü"),
        ("text/plain", "ü".encode("utf-16"), "ü"),
        ("text/plain", b"\xff", "\ufffd"),
    ],
)
def test_text(content_type: str, content: bytes, text: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    with client_of(network(head.encode() + content)) as client:
        assert client.get("http://a/").text == text
    with (
        client_of(network(head.encode() + content)) as client,
        client.stream("GET", "http://a/") as response,
    ):
        assert "".join(response.iter_text()) == text


def test_codings_are_taken_off_and_can_be_left_on() -> None:
    packed = gzip.compress(b"hello " * 100)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    transport = network(answer, answer, split=5)
    with client_of(transport) as client:
        assert client.get("http://a/").content == b"hello " * 100
        with client.stream("GET", "http://a/") as response:
            assert b"".join(response.iter_raw()) == packed


def test_raise_for_status() -> None:
    with client_of(network(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", OK)) as client:
        with pytest.raises(StatusError, match=r"404 Not Found.*http://a/x") as caught:
            client.get("http://u:secret@a/x").raise_for_status()
        assert caught.value.response.content == b"no"
        assert "secret" not in str(caught.value)
        assert client.get("http://a/").raise_for_status().ok


def test_a_body_to_the_end() -> None:
    with client_of(network(b"HTTP/1.0 200 OK\r\n\r\nall of it", then=END, split=2)) as client:
        response = client.get("http://a/")
    assert response.content == b"all of it"
    assert response.http_version == "HTTP/1.0"
