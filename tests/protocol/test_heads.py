"""Start lines and sections as values, and every way a section is refused. RFC 9112 §2 to §5, §9.3; RFC 9110 §7.2."""

from __future__ import annotations

import pytest

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE
from salver.protocol.heads import (
    RequestHead,
    ResponseHead,
    Section,
    check_target,
    parse_request_line,
    parse_request_section,
    parse_response_section,
    parse_status_line,
    persists,
)


def section(*lines: str, minor: int = 1, max_fields: int = 100) -> Section:
    return parse_request_section("".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1"), minor, max_fields)


def response_section(*lines: str, minor: int = 1, status: int = 200, method: str = "GET") -> Section:
    raw = "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")
    return parse_response_section(raw, minor, 100, status, method)


def refusal(function: object, *args: object, **named: object) -> int:
    with pytest.raises(RemoteProtocolError) as caught:
        function(*args, **named)  # type: ignore[operator]
    return caught.value.status


# Start lines


def test_request_line() -> None:
    assert parse_request_line(b"GET /a?b HTTP/1.1") == (b"GET", b"/a?b", 1)
    assert parse_request_line(b"x * HTTP/1.0") == (b"x", b"*", 0)


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.1"])
def test_a_version_not_spoken(version: str) -> None:
    assert refusal(parse_request_line, f"GET / {version}".encode()) == 505


@pytest.mark.parametrize("line", [b"", b"GET", b"GET / HTTP/1", b"GET / HTTP/01.1", b"GET / http/1.1"])
def test_a_malformed_request_line(line: bytes) -> None:
    assert refusal(parse_request_line, line) == 400


def test_status_line() -> None:
    assert parse_status_line(b"HTTP/1.1 200 OK") == (200, "OK", 1)
    assert parse_status_line(b"HTTP/1.0 404 ") == (404, "", 0)
    assert parse_status_line(b"HTTP/1.9 204") == (204, "", 1)  # RFC 9110 §6.2: read as the highest we know
    assert parse_status_line(b"HTTP/1.1 200 \xfcber") == (200, "über", 1)


@pytest.mark.parametrize("line", [b"", b"HTTP/2.0 200 OK", b"HTTP/1.1 OK", b"HTTP/1.1 2x0 OK", b"ICY 200 OK"])
def test_a_malformed_status_line(line: bytes) -> None:
    assert refusal(parse_status_line, line) == 400


# Sections


def test_a_section_without_fields() -> None:
    empty = section(minor=0)
    assert (empty.host, empty.body_length, empty.keep_alive) == (None, 0, False)
    assert empty.headers.fields == []


def test_fields_as_they_came() -> None:
    fields = section("Host: a", "x:y", "X: \t z \t", "E:", "O: \x85\xa0\xff").headers.fields
    assert fields == [("Host", "a"), ("x", "y"), ("X", "z"), ("E", ""), ("O", "\x85\xa0\xff")]


def test_headers_are_made_once() -> None:
    made = section("Host: a")
    assert made.headers is made.headers


@pytest.mark.parametrize(
    "line",
    [
        "X",
        "X : y",
        " X: y",
        "\tX: y",
        ": y",
        ":",
        "X(y): z",
        "X: a\x00",
        "X: a\x7f",
        "X: a\rb",
        "X: a\nb",
        "X\xa0: y",
        "",
        "X\r: y",
    ],
)
def test_a_malformed_line(line: str) -> None:
    assert refusal(section, "Host: a", line, "Z: z") == 400


def test_the_number_of_fields() -> None:
    for count, fits in ((2, True), (3, True), (4, False)):
        lines = ["Host: a", *["X: y"] * (count - 1)]
        if fits:
            assert len(section(*lines, max_fields=3).headers.fields) == count
        else:
            assert refusal(section, *lines, max_fields=3) == 431


def test_a_control_character_comes_before_too_many_fields() -> None:
    assert refusal(section, "Host: a", "X: \x00", "Y: z", max_fields=2) == 400
    assert refusal(section, "Host: a", "X: y\nZ: z", "Y: z", max_fields=2) == 400


@pytest.mark.parametrize("host", ["a", "a:80", "[::1]:80", "", "a.b:"])
def test_host(host: str) -> None:
    assert section(f"Host:  {host} ").host == host.encode()


@pytest.mark.parametrize("lines", [["X: y"], ["Host: a", "host: a"], ["Host: a b"], ["Host: a,b"], ["Host: u@a"]])
def test_host_refused(lines: list[str]) -> None:
    assert refusal(section, *lines) == 400


