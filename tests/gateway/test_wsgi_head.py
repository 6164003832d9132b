"""What `start_response` takes and refuses, and what of it reaches the client."""

from __future__ import annotations

from typing import Any

import pytest

from salver.gateway.wsgi_head import HOP_BY_HOP, Head, read_head
from tests.gateway.wsgi_support import GET, PLAIN, bare, returning, valid

BODY = [b"0123456789"]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("200 OK", b"200 OK"),
        ("200 Fine", b"200 Fine"),
        ("200 ", b"200 "),
        ("404 Not Found", b"404 Not Found"),
        ("299 Caf\xe9", b"299 Caf\xe9"),
        ("599 Whatever it was", b"599 Whatever it was"),
    ],
)
def test_the_status_is_sent_as_it_is(status: str, line: bytes) -> None:
    assert bare(returning(BODY, status)).say(GET).reply.startswith(b"HTTP/1.1 " + line + b"\r\n")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, TypeError),
        (b"200 OK", TypeError),
        (None, TypeError),
        ("", ValueError),
        ("OK", ValueError),
        ("20 OK", ValueError),
        ("2000 OK", ValueError),
        ("200OK", ValueError),
        (" 200 OK", ValueError),
        ("100 Continue", ValueError),
        ("101 Switching Protocols", ValueError),
        ("600 Too Far", ValueError),
        ("٢٠٠ OK", ValueError),
        ("200 OK\r\nX: y", ValueError),
        ("200 OK\n", ValueError),
        ("200 O\0K", ValueError),
        ("200 ☃", ValueError),
    ],
)
def test_a_status_that_is_none(status: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="a status is"):
        read_head(status, PLAIN)


@pytest.mark.parametrize(
    ("field", "error", "said"),
    [
        (("X", b"y"), TypeError, "are str"),
        ((b"X", "y"), TypeError, "are str"),
        (("X", 5), TypeError, "are str"),
        (("X", None), TypeError, "are str"),
        ("X: y", TypeError, "tuples"),
        (("X",), TypeError, "tuples"),
        (("X", "a\r\nSet-Cookie: b"), ValueError, "control character"),
        (("X", "a\nb"), ValueError, "control character"),
        (("X", "a\0b"), ValueError, "control character"),
        (("X", "☃"), ValueError, "latin-1"),
        (("X Y", "a"), ValueError, "field name"),
        (("X:", "a"), ValueError, "field name"),
        (("", "a"), ValueError, "field name"),
        (("Caf\xe9", "a"), ValueError, "character"),
        (("Content-Length", "5x"), ValueError, "number of bytes"),
        (("Content-Length", "-5"), ValueError, "number of bytes"),
        (("Content-Length", "٥"), ValueError, "number of bytes"),
        (("Content-Length", ""), ValueError, "number of bytes"),
    ],
)
def test_a_field_that_is_none(field: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read_head("200 OK", [field])


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_what_belongs_to_the_connection_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="belongs to the connection"):
        read_head("200 OK", [(name.title(), "close")])
    talk = bare(returning(BODY, headers=[(name, "close")])).say(GET)
    assert talk.statuses == [500] and not talk.closed


@pytest.mark.parametrize("broken", [("200", [("X", "a\r\nb")]), ("200\r\n", [])])
def test_what_cannot_be_sent_is_a_500_and_not_half_of_a_head(broken: tuple[str, list[tuple[str, str]]]) -> None:
    talk = bare(returning(BODY, *broken)).say(GET, GET)
    assert talk.statuses == [500, 500]


def test_two_lengths() -> None:
    assert read_head("200 OK", [("Content-Length", "5"), ("content-length", "5")]).length == 5
    with pytest.raises(ValueError, match="twice"):
        read_head("200 OK", [("Content-Length", "5"), ("Content-Length", "6")])


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    assert read_head("200 OK", [("X", " a b\t")]) == Head(200, None, (("X", "a b"),), None, b"X: a b\r\n")


def test_lines_of_one_name_stay_apart_and_in_order() -> None:
    fields = [*PLAIN, ("Set-Cookie", "a=1"), ("X", "y"), ("Set-Cookie", "b=2")]
    reply = valid(returning(lambda: BODY, headers=fields)).say(GET).reply
    assert b"Content-Type: text/plain\r\nSet-Cookie: a=1\r\nX: y\r\nSet-Cookie: b=2\r\n" in reply


@pytest.mark.parametrize("name", ["Date", "Server"])
@pytest.mark.parametrize("body", [BODY, [b"01234", b"56789"], ()])
def test_an_application_s_own_takes_the_place_of_the_server_s(name: str, body: Any) -> None:
    reply = valid(returning(lambda: body, headers=[*PLAIN, (name, "mine")])).say(GET).reply
    assert reply.count(name.encode() + b": ") == 1 and name.encode() + b": mine\r\n" in reply


def test_a_head_is_remembered_but_for_secrets_and_what_is_long() -> None:
    same = [read_head("200 OK", [("X", "y")]) for _ in range(2)]
    assert same[0] is same[1]
    for field in (("Set-Cookie", "secret"), ("WWW-Authenticate", "Basic"), ("X", "y" * 2_000)):
        heads = [read_head("200 OK", [field]) for _ in range(2)]
        assert heads[0] == heads[1] and heads[0] is not heads[1]


def test_pairs_that_are_lists_will_do() -> None:
    fields: Any = [["X", "y"]]
    assert read_head("200 OK", fields).fields == (("X", "y"),)
