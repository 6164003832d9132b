"""A streamed body on a real socket pair: waiting, rates, 100 Continue, and every way in which it does not come."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from salver.net.stream import SocketStream
from salver.protocol.server_connection import CONTINUE, ServerConnection
from salver.request import RequestBodyError
from salver.service.settings import Timeouts
from salver.service.streaming import StreamedBody

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


class Line:
    """A client's socket, and the body that the server reads from its other end."""

    def __init__(self) -> None:
        self.client, ours = socket.socketpair()
        ours.setblocking(False)
        self.stream = SocketStream(ours.family, ours.type, 0, fileno=ours.detach())
        self.stream.setblocking(False)
        self.protocol = ServerConnection()
        self.handed_over = 0

    def body(
        self, head: bytes, limit: int | None = None, expects: bool = False, timeouts: Timeouts | None = None
    ) -> StreamedBody:
        assert self.protocol.receive_request(head) is not None
        return StreamedBody(self.stream, self.protocol, timeouts or Timeouts(), limit, expects, self.hand_over)

    def hand_over(self) -> bool:
        self.handed_over += 1
        return True

    def close(self) -> None:
        self.client.close()
        self.stream.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def later(seconds: float, *data: bytes, to: socket.socket) -> threading.Thread:
    def send() -> None:
        for part in data:
            time.sleep(seconds)
            try:
                to.sendall(part)
            except OSError:
                return

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def status_of(body: StreamedBody) -> int:
    with pytest.raises(RequestBodyError) as caught:
        while body.read_more():
            pass
    return caught.value.status


def test_what_has_arrived_is_given_at_once_and_the_rest_is_waited_for(line: Line) -> None:
    body = line.body(HEAD % 6 + b"abc")
    assert body.read_more() == b"abc" and line.handed_over == 0
    sender = later(0.05, b"de", b"f", to=line.client)
    assert [body.read_more(), body.read_more(), body.read_more()] == [b"de", b"f", b""]
    assert line.handed_over
    sender.join()


def test_continue_is_said_when_somebody_reads_and_once(line: Line) -> None:
    body = line.body(HEAD % 4, expects=True)
    assert body.owes_continue
    sender = later(0.05, b"ab", b"cd", to=line.client)
    assert body.read_more() + body.read_more() == b"abcd"
    sender.join()
    assert line.client.recv(1_000) == CONTINUE and not body.owes_continue


def test_no_continue_for_what_has_come_already(line: Line) -> None:
    body = line.body(HEAD % 4 + b"ab", expects=True)
    assert not body.owes_continue
    line.client.sendall(b"cd")
    assert body.read_more() + body.read_more() == b"abcd"
    line.client.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.client.recv(1_000)


def test_a_continue_waits_for_room_and_not_for_ever(line: Line) -> None:
    with pytest.raises(BlockingIOError):
        while True:
            line.stream.send(b"x" * 65_536)
    assert status_of(line.body(HEAD % 4, expects=True, timeouts=Timeouts(stalled=0.05))) == 408


def test_a_continue_that_found_no_room_at_first_arrives_whole(line: Line) -> None:
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += line.stream.send(b"x" * 65_536)
    body = line.body(HEAD % 4, expects=True)
    received: list[bytes] = []

    def client() -> None:
        while sum(map(len, received)) < sent + len(CONTINUE):
            received.append(line.client.recv(65_536))
        line.client.sendall(b"body")

    thread = threading.Thread(target=client)
    thread.start()
    assert body.read_more() == b"body"
    thread.join()
    assert b"".join(received) == b"x" * sent + CONTINUE


def test_a_body_that_trickles_is_too_slow_although_every_look_finds_a_byte(line: Line) -> None:
    body = line.body(HEAD % 1_000, timeouts=Timeouts(body=0.3, body_rate=500))
    sender = later(0.02, *[b"x"] * 150, to=line.client)
    assert status_of(body) == 408
    assert sender.is_alive(), "it was not refused before its sender had done"
    sender.join()


def test_a_body_that_does_not_come_is_too_slow(line: Line) -> None:
    assert status_of(line.body(HEAD % 4, timeouts=Timeouts(body=0.05))) == 408


def test_the_handlers_own_time_does_not_count(line: Line) -> None:
    body = line.body(HEAD % 6, timeouts=Timeouts(body=0.1, body_rate=500))
    for part in (b"ab", b"cd", b"ef"):
        line.client.sendall(part)
        assert body.read_more() == part
        time.sleep(0.15)
    assert body.read_more() == b""


@pytest.mark.parametrize(
    ("head", "limit", "status"),
    [(CHUNKED + b"4\r\nbody\r\n", 3, 413), (CHUNKED + b"ffffff\r\n", 3, 413), (CHUNKED + b"zz\r\n", None, 400)],
)
def test_too_large_and_malformed(line: Line, head: bytes, limit: int | None, status: int) -> None:
    assert status_of(line.body(head, limit)) == status


def test_a_body_at_its_limit_passes(line: Line) -> None:
    body = line.body(CHUNKED + b"4\r\nbody\r\n0\r\n\r\n", 4)
    assert body.read_more() == b"body" and body.read_more() == b""


def test_a_client_that_ends_inside_the_body(line: Line) -> None:
    body = line.body(HEAD % 4 + b"ab")
    line.client.shutdown(socket.SHUT_WR)
    assert status_of(body) == 400


def test_a_client_that_is_gone_when_continue_is_due(line: Line) -> None:
    body = line.body(HEAD % 4, expects=True)
    line.client.close()
    assert status_of(body) == 400


def test_behind_the_response_nothing_can_be_read(line: Line) -> None:
    body = line.body(HEAD % 4 + b"body")
    body.close()
    assert status_of(body) == 400