def test_host_is_not_needed_in_http_1_0_but_must_be_right() -> None:
    assert section("X: y", minor=0).host is None
    assert refusal(section, "Host: a", "Host: a", minor=0) == 400
    assert refusal(section, "Host: a/", minor=0) == 400


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([], 0),
        (["Content-Length: 5"], 5),
        (["content-LENGTH:\t5 "], 5),
        (["Transfer-Encoding: chunked"], CHUNKED),
        (["TRANSFER-encoding:CHUNKED"], CHUNKED),
        (["X-Content-Length: 5", "Content-Length2: 6", "Transfer_Encoding: chunked"], 0),
        (["X: Content-Length: 5"], 0),
    ],
)
def test_body_length(lines: list[str], length: int) -> None:
    assert section("Host: a", *lines).body_length == length


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Content-Length: 5", "Content-Length: 5"], 400),
        (["Content-Length: 5", "Transfer-Encoding: chunked"], 400),
        (["Transfer-Encoding: gzip", "X: y", "Transfer-Encoding: chunked"], 501),
    ],
)
def test_body_length_refused(lines: list[str], status: int) -> None:
    assert refusal(section, "Host: a", *lines) == status


@pytest.mark.parametrize(
    ("values", "minor", "expected"),
    [
        ([], 1, True),
        ([], 0, False),
        ([b"close"], 1, False),
        ([b"Close"], 1, False),
        ([b"close"], 0, False),
        ([b"keep-alive"], 0, True),
        ([b"x ,\tKEEP-ALIVE"], 0, True),
        ([b"keep-alive", b"close"], 0, False),
        ([b"keep-alive, close"], 1, False),
        ([b"closed"], 1, True),
        ([b"", b","], 1, True),
        ([b"x"], 0, False),
    ],
)
def test_persistence(values: list[bytes], minor: int, expected: bool) -> None:
    assert persists(values, minor) is expected


@pytest.mark.parametrize(
    ("lines", "minor", "continues", "other"),
    [
        ([], 1, False, False),
        (["Expect: 100-continue"], 1, True, False),
        (["Expect: 100-CONTINUE, 100-continue"], 1, True, False),
        (["Expect: 100-continue"], 0, False, False),  # RFC 9110 §10.1.1
        (["Expect: x"], 0, False, False),
        (["Expect: x"], 1, False, True),
        (["Expect: 100-continue", "Expect: x"], 1, False, True),
        (["Expect: 100-continue;a=b"], 1, False, True),
        (["Expect:"], 1, False, False),
    ],
)
def test_expect(lines: list[str], minor: int, continues: bool, other: bool) -> None:
    made = section("Host: a", *lines, minor=minor)
    assert (made.expects_continue, made.expects_other) == (continues, other)


def test_response_section() -> None:
    assert response_section("Content-Length: 5").body_length == 5
    assert response_section().body_length == UNTIL_CLOSE
    assert response_section(minor=0).keep_alive is False
    assert response_section("Connection: close").keep_alive is False
    assert response_section("Content-Length: 5", method="HEAD").body_length == 0
    assert response_section("Content-Length: 5", status=304).body_length == 0
    assert refusal(response_section, "X : y") == 400
    assert refusal(response_section, "Content-Length: 5", "Transfer-Encoding: chunked") == 400


# Heads


def test_heads() -> None:
    made = section("Host: a")
    head = RequestHead("GET", "/", made)
    assert head.headers is made.headers
    assert head.version == "HTTP/1.1"
    assert RequestHead("GET", "/", section(minor=0)).version == "HTTP/1.0"
    assert ResponseHead(200, "OK", made).headers["host"] == "a"


# Targets


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        (b"GET", b"/", b"a"),
        (b"GET", b"//[", b"a"),
        (b"OPTIONS", b"*", b"a"),
        (b"GET", b"http://a/", b"a"),
        (b"GET", b"http://A", b"a"),
        (b"GET", b"http://a?b", None),
        (b"GET", b"http://a:80/", b"a"),
        (b"GET", b"http://a/", b"a:80"),
        (b"GET", b"http://a:/", b"a"),
        (b"GET", b"https://a:443/", b"a:"),
        (b"GET", b"HTTPS://[::1]:443/", b"[::1]"),
        (b"CONNECT", b"a:443", b"a"),
    ],
)
def test_target(method: bytes, target: bytes, host: bytes | None) -> None:
    check_target(method, target, host)


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        (b"GET", b"*", b"a"),
        (b"GET", b"a", b"a"),
        (b"GET", b"a:80", b"a"),
        (b"GET", b"http://", b"a"),
        (b"GET", b"http:///", b""),
        (b"GET", b"http://:80/", b""),
        (b"GET", b"http://u@a/", b"a"),
        (b"GET", b"http://[::1/", b"a"),
        (b"GET", b"ftp://a/", b"a"),
        (b"GET", b"http://b/", b"a"),
        (b"GET", b"http://a:443/", b"a"),
        (b"GET", b"https://a:80/", b"a"),
        (b"GET", b"http://a/", b""),
        (b"OPTIONS", b"*a", b"a"),
        (b"CONNECT", b"/", b"a"),
        (b"CONNECT", b"a", b"a"),
        (b"CONNECT", b"*", b"a"),
        (b"CONNECT", b"http://a/", b"a"),
    ],
)
def test_target_refused(method: bytes, target: bytes, host: bytes) -> None:
    assert refusal(check_target, method, target, host) == 400
