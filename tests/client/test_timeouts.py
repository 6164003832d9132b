"""Each time-out over a real socket: the error that is documented, within its time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from salver.client import (
    Client,
    ConnectTimedOut,
    PoolLimits,
    PoolTimedOut,
    ReadTimedOut,
    TimedOut,
    Timeout,
    TotalTimedOut,
    WriteTimedOut,
)
from salver.client.timeouts import Deadline, as_timeout
from tests.client.raw_server import Connection, RawServer, answering, silent
from tests.client.scripted import OK

LONG = 20.0
_SLACK = 5.0  # seconds that a loaded machine may add


@contextmanager
def lasting(seconds: float) -> Iterator[None]:
    """What is inside takes `seconds`, and neither half of that nor much more."""
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert 0.9 * seconds <= took < seconds + _SLACK


def client_with(**limits: float | None) -> Client:
    values: dict[str, float | None] = dict.fromkeys(("connect", "read", "write", "pool"), LONG)
    return Client(timeout=Timeout(**{**values, **limits}), trust_env=False)


def test_a_server_that_says_nothing() -> None:
    with RawServer(silent) as server, client_with(read=0.3) as client:
        with lasting(0.3), pytest.raises(ReadTimedOut, match=server.url):
            client.get(server.url)
        assert server.accepted == 1  # it is not asked twice


def test_a_server_that_stops_in_the_middle() -> None:
    def stops(connection: Connection, number: int) -> None:
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        silent(connection, number)

    with RawServer(stops) as server, client_with(read=0.3) as client, lasting(0.3), pytest.raises(ReadTimedOut):
        client.get(server.url)


def test_slow_is_not_silent() -> None:
    def drips(connection: Connection, number: int) -> None:
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for byte in b"drip" * 2:
            time.sleep(0.1)
            connection.send(bytes((byte,)))

    with RawServer(drips) as server, client_with(read=0.6) as client:
        assert client.get(server.url).text == "dripdrip"


@pytest.mark.parametrize("size", [30_000_000, 900_000])
def test_a_server_that_takes_nothing(size: int) -> None:
    def reads_nothing(connection: Connection, number: int) -> None:
        server.over.wait(LONG)

    with RawServer(reads_nothing, receive_buffer=4096) as server, client_with(write=0.5, read=0.5) as client:
        kind = WriteTimedOut if size > 10_000_000 else (WriteTimedOut, ReadTimedOut)  # a kernel may buffer the smaller
        with lasting(0.5), pytest.raises(kind):
            client.post(server.url, content=bytes(size), headers={"Expect": None})


def test_a_server_that_answers_but_takes_nothing_has_answered() -> None:
    """It refuses, and neither reads on nor closes: its answer is had, at the time-out at the latest."""

    def refuses(connection: Connection, number: int) -> None:
        connection.head()
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n")
        server.over.wait(LONG)

    with RawServer(refuses, receive_buffer=4096) as server, client_with(write=0.5) as client:
        response = client.post(server.url, content=bytes(30_000_000), headers={"Expect": None})
        assert (response.status, response.text) == (413, "no\n")


def test_no_connection_in_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        try:
            for _ in range(8):  # until its queue is full, and SYNs are dropped
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(full.getsockname())
                waiting.append(sock)
            time.sleep(0.1)
            with client_with(connect=0.3) as client, lasting(0.3), pytest.raises(ConnectTimedOut):
                client.get(f"http://127.0.0.1:{full.getsockname()[1]}/")
        finally:
            for sock in waiting:
                sock.close()


def test_a_handshake_that_is_not_answered() -> None:
    with (
        RawServer(silent) as server,
        client_with(connect=0.3) as client,
        lasting(0.3),
        pytest.raises(ConnectTimedOut, match="TLS"),
    ):
        client.get(server.url.replace("http:", "https:"))


def test_no_place_in_the_pool() -> None:
    with (
        RawServer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as server,
        Client(timeout=Timeout(pool=0.3), limits=PoolLimits(connections=1), trust_env=False) as client,
        client.stream("GET", server.url),
        lasting(0.3),
        pytest.raises(PoolTimedOut, match="streamed"),
    ):
        client.get(server.url)


class TestTotal:
    """However busily the other side goes on."""

    def test_of_a_body_without_end(self) -> None:
        def pours(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            while not server.over.is_set():
                connection.send(bytes(10_000))

        with (
            RawServer(pours) as server,
            client_with(total=0.4) as client,
            lasting(0.4),
            pytest.raises(TotalTimedOut, match=r"0\.4 s"),
        ):
            for _ in client.request("GET", server.url, stream=True).iter_bytes():
                pass

    def test_of_a_head_that_drips(self) -> None:
        def drips(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(b"HTTP/1.1 200 OK\r\n")
            while not server.over.wait(0.05):
                connection.send(b"X: y\r\n")

        with RawServer(drips) as server, client_with(total=0.4) as client, lasting(0.4), pytest.raises(TotalTimedOut):
            client.get(server.url)

    def test_of_an_upload_that_drips_away(self) -> None:
        def sips(connection: Connection, number: int) -> None:
            while not server.over.wait(0.02):
                connection.socket.recv(4_096)

        with (
            RawServer(sips, receive_buffer=4096) as server,
            client_with(total=0.5) as client,
            lasting(0.5),
            pytest.raises(TotalTimedOut),
        ):
            client.post(server.url, content=bytes(50_000_000), headers={"Expect": None})

    def test_over_redirects(self) -> None:
        def turns(connection: Connection, number: int) -> None:
            while connection.head():
                time.sleep(0.1)
                connection.send(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

        with RawServer(turns) as server, client_with(total=0.45) as client, lasting(0.45), pytest.raises(TotalTimedOut):
            client.get(server.url)

    def test_of_waiting_for_a_100(self) -> None:
        with RawServer(silent) as server, client_with(total=0.4) as client, lasting(0.4), pytest.raises(TotalTimedOut):
            client.post(server.url, content=b"x" * 2_000_000)

    def test_a_total_does_not_prolong_the_wait_for_a_100(self) -> None:
        def never_says_so(connection: Connection, number: int) -> None:
            connection.head()
            begun = time.monotonic()
            connection.exactly(1)
            waited.append(time.monotonic() - begun)
            connection.exactly(1_999_999)
            connection.send(OK)

        waited: list[float] = []
        with RawServer(never_says_so) as server, client_with(total=LONG) as client:
            assert client.post(server.url, content=b"x" * 2_000_000).text == "ok"
        assert 0.8 < waited[0] < 1 + _SLACK


def test_every_one_is_a_time_out_of_python_too() -> None:
    for kind in (ConnectTimedOut, ReadTimedOut, WriteTimedOut, PoolTimedOut, TotalTimedOut):
        assert issubclass(kind, TimedOut)
        assert issubclass(kind, TimeoutError)


def test_what_is_said_for_one() -> None:
    assert as_timeout(3) == Timeout(3, 3, 3, 3, None)
    assert as_timeout(None) == Timeout(None, None, None, None, None)
    assert as_timeout(Timeout(read=1)).connect == 10


def test_years_are_for_ever() -> None:
    assert Timeout(1e12, 1e12, float("inf"), 2e6, 1e7) == Timeout(None, None, None, 2e6, None)


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_that_is_none(value: float) -> None:
    with pytest.raises(ValueError, match="read time-out"):
        Timeout(read=value)


def test_a_limit_that_is_no_number() -> None:
    with pytest.raises(TypeError, match="connect time-out is a number of seconds, not str"):
        as_timeout("5")  # type: ignore[arg-type]


def test_the_shorter_one_holds() -> None:
    deadline = Deadline(Timeout(read=5, total=60))
    assert deadline.within(5) == 5
    assert 59 < (deadline.within(None) or 0) <= 60
    assert deadline.reading_for(1).timeout.read == 1
    assert deadline.reading_for(9).timeout.read == 5
    assert deadline.reading_for(9).left() == pytest.approx(60, abs=1)
