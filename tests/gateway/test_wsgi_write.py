"""The `write` of old: what it is given has left when it returns."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.test_wsgi import exc_info
from tests.gateway.wsgi_support import GET, PLAIN, Closing, Environ, bare, valid
from tests.service.harness import Conversation

HEAD = GET.replace(b"GET", b"HEAD")
LENGTH = [*PLAIN, ("Content-Length", "6")]


def writing(*pieces: bytes, rest: Any = (), headers: list[tuple[str, str]] | None = None) -> Any:
    def app(environ: Environ, start_response: Any) -> Any:
        write = start_response("200 OK", list(PLAIN if headers is None else headers))
        for piece in pieces:
            write(piece)
        return rest() if callable(rest) else rest

    return app


def body_of(reply: bytes) -> bytes:
    return reply.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("rest", [list, lambda: [b"ef"], lambda: Closing(b"e", b"", b"f"), lambda: iter([b"ef"])])
def test_what_is_written_comes_before_what_is_returned(rest: Any) -> None:
    talk = valid(writing(b"ab", b"", b"cd", rest=rest)).say(GET, GET)
    assert talk.statuses == [200, 200] and not talk.closed
    assert body_of(talk.reply).startswith(b"2\r\nab\r\n2\r\ncd\r\n")
    assert talk.reply.endswith(b"0\r\n\r\n")


def test_each_piece_has_left_when_write_returns() -> None:
    seen: list[bytes] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", PLAIN)
        seen.append(talk.reply)
        write(b"ab")
        seen.append(talk.reply)
        write(b"cd")
        seen.append(talk.reply)
        return []

    talk = bare(app)
    talk.say(GET)
    assert seen[0] == b"" and seen[1].endswith(b"2\r\nab\r\n") and seen[2].endswith(b"2\r\ncd\r\n")


def test_with_a_length() -> None:
    talk = bare(writing(b"abc", b"def", headers=LENGTH)).say(GET, GET)
    assert talk.statuses == [200, 200] and body_of(talk.reply).startswith(b"abcdefHTTP/1.1 ")
    assert [line[5] for line in talk.log.lines] == [6, 6]


def test_to_http_1_0() -> None:
    talk = bare(writing(b"abc", b"def")).say(b"GET / HTTP/1.0\r\n\r\n")
    assert body_of(talk.reply) == b"abcdef" and talk.closed


@pytest.mark.parametrize("headers", [PLAIN, LENGTH])
def test_head_has_no_body(headers: list[tuple[str, str]], caplog: pytest.LogCaptureFixture) -> None:
    talk = bare(writing(b"abc", b"def", rest=[b""], headers=headers)).say(HEAD, GET)
    assert talk.statuses == [200, 200] and talk.reply.count(b"abc") == 1
    assert not caplog.text


def test_more_than_was_promised_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    talk = bare(writing(b"abcd", b"efgh", b"ij", headers=LENGTH)).say(GET)
    assert body_of(talk.reply) == b"abcdef" and talk.closed
    assert caplog.text.count("longer than its Content-Length") == 1


def test_less_than_was_promised_breaks_off() -> None:
    talk = bare(writing(b"abc", headers=LENGTH)).say(GET)
    assert body_of(talk.reply) == b"abc" and talk.stream.was_reset


def test_nothing_written_is_nothing_begun() -> None:
    talk = bare(writing(b"", rest=[b"abc"])).say(GET)
    assert talk.statuses == [200] and b"Content-Length: 3\r\n\r\nabc" in talk.reply


@pytest.mark.parametrize("piece", ["text", None, 5, bytearray(b"abc")])
def test_what_is_no_bytes(piece: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert bare(writing(piece)).say(GET).statuses == [500]
    assert "made of bytes" in caplog.text


def test_an_error_behind_it_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", PLAIN)(b"abc")
        raise ValueError("too late")

    talk = bare(app).say(GET)
    assert talk.statuses == [200] and talk.stream.was_reset
    assert body_of(talk.reply) == b"3\r\nabc\r\n" and "too late" in caplog.text


def test_a_head_that_has_left_cannot_be_replaced() -> None:
    caught: list[BaseException] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", PLAIN)(b"abc")
        try:
            start_response("500 Sorry", PLAIN, exc_info())
        except ZeroDivisionError as error:
            caught.append(error)
        return [b"def"]

    talk = bare(app).say(GET)
    assert caught and talk.statuses == [200] and b"3\r\ndef\r\n0\r\n" in talk.reply


@pytest.mark.parametrize("rest", [lambda: [b"x"], lambda: Closing(b"x", b"y")])
def test_a_client_that_goes_away_is_an_oserror_and_no_traceback(rest: Any, caplog: pytest.LogCaptureFixture) -> None:
    made: list[Any] = []

    def kept() -> Any:
        made.append(rest())
        talk.stream.failure = BrokenPipeError()
        return made[-1]

    talk = bare(writing(b"abc", rest=kept))
    talk.say(GET)
    assert talk.stream.was_reset and "Traceback" not in caplog.text
    assert not isinstance(made[0], Closing) or made[0].closed == 1


def test_within_the_application_it_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    raised: list[BaseException] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", PLAIN)
        write(b"abc")
        talk.stream.failure = BrokenPipeError()
        try:
            write(b"def")
        except OSError as error:
            raised.append(error)
            raise
        return []

    talk = bare(app)
    talk.say(GET)
    assert raised and talk.stream.was_reset and "Traceback" not in caplog.text


def test_an_iterable_that_fails_behind_it_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    made = Closing(b"def", ValueError("broken"))
    talk: Conversation = bare(writing(b"abc", rest=made)).say(GET)
    assert made.closed == 1 and talk.stream.was_reset and "broken" in caplog.text
