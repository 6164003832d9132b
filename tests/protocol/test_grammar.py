"""The patterns against the ABNF, clause by clause: what is in, what is out, and that `fullmatch` is linear."""

from __future__ import annotations

import re

import pytest

from salver.protocol import grammar

CONTROLS = [bytes([code]) for code in [*range(0x20), 0x7F] if code != 9]
TCHARS = set(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def matches(pattern: re.Pattern[bytes], data: bytes) -> bool:
    return pattern.fullmatch(data) is not None


@pytest.mark.parametrize("code", range(256))
def test_single_octets(code: int) -> None:
    octet = bytes([code])
    in_field = code == 9 or (code >= 0x20 and code != 0x7F)
    in_target = 0x21 <= code <= 0x7E and code != ord("#")
    assert matches(grammar.TOKEN, octet) == (code in TCHARS)  # RFC 9110 §5.6.2
    assert matches(grammar.REASON, octet) == in_field  # RFC 9112 §4
    assert matches(grammar.FIELD_LINE, b"X:" + octet) == in_field  # RFC 9112 §5
    assert matches(grammar.FIELD_LINE, octet + b":x") == (code in TCHARS)
    assert matches(grammar.FIELD_VALUE, octet) == (in_field and code not in b" \t")  # RFC 9110 §5.5
    assert matches(grammar.FIELD_VALUE, b"a" + octet + b"b") == in_field
    assert matches(grammar.REQUEST_LINE, b"GET /" + octet + b" HTTP/1.1") == in_target
    assert matches(grammar.REQUEST_LINE, b"G" + octet + b" / HTTP/1.1") == (code in TCHARS)
    assert matches(grammar.CONTENT_LENGTH, octet) == (0x30 <= code <= 0x39)
    assert matches(grammar.CHUNK_LINE, octet) == (octet in b"0123456789abcdefABCDEF")


@pytest.mark.parametrize("pattern", [value for value in vars(grammar).values() if isinstance(value, re.Pattern)])
@pytest.mark.parametrize("text", [b"x\n", b"1\n", b"GET / HTTP/1.1\n", b"X: y\n", b"HTTP/1.1 200 OK\n", b"a:1\n"])
def test_no_pattern_lets_a_newline_through_at_the_end(pattern: re.Pattern[bytes], text: bytes) -> None:
    assert pattern is grammar.NEVER_IN_HEAD or not matches(pattern, text)


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        (b"GET / HTTP/1.1", (b"GET", b"/", b"1", b"1")),
        (b"X!#$%&'*+-.^_`|~1 * HTTP/0.9", (b"X!#$%&'*+-.^_`|~1", b"*", b"0", b"9")),
        (b'GET /|{}^`"<>\\%zz HTTP/1.1', (b"GET", b'/|{}^`"<>\\%zz', b"1", b"1")),
    ],
)
def test_request_line(line: bytes, groups: tuple[bytes, ...]) -> None:
    matched = grammar.REQUEST_LINE.fullmatch(line)
    assert matched is not None
    assert matched.groups() == groups


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b" GET / HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET / http/1.1",
        b"GET / HTTP/11",
        b"GET / HTTP/1.10",
        b"GET / HTTP/1.\xd9\xa1",
        b"GET / HTTP/1.1\n",
    ],
)
def test_not_a_request_line(line: bytes) -> None:
    assert not matches(grammar.REQUEST_LINE, line)


def test_the_start_of_an_origin_form_line() -> None:
    assert matches(grammar.ORIGIN_LINE_START, b"GET /a?b=c")
    assert matches(grammar.ORIGIN_LINE_START, b"CONNECTED /")
    for other in (b"CONNECT /", b"GET *", b"GET http://a/", b"GET /a b", b"GET / ", b"GET /\r\n", b"GET "):
        assert not matches(grammar.ORIGIN_LINE_START, other)


def test_the_start_of_a_request_line_that_is_too_long() -> None:
    assert grammar.REQUEST_LINE_START.match(b"GET /aaaa")
    for other in (b"GETTTT", b"GET  /", b"GET/ ", b"GET \t", b" GET /"):
        assert not grammar.REQUEST_LINE_START.match(other)


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK", b"200", b"OK"),
        (b"HTTP/1.1 200 ", b"200", b""),
        (b"HTTP/1.1 200", b"200", None),
        (b"HTTP/1.0 599 a \t\xff b", b"599", b"a \t\xff b"),
    ],
)
def test_status_line(line: bytes, status: bytes, reason: bytes | None) -> None:
    matched = grammar.STATUS_LINE.fullmatch(line)
    assert matched is not None
    assert (matched[3], matched[4]) == (status, reason)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000",
        b"HTTP/1.1  200",
        b"HTTP/1.1 099",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 200 \x00",
    ],
)
def test_not_a_status_line(line: bytes) -> None:
    assert not matches(grammar.STATUS_LINE, line)


