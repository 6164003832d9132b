"""What applications return, and what becomes of it: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from salver.gateway.wsgi import WSGI
from salver.response import FixedResponse
from tests.gateway.wsgi_support import GET, PLAIN, Closing, Environ, bare, returning, valid
from tests.service.harness import Conversation

HEAD = GET.replace(b"GET", b"HEAD")
LENGTH = [*PLAIN, ("Content-Length", "6")]


def body_of(reply: bytes) -> bytes:
    return reply.partition(b"\r\n\r\n")[2]


def generator() -> Iterator[bytes]:
    yield b"abc"
    yield b"def"


@pytest.mark.parametrize("headers", [PLAIN, LENGTH])
@pytest.mark.parametrize(
    "result",
    [[b"abcdef"], [b"abc", b"def"], [b"", b"abc", b"", b"def", b""], (b"abc", b"def"), (b"abcdef",)],
)
def test_what_is_all_there_leaves_in_one_piece(result: Any, headers: list[tuple[str, str]]) -> None:
    for talk in (bare(returning(result, headers=headers)), valid(returning(lambda: iter(result), headers=headers))):
        talk.say(GET, GET)
        assert talk.statuses == [200, 200] and not talk.closed
    talk = bare(returning(result, headers=headers)).say(GET)
    assert b"Content-Length: 6\r\n\r\nabcdef" in talk.reply


@pytest.mark.parametrize("pieces", [(b"abc", b"def"), (b"", b"", b"abc", b"", b"def", b"")])
def test_an_iterable_without_a_length_is_chunked(pieces: tuple[bytes, ...]) -> None:
    talk = valid(returning(lambda: Closing(*pieces))).say(GET, GET)
    assert talk.statuses == [200, 200]
    assert body_of(talk.reply).startswith(b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")


def test_an_iterable_with_its_length_is_not() -> None:
    talk = valid(returning(lambda: Closing(b"abc", b"def"), headers=LENGTH)).say(GET, GET)
    assert talk.statuses == [200, 200] and body_of(talk.reply).startswith(b"abcdefHTTP/1.1")


def test_to_http_1_0_an_iterable_ends_with_the_connection() -> None:
    talk = valid(returning(generator)).say(b"GET / HTTP/1.0\r\n\r\n")
    assert body_of(talk.reply) == b"abcdef" and talk.closed


@pytest.mark.parametrize("result", [[], [b""], (), [b"", b""], lambda: iter(()), lambda: Closing(b"")])
def test_no_body_at_all(result: Any) -> None:
    talk = bare(returning(result)).say(GET, GET)
    assert talk.statuses == [200, 200] and talk.reply.count(b"Content-Length: 0\r\n") == 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("result", [[], [b""], [b"dropped"], lambda: Closing(b"dropped")])
def test_statuses_without_a_body(status: str, result: Any) -> None:
    talk = bare(returning(result, status, [("ETag", '"x"')])).say(GET, GET)
    assert talk.statuses == [int(status[:3])] * 2 and b"dropped" not in talk.reply


@pytest.mark.parametrize(
    ("headers", "result", "said"),
    [
        (LENGTH, [b"abcdef"], b"Content-Length: 6\r\n"),
        (LENGTH, [], b"Content-Length: 6\r\n"),
        (LENGTH, (), b"Content-Length: 6\r\n"),
        (LENGTH, [b""], b"Content-Length: 6\r\n"),
        (LENGTH, lambda: Closing(b"abc", b"def"), b"Content-Length: 6\r\n"),
        (LENGTH, lambda: Closing(), b"Content-Length: 6\r\n"),
        (PLAIN, [b"abcdef"], b"Content-Length: 6\r\n"),
        (PLAIN, [], b""),
        (PLAIN, lambda: Closing(b"abc", b"def"), b""),
    ],
)
def test_head_says_what_get_would(headers: list[tuple[str, str]], result: Any, said: bytes) -> None:
    talk = bare(returning(result, headers=headers)).say(HEAD, HEAD)
    assert talk.statuses == [200, 200] and not talk.closed
    assert talk.reply.count(said) == 2 if said else b"Content-Length" not in talk.reply
    assert b"abc" not in talk.reply


@pytest.mark.parametrize("result", [[b"abcdefgh"], [b"abc", b"defgh"], lambda: Closing(b"abc", b"defgh", b"ij")])
def test_more_than_was_promised_is_cut(result: Any, caplog: pytest.LogCaptureFixture) -> None:
    talk = bare(returning(result, headers=LENGTH)).say(GET)
    assert body_of(talk.reply) == b"abcdef" and talk.closed
    assert "longer than its Content-Length" in caplog.text


def test_less_than_was_promised_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    assert bare(returning([b"abc"], headers=LENGTH)).say(GET).statuses == [500]
    assert "Content-Length says 6" in caplog.text
    talk = bare(returning(lambda: Closing(b"abc"), headers=LENGTH)).say(GET)
    assert body_of(talk.reply) == b"abc" and talk.stream.was_reset


# When the head is said


def test_a_generator_says_its_head_as_late_as_with_its_first_bytes() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b""
        yield b"abc"

    def late(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("201 Created", PLAIN)
        yield b"abc"

    assert valid(app).say(GET).statuses == [200]
    assert bare(late).say(GET).statuses == [201]


@pytest.mark.parametrize("result", [[b"abc"], (b"abc",), (), lambda: Closing(b"abc"), lambda: Closing()])
def test_without_a_head_there_is_no_response(result: Any, caplog: pytest.LogCaptureFixture) -> None:
    made: list[Any] = []

    def app(environ: Environ, start_response: Any) -> Any:
        made.append(result() if callable(result) else result)
        return made[-1]

    assert bare(app).say(GET).statuses == [500]
    assert "has not called start_response" in caplog.text
    assert not isinstance(made[0], Closing) or made[0].closed == 1


def test_a_second_call_needs_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", PLAIN)
        start_response("200 OK", PLAIN)
        return [b"abc"]

    assert bare(app).say(GET).statuses == [500]
    assert "start_response was called before" in caplog.text


def exc_info() -> Any:
    try:
        raise ZeroDivisionError("the application's own")
    except ZeroDivisionError as error:
        return type(error), error, error.__traceback__


def test_an_error_replaces_a_head_that_has_not_left() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [*PLAIN, ("X", "y")])
        start_response("503 Sorry", PLAIN, exc_info())
        return [b"sorry"]

    talk = valid(app).say(GET)
    assert talk.statuses == [503] and b"X: y" not in talk.reply


def test_an_error_in_a_generator_replaces_the_head_before_the_first_bytes() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b""
        start_response("503 Sorry", PLAIN, exc_info())
        yield b"sorry"

    assert bare(app).say(GET).statuses == [503]


def test_behind_the_first_bytes_an_error_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    raised: list[BaseException] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"abc"
        try:
            start_response("503 Sorry", PLAIN, exc_info())
        except ZeroDivisionError as error:
            raised.append(error)
            raise
        yield b"sorry"

    talk = bare(app).say(GET)
    assert raised and talk.stream.was_reset
    assert body_of(talk.reply) == b"3\r\nabc\r\n"
    assert "the application's own" in caplog.text


# What goes wrong, and what is closed


@pytest.mark.parametrize("headers", [PLAIN, LENGTH])
@pytest.mark.parametrize("method", [GET, HEAD])
def test_an_iterable_is_closed_once(method: bytes, headers: list[tuple[str, str]]) -> None:
    made: list[Closing] = []

    def result() -> Closing:
        made.append(Closing(b"abc", b"def"))
        return made[-1]

    bare(returning(result, headers=headers)).say(method, method)
    assert [each.closed for each in made] == [1, 1]


@pytest.mark.parametrize(
    ("pieces", "statuses", "was_reset"),
    [
        ((ValueError("at once"),), [500], False),
        ((b"", ValueError("before the first bytes")), [500], False),
        ((b"abc", ValueError("behind them")), [200], True),
        (("text",), [500], False),
        ((b"abc", "text"), [200], True),
        ((None,), [500], False),
        ((SystemExit("no"),), [500], False),
    ],
)
def test_an_iterable_that_fails_is_closed_too(pieces: Any, statuses: list[int], was_reset: bool) -> None:
    made = Closing(*pieces)
    talk = bare(returning(made)).say(GET)
    assert talk.statuses == statuses and talk.stream.was_reset is was_reset
    assert made.closed == 1


def test_a_client_that_goes_away_closes_it() -> None:
    made = Closing(*[b"x" * 100] * 10)
    talk = bare(returning(made))
    talk.crew.may_hand_over = False
    talk.stream.room = 500
    talk.say(GET)
    before = made.closed
    talk.stream.failure = ConnectionResetError()
    talk.run()
    assert (before, made.closed) == (0, 1) and made.pulled < 10


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (["text"], "made of bytes, not str"),
        ([b"abc", "text"], "made of bytes, not str"),
        (("text",), "made of bytes, not str"),
        ("text", "made of bytes, not str"),
        ([5], "made of bytes, not int"),
        (lambda: iter([bytearray(b"abc")]), "made of bytes, not bytearray"),
        (None, "NoneType"),
        (5, "int"),
    ],
)
def test_what_is_no_body(result: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    assert bare(returning(result)).say(GET, GET).statuses == [500, 500]
    assert said in caplog.text


def test_what_an_application_raises_is_a_500_and_tells_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        raise ValueError("secret of mine")

    talk = bare(app).say(GET, GET)
    assert talk.statuses == [500, 500] and b"secret" not in talk.reply
    assert "secret of mine" in caplog.text


def test_the_next_piece_is_asked_for_when_the_last_has_left() -> None:
    seen: list[bytes] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"one"
        seen.append(talk.reply)
        yield b"two"
        seen.append(talk.reply)

    talk = valid(app)
    talk.say(GET)
    assert seen[0].endswith(b"3\r\none\r\n") and seen[1].endswith(b"3\r\ntwo\r\n")


# The handler itself


def test_wrappers_may_change_what_is_all_there() -> None:
    inner = WSGI(returning([b"abc"]))

    def wrapper(request: Any) -> Any:
        response = inner(request)
        assert isinstance(response, FixedResponse)
        response.headers["X-Added"] = "y"
        return response

    reply = Conversation(wrapper).say(GET).reply
    assert b"Content-Type: text/plain\r\nX-Added: y\r\nContent-Length: 3\r\n\r\nabc" in reply


@pytest.mark.parametrize("app", [None, 5, "module:app"])
def test_what_is_no_application(app: Any) -> None:
    with pytest.raises(TypeError, match="environ, start_response"):
        WSGI(app)


@pytest.mark.parametrize("settings", [{"max_body": -1}, {"collect": -1}])
def test_sizes_that_are_none(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="numbers of bytes"):
        WSGI(returning([]), **settings)
