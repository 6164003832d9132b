"""A served connection, byte for byte, on an in-memory stream."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.handler import options
from salver.request import Request, RequestBodyError
from salver.response import FileSegment, Response, Segments
from tests.service.harness import Conversation

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def hello(request: Request) -> str:
    return "hello"


def echo(request: Request) -> Response:
    return Response(request.body, content_type="text/plain")


def post(body: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), lines, body)


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


# Answers


def test_a_request_is_answered_with_date_server_type_and_length() -> None:
    talk = Conversation(hello).say(GET)
    head, _, body = talk.reply.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {line.partition(b":")[0] for line in lines[1:]} == {b"Date", b"Server", b"Content-Type", b"Content-Length"}
    assert body == b"hello"
    assert not talk.closed


def test_every_split_of_a_request_gives_the_same_reply() -> None:
    whole = Conversation(echo).say(post(b"body") + GET).reply
    message = post(b"body") + GET
    for at in range(len(message) + 1):
        assert Conversation(echo).say(message[:at], message[at:]).reply == whole
    assert Conversation(echo).say(*[message[i : i + 1] for i in range(len(message))]).reply == whole


@pytest.mark.parametrize(
    ("result", "content_type", "body"),
    [
        ("text", b"text/html; charset=utf-8", b"text"),
        (b"raw", b"application/octet-stream", b"raw"),
        ({"a": 1}, b"application/json", b'{"a": 1}'),
        ([1, 2], b"application/json", b"[1, 2]"),
        (("made", 200), b"text/html; charset=utf-8", b"made"),
        (Response("x", content_type="text/plain"), b"text/plain", b"x"),
    ],
)
def test_what_a_handler_returns_becomes_a_response(result: Any, content_type: bytes, body: bytes) -> None:
    reply = Conversation(lambda request: result).say(GET).reply
    assert b"Content-Type: " + content_type + b"\r\n" in reply
    assert reply.endswith(b"\r\n\r\n" + body)


def test_a_tuple_sets_status_and_fields() -> None:
    reply = Conversation(lambda request: ("no", 404, {"X-Why": "gone"})).say(GET).reply
    assert reply.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"X-Why: gone\r\n" in reply


def test_a_reason_of_the_handlers_own() -> None:
    reply = Conversation(lambda request: Response("", 200, reason="Fine")).say(GET).reply
    assert reply.startswith(b"HTTP/1.1 200 Fine\r\n")


@pytest.mark.parametrize("result", [None, 5, object(), ("x",), ("x", "200"), Response("x", 99), Response("x", 103)])
def test_what_is_no_response_is_a_500_with_a_line_in_the_log(result: Any, caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(lambda request: result).say(GET)
    assert talk.statuses == [500]
    assert "handler failed" in caplog.text


@pytest.mark.parametrize("field", [("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\0"), ("X\r\n", "a"), ("X", "é\u20ac"), ("", "x")])
def test_an_illegal_field_is_a_500_and_nothing_of_it_leaves(field: tuple[str, str]) -> None:
    talk = Conversation(lambda request: Response("x", headers=[field])).say(GET)
    assert talk.statuses == [500]
    assert b"Y: b" not in talk.reply


def test_head_sends_the_length_and_no_body_and_lets_go_of_it() -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise AssertionError("not pulled for HEAD")

        def close(self) -> None:
            closed.append(True)

    head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert Conversation(hello).say(head).reply.endswith(b"Content-Length: 5\r\n\r\n")
    talk = Conversation(lambda request: Response(Body())).say(head)
    assert talk.reply.endswith(b"\r\n\r\n")
    assert closed == [True]
    assert talk.say(head).statuses == [200, 200]


@pytest.mark.parametrize("status", [204, 304])
def test_no_body_on_204_and_304(status: int) -> None:
    talk = Conversation(lambda request: Response(b"never", status)).say(GET, GET)
    assert b"never" not in talk.reply
    assert b"Content-Length" not in talk.reply
    assert talk.statuses == [status, status]


# Persistence


def test_pipelined_requests_are_answered_in_order_beyond_a_turns_share() -> None:
    talk = Conversation(lambda request: request.target)
    talk.say(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(100)))
    assert [int(part) for part in talk.reply.decode().split("\r\n\r\n/")[1:] for part in [part.split("H")[0]]] == list(range(100))


@pytest.mark.parametrize(
    ("message", "stays"),
    [
        (GET, True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_persistence(message: bytes, stays: bool) -> None:
    talk = Conversation(hello).say(message)
    assert talk.closed is not stays
    assert (b"Connection: close" in talk.reply) is not stays
    assert (b"Connection: keep-alive" in talk.reply) is (stays and b"HTTP/1.0" in message)


def test_short_connections_as_a_setting() -> None:
    talk = Conversation(hello, keep_alive=False).say(GET)
    assert talk.closed
    assert b"Connection: close\r\n" in talk.reply


def test_nothing_behind_a_last_request_is_parsed() -> None:
    talk = Conversation(hello).say(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
    assert talk.statuses == [200]
    assert talk.closed


def test_a_handler_may_close() -> None:
    talk = Conversation(lambda request: Response("x", headers={"Connection": "close"})).say(GET)
    assert talk.closed
    assert talk.reply.count(b"Connection: close\r\n") == 1


def test_a_half_closed_client_is_answered() -> None:
    talk = Conversation(hello)
    talk.stream.inbox.append(GET)
    talk.end()
    assert talk.statuses == [200]
    assert talk.stream.closed and not talk.stream.was_reset


def test_an_empty_connection_does_no_harm() -> None:
    talk = Conversation(hello).end()
    assert talk.reply == b"" and talk.stream.closed and not talk.log.lines


# Request bodies


@pytest.mark.parametrize("size", [1, 1_000, 70_000, 1_100_000])
def test_a_body_is_collected_whatever_its_size_and_framing(size: int) -> None:
    body = os.urandom(size)
    parts = [body[i : i + 60_000] for i in range(0, size, 60_000)]
    for message in (post(body), chunked(*parts)):
        talk = Conversation(echo)
        talk.say(*[message[i : i + 65_536] for i in range(0, len(message), 65_536)])
        assert talk.reply.endswith(b"\r\n\r\n" + body)
        assert talk.say(GET).statuses[-1] == 200


def test_a_long_body_is_spooled_to_a_file() -> None:
    kinds: list[str] = []

    def handler(request: Request) -> str:
        kinds.append(type(request.stream()).__name__)
        return str(len(request.stream().read()))

    talk = Conversation(handler, limit_body_in_memory=1_000).say(post(b"x" * 999), post(b"x" * 1_001))
    assert kinds[0] == "BytesIO" and kinds[1] != "BytesIO"
    assert talk.reply.endswith(b"1001")


@pytest.mark.parametrize("expect", [(), (b"Expect: 100-continue",)])
def test_a_length_past_the_limit_is_refused_at_once(expect: tuple[bytes, ...]) -> None:
    message = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n" + b"".join(e + b"\r\n" for e in expect)
    talk = Conversation(echo).say(message + b"\r\n")
    assert talk.statuses == [413]
    assert b"100 Continue" not in talk.reply
    assert talk.closed


def test_a_chunked_body_past_the_limit_is_refused() -> None:
    talk = Conversation(echo, limit_body=10).say(chunked(b"x" * 6, b"y" * 6))
    assert talk.statuses == [413] and talk.closed


def test_continue_is_sent_once_and_only_where_the_client_waits() -> None:
    message = post(b"body", b"Expect: 100-continue")
    talk = Conversation(echo).say(message[:-4])
    assert talk.reply == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert talk.say(message[-4:]).reply.count(b"100 Continue") == 1
    assert b"100 Continue" not in Conversation(echo).say(message).reply


def test_an_unknown_expectation_is_417() -> None:
    talk = Conversation(echo).say(post(b"", b"Expect: more"))
    assert talk.statuses == [417] and talk.closed


def test_a_connection_that_ends_inside_a_body_is_just_closed() -> None:
    talk = Conversation(echo).say(post(b"body")[:-1]).end()
    assert talk.reply == b"" and talk.stream.closed


def test_connect_is_501_and_options_star_is_answered() -> None:
    assert Conversation(hello).say(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n").statuses == [501]
    talk = Conversation(hello).say(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert talk.statuses[0] // 100 == 2 and b"Allow: " in talk.reply


def test_a_body_that_cannot_be_kept_is_507(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    talk = Conversation(echo, limit_body_in_memory=10).say(post(b"x" * 11))
    assert talk.statuses == [507] and talk.closed


# Streamed request bodies


@options(stream_body=True)
def streaming_echo(request: Request) -> Response:
    return Response(request.stream().read(), content_type="text/plain")


@options(stream_body=True)
def ignoring(request: Request) -> str:
    return "not read"


def test_a_streamed_body_is_read_by_the_handler() -> None:
    for message in (post(b"body"), chunked(b"bo", b"dy")):
        talk = Conversation(streaming_echo).say(message + GET)
        assert talk.statuses == [200, 200]
        assert b"\r\n\r\nbodyHTTP" in talk.reply
        assert talk.crew.handed_over == 1


def test_an_unread_body_never_becomes_the_next_request() -> None:
    inner = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    for message in (post(inner), chunked(inner)):
        for at in range(1, len(message), 7):
            targets: list[str] = []

            @options(stream_body=True)
            def handler(request: Request, targets: list[str] = targets) -> str:
                targets.append(request.target)
                return "x"

            Conversation(handler).say(message[:at], message[at:], GET)
            assert "/smuggled" not in targets and targets[0] == "/"


def test_a_short_unread_body_is_drained_and_a_long_one_closes() -> None:
    message = post(b"x" * 1_000)
    talk = Conversation(ignoring).say(message[:200], message[200:], GET)
    assert talk.statuses == [200, 200]
    talk = Conversation(ignoring, limit_drain=100).say(message[:200])
    assert b"Connection: close\r\n" in talk.reply and talk.stream.write_shut
    assert talk.pass_time(3).stream.closed


def test_an_unread_expected_body_gets_its_status_without_a_continue() -> None:
    talk = Conversation(ignoring).say(post(b"body", b"Expect: 100-continue")[:-4])
    assert talk.statuses == [200]
    assert b"100 Continue" not in talk.reply and talk.closed


def test_a_streamed_body_that_is_malformed_is_a_400() -> None:
    broken = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    talk = Conversation(streaming_echo).say(broken)
    assert talk.statuses == [400] and talk.closed


def test_a_streamed_body_over_the_handlers_own_limit() -> None:
    @options(stream_body=True, max_body=3)
    def handler(request: Request) -> str:
        with pytest.raises(RequestBodyError):
            request.stream().read()
        return "caught"

    assert Conversation(handler).say(chunked(b"body")).statuses == [200]


# Response bodies


def test_an_iterable_is_chunked_and_a_file_goes_by_segment(tmp_path: Path) -> None:
    reply = Conversation(lambda request: Response(iter([b"ab", b"", b"c"]))).say(GET).reply
    assert reply.endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    released: list[int] = []

    def segments(request: Request) -> Response:
        fd = os.open(path, os.O_RDONLY)
        done = lambda: (os.close(fd), released.append(fd))  # noqa: E731
        return Response(Segments([b"<", FileSegment(fd, 2, 3, done), b">"]))

    reply = Conversation(segments).say(GET).reply
    assert reply.endswith(b"Content-Length: 5\r\n\r\n<234>")
    assert len(released) == 1


def test_an_iterable_to_a_1_0_client_ends_with_the_connection() -> None:
    talk = Conversation(lambda request: Response(iter([b"ab", b"c"]))).say(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert talk.reply.endswith(b"Connection: close\r\n\r\nabc")
    assert talk.closed


@pytest.mark.parametrize("most", [1, 3, 1_000])
def test_a_slow_reader_gets_every_byte_and_nobody_pulls_ahead(most: int) -> None:
    pulled: list[int] = []

    def body() -> Iterator[bytes]:
        for n in range(5):
            pulled.append(n)
            yield b"%d" % n * 10

    talk = Conversation(lambda request: Response(body(), headers={"Content-Length": "50"}))
    talk.stream.most, talk.stream.room = most, 0
    talk.say(GET)
    assert pulled == [0]
    talk.stream.room = None
    talk.run()
    assert talk.reply.endswith(b"\r\n\r\n" + b"".join(b"%d" % n * 10 for n in range(5)))
    assert talk.say(GET).statuses == [200, 200]


def test_a_whole_response_that_the_socket_takes_in_parts() -> None:
    for room in (0, 1, 20, 100, 200):
        talk = Conversation(hello)
        talk.stream.room = room
        talk.say(GET + GET)
        talk.stream.room = None
        talk.run()
        assert talk.statuses == [200, 200] and talk.reply.endswith(b"hello")


def test_a_body_longer_than_promised_is_cut_and_the_connection_closed(caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(lambda request: Response(iter([b"abc", b"def"]), headers={"Content-Length": "4"})).say(GET)
    assert talk.reply.endswith(b"\r\n\r\nabcd")
    assert talk.closed and "longer than its Content-Length" in caplog.text


def test_a_body_shorter_than_promised_is_aborted() -> None:
    talk = Conversation(lambda request: Response(iter([b"abc"]), headers={"Content-Length": "4"})).say(GET)
    assert talk.stream.was_reset


def test_a_wrong_length_of_known_bytes_is_a_500() -> None:
    assert Conversation(lambda request: Response(b"abc", headers={"Content-Length": "4"})).say(GET).statuses == [500]


def test_a_file_that_became_shorter_is_aborted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123")

    def handler(request: Request) -> Response:
        fd = os.open(path, os.O_RDONLY)
        return Response(FileSegment(fd, 0, 10, lambda: os.close(fd)))

    talk = Conversation(handler).say(GET)
    assert talk.stream.was_reset and talk.reply.endswith(b"0123")


def raising(request: Request) -> Any:
    raise RuntimeError("fault")


def raising_iterator() -> Iterator[bytes]:
    raise RuntimeError("fault")
    yield b""


def breaking_iterator() -> Iterator[bytes]:
    yield b"first"
    raise RuntimeError("fault")


def test_a_handler_that_raises_before_the_head_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(raising).say(GET + GET)
    assert talk.statuses == [500, 500] and "RuntimeError: fault" in caplog.text
    assert b"RuntimeError" not in talk.reply
    assert Conversation(lambda request: Response(raising_iterator())).say(GET + GET).statuses == [500, 500]
    assert Conversation(lambda request: Response(iter(["str"]))).say(GET).statuses == [500]  # type: ignore[list-item]


def test_an_iterator_that_raises_behind_the_head_is_aborted_without_a_last_chunk() -> None:
    talk = Conversation(lambda request: Response(breaking_iterator())).say(GET)
    assert talk.stream.was_reset
    assert b"first" in talk.reply and b"0\r\n\r\n" not in talk.reply


def test_an_iterators_close_is_called_when_the_client_goes() -> None:
    closed: list[bool] = []

    def body() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000
        finally:
            closed.append(True)

    talk = Conversation(lambda request: Response(body()))
    talk.stream.room = 2_000
    talk.say(GET)
    talk.stream.failure = ConnectionResetError(104, "reset")
    talk.run()
    assert closed == [True] and talk.stream.closed


# Deadlines


def test_a_silent_connection_is_closed_after_ten_seconds() -> None:
    talk = Conversation(hello).pass_time(9)
    assert not talk.closed
    assert talk.pass_time(2).closed and talk.reply == b""


def test_a_head_that_stops_gets_a_408_and_one_that_trickles_a_close() -> None:
    talk = Conversation(hello).pass_time(3).say(GET[:10]).pass_time(9)
    assert not talk.closed
    assert talk.pass_time(2).statuses == [408] and talk.closed
    talk = Conversation(hello)
    for byte in GET[:15]:
        talk.say(bytes([byte])).pass_time(1)
    assert talk.reply == b"" and talk.closed


def test_an_idle_connection_is_closed_after_its_time() -> None:
    talk = Conversation(hello).say(GET).pass_time(74)
    assert not talk.closed
    assert talk.pass_time(2).closed and talk.statuses == [200]


def test_a_slow_body_gets_a_408_and_a_fast_enough_one_its_time() -> None:
    message = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    talk = Conversation(echo).say(message)
    for _ in range(30):
        talk.say(b"x" * 100) if not talk.closed else None
        talk.pass_time(1)
    assert talk.statuses == [408] and talk.closed
    talk = Conversation(echo).say(message)
    for _ in range(100):
        talk.say(b"x" * 1_000).pass_time(1)
    assert talk.statuses == [200]


def test_a_reader_that_stalls_is_reset() -> None:
    talk = Conversation(hello)
    talk.stream.room = 10
    talk.say(GET).pass_time(29)
    assert not talk.closed
    talk.stream.room = 1
    talk.run()
    talk.pass_time(29)
    assert not talk.closed
    assert talk.pass_time(3).stream.was_reset


def test_a_lingering_close_ends_after_two_seconds_or_with_the_client() -> None:
    talk = Conversation(hello).say(b"bad\r\n\r\n")
    assert talk.statuses == [400] and talk.stream.write_shut and not talk.stream.closed
    assert talk.say(b"more").stream.closed is False
    assert talk.pass_time(3).stream.closed and not talk.stream.was_reset
    assert Conversation(hello).say(b"bad\r\n\r\n").end().stream.closed


# Blocking


def test_a_site_that_blocked_is_handed_over_before_it_runs() -> None:
    talk = Conversation(hello).say(GET)
    assert talk.crew.handed_over == 0

    def blocking(request: Request) -> str:
        talk.connection.on_rescue(True)
        return "slept"

    talk.context.handler = blocking
    talk.say(GET)
    assert talk.crew.handed_over == 0
    talk.say(GET)
    assert talk.crew.handed_over == 1
    talk.say(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
    assert talk.crew.handed_over == 1


def test_a_handler_that_says_it_blocks_and_one_that_says_it_does_not() -> None:
    talk = Conversation(options(blocking=True)(lambda request: "x")).say(GET)
    assert talk.crew.handed_over == 1
    talk = Conversation(options(blocking=False)(lambda request: "x"))
    talk.say(GET)
    talk.connection.on_rescue(True)
    assert talk.say(GET).crew.handed_over == 0


def test_at_the_limit_a_blocking_request_waits_and_past_it_is_refused() -> None:
    slow = options(blocking=True)(lambda request: "done")
    talk = Conversation(slow)
    talk.crew.may_hand_over = False
    talk.say(GET + GET)
    assert talk.reply == b"" and talk.connection.detached
    talk.run_deferred()
    talk.run_deferred()
    assert talk.statuses == [200, 200]
    talk = Conversation(slow)
    talk.crew.may_hand_over, talk.crew.queue_room = False, 0
    talk.say(GET)
    assert talk.statuses == [503] and b"Retry-After: 1\r\n" in talk.reply and not talk.closed


def test_a_named_site_that_blocks_waits_for_a_thread_without_having_run() -> None:
    ran: list[str] = []

    def routed(request: Request) -> str:
        request.enter("route")
        ran.append(request.target)
        return "ok"

    talk = Conversation(routed).say(GET)
    request = Request.__new__(Request)
    request.site = "route"
    talk.context.sites.learn(request)
    talk.crew.may_hand_over = False
    talk.say(GET)
    assert ran == ["/"] and talk.connection.detached
    talk.crew.may_hand_over = True
    talk.run_deferred()
    assert ran == ["/", "/"] and talk.statuses == [200, 200]


# Stopping, and the log


def test_while_stopping_idle_connections_go_and_busy_ones_say_close() -> None:
    talk = Conversation(hello).say(GET)
    talk.context.closing = True
    talk.connection.let_end(0)
    assert talk.closed
    talk = Conversation(hello).say(GET)
    talk.context.closing = True
    talk.connection.let_end(5.0)
    assert not talk.closed
    assert talk.say(GET).reply.count(b"Connection: close\r\n") == 1 and talk.closed
    talk = Conversation(hello).say(GET)
    talk.connection.let_end(5.0)
    assert talk.pass_time(6).closed


def test_one_line_for_each_request_and_refusal() -> None:
    talk = Conversation(hello).say(GET, GET, b"bad\r\n\r\n")
    assert [line[:5] for line in talk.log.lines] == [
        ("192.0.2.1", "GET", "/", 1, 200),
        ("192.0.2.1", "GET", "/", 1, 200),
        ("192.0.2.1", "", "", 1, 400),
    ]
    assert [line[5] for line in talk.log.lines[:2]] == [5, 5]


@pytest.mark.parametrize("room", [None, 0, 50, 150])
def test_the_size_in_the_log_is_the_bodys(room: int | None) -> None:
    for handler in (hello, lambda request: Response(iter([b"he", b"llo"]), headers={"Content-Length": "5"})):
        talk = Conversation(handler)
        talk.stream.room = room
        talk.say(GET)
        talk.stream.room = None
        talk.run()
        talk.say(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [line[5] for line in talk.log.lines] == [5, 0]


def test_what_a_request_knows() -> None:
    seen: list[Any] = []

    def handler(request: Request) -> str:
        seen.append((request.path, request.query_string, request.client, request.scheme, request.host, request.version))
        return ""

    Conversation(handler).say(b"GET /a%20b?c=d HTTP/1.1\r\nHost: example.org\r\n\r\n")
    assert seen == [("/a b", "c=d", ("192.0.2.1", 40_000), "http", "example.org", "HTTP/1.1")]
