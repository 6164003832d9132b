"""Event streams on real sockets: many clients, no thread for any, over TLS too, and an end that everybody sees."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salver.events import Broadcast, Channel, Event, Pause
from salver.net.certificates import TLSFiles
from salver.request import Request
from salver.response import Response
from salver.service.server import Server
from salver.service.settings import Settings

SECONDS = 20.0


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Stream:
    """A client that listens."""

    def __init__(self, server: Server, context: ssl.SSLContext | None = None) -> None:
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
        self.sock = sock if context is None else context.wrap_socket(sock, server_hostname="localhost")
        self.sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.response = http.client.HTTPResponse(self.sock)
        self.response.begin()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self.sock.close()

    def event(self) -> list[bytes]:
        """The lines of the next event."""
        lines = []
        while (line := self.response.readline()) != b"\n":
            assert line, "the stream has ended"
            lines.append(line)
        return lines


def test_many_clients_one_event_and_hardly_a_thread() -> None:
    events = Broadcast()
    threads = threading.active_count()
    with Server(lambda request: Response.event_stream(events), "127.0.0.1:0") as server:
        streams = [Stream(server) for _ in range(200)]
        assert until(lambda: len(events) == 200)
        for number in range(3):
            assert events.publish(str(number)) == 200
            for stream in streams:
                assert stream.event() == [b"data: %d\n" % number]
        assert threading.active_count() - threads < 6
        for stream in streams[:150]:
            stream.__exit__()
        assert until(lambda: len(events) == 50)
        assert events.publish("still") == 50
        for stream in streams[150:]:
            assert stream.event() == [b"data: still\n"]
            stream.__exit__()
        assert until(lambda: len(events) == 0)


def test_a_clock_needs_no_publisher_and_is_on_time() -> None:
    ended = threading.Event()

    def clock() -> Iterator[Event | Pause]:
        try:
            for number in itertools.count():
                yield Event(number, id=str(number))
                yield Pause(0.1)
        finally:
            ended.set()

    with Server(lambda request: Response.event_stream(clock()), "127.0.0.1:0") as server:
        with Stream(server) as stream:
            begun = time.monotonic()
            for number in range(6):
                assert stream.event() == [b"id: %d\n" % number, b"data: %d\n" % number]
            took = time.monotonic() - begun
        assert 0.4 < took < 4.0  # half a second, on a quiet machine; once a second it would be five
        assert ended.wait(SECONDS)


def test_a_heartbeat_comes_when_nothing_else_does() -> None:
    events = Broadcast()
    handler = lambda request: Response.event_stream(events, heartbeat=0.1)  # noqa: E731
    with Server(handler, "127.0.0.1:0") as server, Stream(server) as stream:
        assert stream.event() == [b":\n"]
        assert stream.event() == [b":\n"]


def test_a_generator_that_blocks_keeps_nobody_else_waiting() -> None:
    def handler(request: Request) -> Response:
        return Response.event_stream(slow()) if request.path == "/" else Response(b"quick")

    def slow() -> Iterator[str]:
        for number in range(5):
            time.sleep(0.2)
            yield str(number)
        at_its_end.set()

    at_its_end = threading.Event()
    with Server(handler, "127.0.0.1:0") as server, Stream(server) as stream:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
        client.request("GET", "/quick")
        assert client.getresponse().read() == b"quick"
        assert not at_its_end.is_set()
        client.close()
        assert [stream.event() for _ in range(5)] == [[b"data: %d\n" % number] for number in range(5)]
        assert stream.response.read() == b""


def test_a_reader_that_stops_loses_events_and_holds_up_nobody() -> None:
    channels: list[Channel] = []

    def handler(request: Request) -> Response:
        channels.append(Channel(backlog=10))
        return Response.event_stream(channels[-1])

    with Server(handler, "127.0.0.1:0") as server, Stream(server), Stream(server) as good:
        assert until(lambda: len(channels) == 2)
        for number in range(500):
            channels[0].send("x" * 50_000)
            channels[1].send(str(number))
            assert good.event() == [b"data: %d\n" % number]
        assert channels[0].lost > 100
        assert channels[1].lost == 0


def test_over_tls(tls_pair: tuple[Path, Path]) -> None:
    cert, key = tls_pair
    events = Broadcast()
    context = ssl.create_default_context(cafile=str(cert))
    with Server(lambda request: Response.event_stream(events), "127.0.0.1:0", tls=TLSFiles(cert, key)) as server:
        with Stream(server, context) as stream, Stream(server, context) as other:
            assert until(lambda: len(events) == 2)
            for number in range(3):
                events.publish(str(number))
                assert stream.event() == other.event() == [b"data: %d\n" % number]
            assert isinstance(other.sock, ssl.SSLSocket)
            with contextlib.suppress(OSError):  # what answers the alert may be the end of the connection
                other.sock.unwrap()
            assert until(lambda: len(events) == 1)
        assert until(lambda: len(events) == 0)


@pytest.mark.parametrize("grace", [None, 0.0])
def test_a_stop_ends_streams_within_its_grace(grace: float | None) -> None:
    events = Broadcast()
    server = Server(lambda request: Response.event_stream(events), "127.0.0.1:0", settings=Settings.of(timeout_stop=10))
    server.start()
    with Stream(server) as stream:
        assert until(lambda: len(events) == 1)
        events.publish("last")
        assert stream.event() == [b"data: last\n"]
        begun = time.monotonic()
        server.stop(grace)
        assert time.monotonic() - begun < 5
        if grace is None:
            assert stream.response.read() == b""  # the last chunk has come: no broken stream
        else:
            with contextlib.suppress(OSError, http.client.IncompleteRead):  # cut, unless it was faster
                assert stream.response.read() == b""
    assert until(lambda: len(events) == 0)


def test_one_thread_alone_streams_too() -> None:
    events = Broadcast()
    server = Server(lambda request: Response.event_stream(events), "127.0.0.1:0", settings=Settings.of(limit_threads=1))
    with server, Stream(server) as stream, Stream(server) as other:
        assert until(lambda: len(events) == 2)
        events.publish("x")
        assert stream.event() == other.event() == [b"data: x\n"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_requests_behind_a_stream_are_answered_when_it_has_ended(
    scheme: str, tls_pair: tuple[Path, Path], patience: float
) -> None:
    channel, cpu = Channel(), time.process_time()

    def handler(request: Request) -> Response:
        return Response.event_stream(channel) if request.path == "/" else Response(b"answer")

    keys = TLSFiles(*tls_pair) if scheme == "https" else None
    context = ssl.create_default_context(cafile=str(tls_pair[0])) if scheme == "https" else None
    behind = b"GET /next HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"x" * 900 + b"\r\n\r\n"
    with Server(handler, "127.0.0.1:0", tls=keys) as server, Stream(server, context) as stream:
        sender = threading.Thread(target=stream.sock.sendall, args=(behind * 200,))
        sender.start()
        time.sleep(0.5)
        channel.send("x")
        assert stream.event() == [b"data: x\n"]
        assert time.process_time() - cpu < 0.4 * patience  # nobody spins on what is not read yet
        channel.end()
        rest = b""
        while rest.count(b"\r\n\r\nanswer") < 200:
            piece = stream.response.fp.read1(65_536)
            assert piece, "the connection has ended"
            rest += piece
        sender.join()
