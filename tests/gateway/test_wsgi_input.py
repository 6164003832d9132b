"""`wsgi.input`: bodies by length and by chunks, collected, spooled and streamed."""

from __future__ import annotations

import hashlib
from typing import Any
from wsgiref.validate import validator

import pytest

from salver.gateway.wsgi import WSGI
from salver.request import Request
from salver.response import Response
from tests.gateway.wsgi_support import PLAIN, Environ
from tests.service.harness import Conversation
from tests.service.messages import GET, chunked, post


def talk_to(app: Any, *, limit_body_in_memory: int = 1024, **settings: Any) -> Conversation:
    return Conversation(WSGI(app, **settings), limit_body_in_memory=limit_body_in_memory)


class Reader:
    """An application that reads its input with one of the file's methods, and says what it was told of it."""

    def __init__(self, read: Any) -> None:
        self.read = read
        self.environs: list[Environ] = []
        self.got: list[Any] = []

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        self.got.append(self.read(environ["wsgi.input"]))
        start_response("200 OK", PLAIN)
        return [b"read"]


def whole(stream: Any) -> bytes:
    return b"".join(iter(lambda: stream.read(1000), b""))


SMALL = b"one\ntwo\r\nthree"
LARGE = bytes(range(256)) * 40


@pytest.mark.parametrize("collect", [0, 1024, 1024 * 1024])
@pytest.mark.parametrize("body", [SMALL, LARGE])
@pytest.mark.parametrize("splits", [1, 3, 100])
def test_a_body_with_a_length(body: bytes, collect: int, splits: int) -> None:
    reader = Reader(whole)
    message = post(body)
    step = max(1, len(message) // splits)
    talk = talk_to(validator(reader), collect=collect)
    parts = [message[place : place + step] for place in range(0, len(message), step)]
    if collect < len(body):  # streamed: what comes later would be waited for
        parts = [message]
    talk.say(*parts, GET)
    assert talk.statuses == [200, 200]
    assert reader.got == [body, b""]
    assert reader.environs[0]["CONTENT_LENGTH"] == str(len(body))


@pytest.mark.parametrize("body", [SMALL, LARGE])
def test_a_chunked_body_is_collected_and_has_a_length(body: bytes) -> None:
    reader = Reader(whole)
    talk = talk_to(validator(reader)).say(chunked(body[:5], body[5:]), GET)
    assert talk.statuses == [200, 200]
    assert reader.got == [body, b""]
    assert reader.environs[0]["CONTENT_LENGTH"] == str(len(body))
    assert "HTTP_TRANSFER_ENCODING" not in reader.environs[0]
    assert "CONTENT_LENGTH" not in reader.environs[1]


def test_a_chunked_body_that_is_not_collected_has_an_end() -> None:
    reader = Reader(whole)
    talk = talk_to(validator(reader), collect=0).say(chunked(SMALL, LARGE), GET)
    assert talk.statuses == [200, 200]
    assert reader.got == [SMALL + LARGE, b""]
    assert "CONTENT_LENGTH" not in reader.environs[0]
    assert reader.environs[0]["HTTP_TRANSFER_ENCODING"] == "chunked"
    assert reader.environs[0]["wsgi.input_terminated"] is True


@pytest.mark.parametrize("collect", [0, 1024 * 1024])
@pytest.mark.parametrize("limit_body_in_memory", [1, 1024])
@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda stream: stream.read(), SMALL),
        (lambda stream: stream.read(-1), SMALL),
        (lambda stream: stream.read(5), SMALL[:5]),
        (lambda stream: stream.read(10_000), SMALL),
        (lambda stream: stream.read(0), b""),
        (lambda stream: stream.readline(), b"one\n"),
        (lambda stream: stream.readline(2), b"on"),
        (lambda stream: stream.readlines(), [b"one\n", b"two\r\n", b"three"]),
        (lambda stream: stream.readlines(1), [b"one\n"]),
        (list, [b"one\n", b"two\r\n", b"three"]),
        (lambda stream: (stream.read(), stream.read(), stream.read(5), stream.readline()), (SMALL, b"", b"", b"")),
    ],
)
def test_every_way_to_read(read: Any, expected: Any, collect: int, limit_body_in_memory: int) -> None:
    reader = Reader(read)
    talk = talk_to(reader, collect=collect, limit_body_in_memory=limit_body_in_memory).say(post(SMALL), GET)
    assert talk.statuses == [200, 200]
    assert reader.got[0] == expected


