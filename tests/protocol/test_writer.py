"""Nothing leaves that is not a legal head, and nothing secret stays."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol import writer
from salver.protocol.errors import LocalProtocolError
from salver.protocol.grammar import FIELD_LINE
from salver.protocol.reasons import REASONS
from salver.protocol.writer import (
    NOT_REMEMBERED,
    STATUS_LINES,
    encode_field,
    encode_fields,
    encode_request_line,
    encode_status_line,
)

BAD = ["\r", "\n", "\r\n", "\0", "\x7f", "\x0b", "\x0c", "\x1b", "\x1f", "\u2028", "\ud800", "é\u0141"]


@pytest.mark.parametrize("bad", BAD)
def test_no_head_with_a_control_character_or_beyond_latin_1(bad: str) -> None:
    for value in (bad, f"a{bad}", f"{bad}b", f"a{bad}X: y"):
        for name in ("X", "Set-Cookie"):
            with pytest.raises(LocalProtocolError):
                encode_field(name, value)
            with pytest.raises(LocalProtocolError):
                encode_fields([("A", "b"), (name, value)])
        with pytest.raises(LocalProtocolError):
            encode_field(f"X{bad}", "y")
        with pytest.raises(LocalProtocolError):
            encode_status_line(200, value)
        with pytest.raises(LocalProtocolError):
            encode_request_line("GET", f"/{value}")
        with pytest.raises(LocalProtocolError):
            encode_request_line(f"GET{value}", "/")


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "a\t", " "])
def test_no_blank_at_an_end_of_a_value(value: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_field("X", value)


@pytest.mark.parametrize("name", ["", " X", "X ", "X:", "X Y", "X\t", "(X)", "Ü", "X/Y"])
def test_no_name_that_is_not_a_token(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_field(name, "y")


@pytest.mark.parametrize("pair", [("X", 5), ("X", b"y"), (b"X", "y"), ("X", None), (None, "y")])
def test_no_pair_that_is_not_text(pair: tuple[str, str]) -> None:
    with pytest.raises(LocalProtocolError, match="are str"):
        encode_fields([pair])


def test_fields() -> None:
    assert encode_fields([]) == b""
    assert encode_fields([("A", "b"), ("a", ""), ("C", "d e\tf\xff")]) == b"A: b\r\na: \r\nC: d e\tf\xff\r\n"
    assert encode_fields(iter([("A", "b" * 500)])) == b"A: %b\r\n" % (b"b" * 500)


def test_a_subclass_of_str_is_text() -> None:
    class Text(str):
        __slots__ = ()

    assert encode_fields([(Text("A"), Text("b"))]) == b"A: b\r\n"


def test_status_lines() -> None:
    assert encode_status_line(200) == b"HTTP/1.1 200 OK\r\n"
    assert encode_status_line(HTTPStatus.NOT_FOUND) == b"HTTP/1.1 404 Not Found\r\n"
    assert encode_status_line(299) == b"HTTP/1.1 299 Unknown\r\n"
    assert encode_status_line(404, "") == b"HTTP/1.1 404 \r\n"
    assert encode_status_line(404, "gone \xfc") == b"HTTP/1.1 404 gone \xfc\r\n"
    assert set(STATUS_LINES) == set(REASONS)


@pytest.mark.parametrize("status", [0, 99, 600, 1000, -200, True, "200", 200.0, None])
def test_what_is_no_status(status: int) -> None:
    with pytest.raises(LocalProtocolError):
        encode_status_line(status)


def test_request_lines() -> None:
    assert encode_request_line("GET", "/a?b") == b"GET /a?b HTTP/1.1\r\n"
    for method, target in (("", "/"), ("GET", ""), ("GET", "/a b"), ("G T", "/"), ("GET", "/#a"), ("GET", "/é")):
        with pytest.raises(LocalProtocolError):
            encode_request_line(method, target)


def test_what_is_secret_or_long_is_not_remembered() -> None:
    before = writer._encode_remembered.cache_info()
    for name in NOT_REMEMBERED:
        encode_fields([(name, "secret")])
        encode_fields([(name.title(), "secret")])
    encode_fields([("X", "y" * 1_000), ("X" * 1_000, "y")])
    after = writer._encode_remembered.cache_info()
    assert (after.misses, after.hits, after.currsize) == (before.misses, before.hits, before.currsize)
    encode_fields([("X-Plain", "value")])
    assert writer._encode_remembered.cache_info().misses == before.misses + 1


@given(st.text(max_size=5), st.text(max_size=8))
def test_what_is_written_is_a_field_line_or_nothing(name: str, value: str) -> None:
    try:
        line = encode_field(name, value)
    except LocalProtocolError:
        return
    assert line.endswith(b"\r\n")
    matched = FIELD_LINE.fullmatch(line[:-2])
    assert matched is not None
    assert matched[1].decode("ascii") == name
    assert matched[2].strip(b" \t").decode("latin-1") == value
