"""One suite for every kind of stream: TCP, Unix sockets, and the in-memory twin."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.net.stream import MemoryStream, SocketStream, Stream, memory_pair
from tests.net.tls_ends import tls_streams

Pair = tuple[Stream, Stream]


def _adopted(sock: socket.socket) -> SocketStream:
    stream = SocketStream(fileno=sock.detach())
    stream.setblocking(False)
    return stream


def _tcp_pair() -> Pair:
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname())
    served, _ = listening.accept()
    listening.close()
    return _adopted(served), _adopted(client)


def _unix_pair() -> Pair:
    one, other = socket.socketpair()
    return _adopted(one), _adopted(other)


PAIRS: dict[str, Callable[[], Pair]] = {"tcp": _tcp_pair, "unix": _unix_pair, "memory": memory_pair}
KINDS = [*sorted(PAIRS), "tls 1.2", "tls 1.3"]


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    if request.param in PAIRS:
        one, other = PAIRS[request.param]()
    else:
        one, other = tls_streams(request.getfixturevalue("tls_pair"), request.param.replace("tls ", "TLSv"))
    yield one, other
    one.close()
    other.close()


def _patiently(call: Callable[[], bytes]) -> bytes:
    """The answer, once there is one: loopback takes a moment."""
    for _ in range(2000):
        try:
            return call()
        except BlockingIOError:
            os.sched_yield()
    raise TimeoutError


def _patiently_send(stream: Stream, data: bytes) -> int:
    for _ in range(2000):
        try:
            return stream.send(data)
        except BlockingIOError:
            os.sched_yield()
    raise TimeoutError


def _receive(stream: Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = _patiently(lambda: stream.recv(65_536))
        assert part, "ended early"
        data += part
    return data


def _fill(stream: Stream) -> int:
    total = 0
    while True:
        try:
            total += stream.send(b"x" * 32_768)
        except BlockingIOError:
            return total


def test_nothing_there_is_would_block(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        pair[0].recv(10)


def test_what_is_sent_arrives_both_ways(pair: Pair) -> None:
    assert pair[0].send(b"there") == 5
    assert pair[1].send(memoryview(b"back")) == 4
    assert _receive(pair[1], 5) == b"there"
    assert _receive(pair[0], 4) == b"back"


def test_less_can_be_received_than_there_is(pair: Pair) -> None:
    pair[0].send(b"abc")
    assert _patiently(lambda: pair[1].recv(2)) == b"ab"
    assert _patiently(lambda: pair[1].recv(2)) == b"c"


def test_sending_nothing_sends_nothing(pair: Pair) -> None:
    assert pair[0].send(b"") == 0
    with pytest.raises(BlockingIOError):
        pair[1].recv(10)


def test_a_full_stream_would_block_and_goes_on_once_read(pair: Pair) -> None:
    total = _fill(pair[0])
    assert total > 0
    received = len(_receive(pair[1], total - 16_384))  # of an encrypted record nothing arrives before its end
    assert 0 < _patiently_send(pair[0], b"x" * 32_768) <= 32_768, "what was refused comes first"
    assert len(_receive(pair[1], total - received)) >= total - received


def test_the_end_comes_after_the_data_and_stays(pair: Pair) -> None:
    pair[0].send(b"last")
    pair[0].shutdown_write()
    assert _receive(pair[1], 4) == b"last"
    assert _patiently(lambda: pair[1].recv(10)) == b""
    assert pair[1].recv(10) == b""


def test_a_half_closed_stream_still_receives(pair: Pair) -> None:
    pair[0].shutdown_write()
    assert _patiently(lambda: pair[1].recv(10)) == b""
    pair[1].send(b"answer")
    assert _receive(pair[0], 6) == b"answer"
    with pytest.raises(ConnectionError):
        pair[0].send(b"x")


def test_closing_is_the_end_for_the_peer(pair: Pair) -> None:
    pair[0].send(b"last")
    pair[0].close()
    assert _receive(pair[1], 4) == b"last"
    assert _patiently(lambda: pair[1].recv(10)) == b""


def test_a_closed_stream_is_closed(pair: Pair) -> None:
    assert pair[0].fileno() != -1
    pair[0].close()
    pair[0].close()
    pair[0].reset()
    assert pair[0].fileno() == -1
    for call in (lambda: pair[0].recv(1), lambda: pair[0].send(b"x"), pair[0].shutdown_write):
        with pytest.raises(OSError):
            call()


def test_sending_to_one_who_has_gone_fails_in_the_end(pair: Pair) -> None:
    pair[1].close()
    with pytest.raises(ConnectionError):
        for _ in range(10_000):
            pair[0].send(b"x")


def test_a_reset_is_an_error_for_the_peer(pair: Pair) -> None:
    if isinstance(pair[0], SocketStream) and pair[0].family == socket.AF_UNIX:
        pytest.skip("a Unix socket has no reset")
    pair[0].send(b"part of it")
    pair[0].reset()
    assert pair[0].fileno() == -1
    with pytest.raises(ConnectionError):
        for _ in range(3):
            _patiently(lambda: pair[1].recv(100))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 40)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_a_part_of_a_file(pair: Pair, file: int) -> None:
    sent = pair[0].send_file(file, 100, 300)
    assert sent == 300
    assert _receive(pair[1], 300) == (bytes(range(256)) * 2)[100:400]
    assert os.lseek(file, 0, os.SEEK_CUR) == 0, "the file's own position is not moved"


def test_a_file_that_ends_early_gives_what_there_is_and_then_nothing(pair: Pair, file: int) -> None:
    assert pair[0].send_file(file, 256 * 40 - 5, 100) == 5
    assert pair[0].send_file(file, 256 * 40, 100) == 0
    assert pair[0].send_file(file, 256 * 50, 100) == 0
    assert _receive(pair[1], 5) == bytes(range(251, 256))


def test_a_file_into_a_full_stream_would_block(pair: Pair, file: int) -> None:
    _fill(pair[0])
    with pytest.raises(BlockingIOError):
        for _ in range(100):
            pair[0].send_file(file, 0, 10_000)


def test_a_large_file_arrives_whole_in_parts(pair: Pair, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    path = tmp_path / "large"
    path.write_bytes(content)
    with path.open("rb") as large:
        offset, received = 0, bytearray()
        while len(received) < len(content):
            try:
                offset += pair[0].send_file(large.fileno(), offset, len(content) - offset)
            except BlockingIOError:
                pass
            try:
                received += pair[1].recv(200_000)
            except BlockingIOError:
                pass
    assert bytes(received) == content


def test_a_closed_file_is_an_error(pair: Pair) -> None:
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    with pytest.raises(OSError) as caught:
        pair[0].send_file(fd, 0, 10)
    assert caught.value.errno == errno.EBADF


@pytest.mark.parametrize("reason", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_sendfile_cannot_the_bytes_are_copied(file: int, monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    def cannot(*_: object) -> int:
        raise OSError(reason, "cannot")

    monkeypatch.setattr(os, "sendfile", cannot)
    one, other = _unix_pair()
    assert one.send_file(file, 0, 256) == 256
    assert _receive(other, 256) == bytes(range(256))
    assert one.send_file(file, 256 * 40, 256) == 0
    one.close()
    other.close()


def test_where_there_is_no_sendfile_the_bytes_are_copied(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sendfile", raising=False)
    one, other = _unix_pair()
    assert one.send_file(file, 0, 256) == 256
    assert _receive(other, 256) == bytes(range(256))
    one.close()
    other.close()


def test_a_socket_stream_is_the_c_method_with_nothing_in_between() -> None:
    assert SocketStream.recv is socket.socket.recv
    assert SocketStream.send is socket.socket.send
    stream = SocketStream()
    assert not hasattr(stream, "__dict__")
    stream.close()


def test_a_socket_that_was_never_connected_can_be_reset() -> None:
    stream = SocketStream()
    stream.reset()
    assert stream.fileno() == -1


# The twin alone


def test_the_twin_is_bounded() -> None:
    one, other = memory_pair(capacity=10)
    assert one.send(b"x" * 8) == 8
    assert one.writable
    assert one.send(b"y" * 8) == 2
    assert not one.writable
    assert other.recv(4) == b"xxxx"
    assert one.send(b"z" * 8) == 4


def test_the_twin_can_go_step_by_step() -> None:
    one, other = memory_pair(step=1)
    assert one.send(b"abc") == 1
    assert one.send(b"bc") == 1
    assert other.recv(100) == b"a"
    one.step = None
    assert one.send(b"def") == 3
    assert other.recv(100) == b"b"


def test_the_twin_says_when_it_is_ready() -> None:
    one, other = memory_pair()
    assert not one.readable
    assert one.writable
    other.send(b"x")
    assert one.readable
    one.recv(1)
    other.close()
    assert one.readable
    assert one.recv(1) == b""
    with pytest.raises(BrokenPipeError):
        one.send(b"x")


def test_closing_the_twin_with_unread_bytes_resets() -> None:
    one, other = memory_pair()
    other.send(b"unread")
    one.close()
    with pytest.raises(ConnectionResetError):
        other.recv(10)


def test_the_twins_have_numbers() -> None:
    one, other = memory_pair(filenos=(7, 8))
    assert (one.fileno(), other.fileno()) == (7, 8)
    one.close()
    assert one.fileno() == -1


@given(st.binary(max_size=300), st.integers(1, 50), st.one_of(st.none(), st.integers(1, 7)))
def test_whatever_the_capacity_and_the_step_the_bytes_arrive(data: bytes, capacity: int, step: int | None) -> None:
    one, other = memory_pair(capacity, step)
    left, received = data, b""
    while left or other.readable:
        if left and one.writable:
            left = left[one.send(left) :]
        if other.readable:
            received += other.recv(20)
    assert received == data
    assert isinstance(one, MemoryStream)


def test_what_the_peer_has_not_read_is_counted_as_unsent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        stream = SocketStream(fileno=accepted.detach())
        stream.setblocking(False)
        assert stream.unsent() == 0
        while True:
            try:
                stream.send(bytes(65_536))
            except BlockingIOError:
                break
        assert stream.unsent() > 0
        stream.close()
        client.close()