def test_field_lines() -> None:
    assert matches(grammar.FIELD_LINES, b"")
    assert matches(grammar.FIELD_LINES, b"A:\r\nB: \t\xff \r\n")
    for other in (
        b"A",
        b"A: b",
        b"A : b\r\n",
        b" A: b\r\n",
        b"A: b\r\n c\r\n",
        b"A: b\nC: d\r\n",
        b"A: b\r\n\r\n",
        b":\r\n",
    ):
        assert not matches(grammar.FIELD_LINES, other)


@pytest.mark.parametrize(
    "host",
    [b"", b"a", b"a.b:80", b"a:", b"127.0.0.1", b"[::1]", b"[::1]:443", b"[v1F.a:b]", b"%41", b"-._~!$&'()*+;="],
)
def test_host(host: bytes) -> None:
    assert matches(grammar.HOST, host)


@pytest.mark.parametrize(
    "host",
    [b"a b", b"u@a", b"a/", b"a?", b"a#", b"a:8x", b"a:+8", b"[::1", b"[]", b"[::1]x", b"a,b", b"%4", b"%zz", b"\xe9"],
)
def test_not_a_host(host: bytes) -> None:
    assert not matches(grammar.HOST, host)


def test_absolute_and_authority_form() -> None:
    matched = grammar.ABSOLUTE_FORM.fullmatch(b"HttpS://a:1/b?c")
    assert matched is not None
    assert matched.groups() == (b"a:1", b"/b?c")
    for other in (b"http://", b"http:///x", b"ftp://a/", b"http:/a", b"/http://a/"):
        assert not matches(grammar.ABSOLUTE_FORM, other)
    for authority in (b"a:443", b"[::1]:1", b"%41:65535"):
        assert matches(grammar.AUTHORITY_FORM, authority)
    for other in (b"a", b"a:", b":1", b"a:123456", b"u@a:1", b"a:1/"):
        assert not matches(grammar.AUTHORITY_FORM, other)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (b"chunked", [b"chunked"]),
        (b"gzip , chunked", [b"gzip", b"chunked"]),
        (b'a ; b = "x,y;z\\"" ,c', [b"a", b"c"]),
        (b"a;b=c;d=e", [b"a"]),
    ],
)
def test_transfer_codings(value: bytes, names: list[bytes]) -> None:
    assert matches(grammar.TRANSFER_CODINGS, value)
    assert [found[1] for found in grammar.TRANSFER_CODING.finditer(value)] == names


@pytest.mark.parametrize(
    "value", [b"", b",", b"a,", b",a", b"a,,b", b"a b", b"a;", b"a;b", b"a;b=", b'a;b="', b"a/b", b" a"]
)
def test_not_transfer_codings(value: bytes) -> None:
    assert not matches(grammar.TRANSFER_CODINGS, value)


@pytest.mark.parametrize(
    ("line", "extensions"),
    [
        (b"0", b""),
        (b"ABCDEF0123456789", b""),
        (b"5;a", b";a"),
        (b"5 ;\ta = b", b" ;\ta = b"),
        (b'5;a="b\\"c";d', b';a="b\\"c";d'),
        (b'5;a=""', b';a=""'),
    ],
)
def test_chunk_line(line: bytes, extensions: bytes) -> None:
    matched = grammar.CHUNK_LINE.fullmatch(line)
    assert matched is not None
    assert matched[2] == extensions


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"g",
        b" 5",
        b"5 ",
        b"0x5",
        b"+5",
        b"5_0",
        b"0" * 17,
        b"5;",
        b"5;;a",
        b"5;a=",
        b"5;=b",
        b'5;a="b',
        b"5;a b",
        b"5,a",
    ],
)
def test_not_a_chunk_line(line: bytes) -> None:
    assert not matches(grammar.CHUNK_LINE, line)


@pytest.mark.parametrize("control", CONTROLS)
def test_what_can_stand_in_no_head(control: bytes) -> None:
    assert grammar.NEVER_IN_HEAD.search(b"GET " + control + b"x")


def test_a_pair_of_cr_and_lf_is_fine_and_half_of_one_is_not_yet_wrong() -> None:
    assert not grammar.NEVER_IN_HEAD.search(b"a\r\nb\t\xff\r")
    assert not grammar.NEVER_IN_HEAD.search(b"a\r\n", 2)  # an LF at the start of what is scanned: the CR is before it
    assert grammar.NEVER_IN_HEAD.search(b"a\n", 1)