@pytest.mark.parametrize("message", [post(b"x" * 101), chunked(b"x" * 60, b"x" * 41)])
@pytest.mark.parametrize("collect", [0, 50, 1024])
def test_past_the_limit_is_413(message: bytes, collect: int) -> None:
    talk = talk_to(Reader(whole), collect=collect, max_body=100).say(message)
    assert talk.statuses == [413] and talk.closed


def test_the_limit_itself_passes() -> None:
    assert talk_to(Reader(whole), max_body=100).say(post(b"x" * 100), chunked(b"x" * 100)).statuses == [200, 200]


def test_what_is_collected_is_not_bound_by_the_server_s_own_limit() -> None:
    talk = Conversation(WSGI(Reader(whole)), limit_body=10).say(post(SMALL))
    assert talk.statuses == [200]


def test_an_unread_body_does_not_disturb_the_next_request() -> None:
    talk = talk_to(Reader(lambda stream: None), collect=0)
    assert talk.say(post(SMALL), post(LARGE), GET).statuses == [200, 200, 200]


def test_a_client_that_stops_within_its_body_is_an_oserror_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    raised: list[BaseException] = []

    def read(stream: Any) -> Any:
        try:
            return stream.read()
        except OSError as error:
            raised.append(error)
            raise

    talk = talk_to(Reader(read), collect=0)
    talk.stream.ended = True
    talk.say(post(LARGE)[:-5])
    assert raised and talk.closed
    assert "Traceback" not in caplog.text


def test_100_continue_is_said_when_the_application_reads() -> None:
    seen: list[bytes] = []

    def read(stream: Any) -> bytes:
        seen.append(talk.reply)
        talk.stream.inbox.append(SMALL)
        result: bytes = stream.read()
        return result

    talk = talk_to(Reader(read), collect=0)
    head = post(SMALL, b"Expect: 100-continue")[: -len(SMALL)]
    talk.say(head)
    assert seen == [b""] and talk.reply.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_large_body_is_not_held_in_memory() -> None:
    """Collected: it lies in a temporary file, which the application reads as it is."""
    piece, many = b"0123456789abcdef" * 4096, 320  # 20 MiB
    digest: list[str] = []

    def read(stream: Any) -> None:
        sums = hashlib.sha256()
        for data in iter(lambda: stream.read(65_536), b""):
            sums.update(data)
        digest.append(sums.hexdigest())

    talk = talk_to(Reader(read), collect=64 * 1024 * 1024)
    talk.say(post(piece * many)[: -len(piece) * many])
    for _ in range(many):
        talk.say(piece)
    assert talk.statuses == [200]
    assert digest == [hashlib.sha256(piece * many).hexdigest()]


@pytest.mark.parametrize("message", [post(SMALL), chunked(SMALL)])
@pytest.mark.parametrize("limit_body_in_memory", [1, 1024])
def test_what_a_middleware_has_read_is_there_again(message: bytes, limit_body_in_memory: int) -> None:
    reader = Reader(whole)
    inner = WSGI(reader)

    def middleware(request: Request) -> Response:
        assert request.stream().read(4) == SMALL[:4] and request.body == SMALL
        return inner(request)

    talk = Conversation(middleware, limit_body_in_memory=limit_body_in_memory).say(message)
    assert talk.statuses == [200] and reader.got == [SMALL]
