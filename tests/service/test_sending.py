"""One response on its way, without a connection: every kind of body, however little the stream takes at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.server_connection import ServerConnection
from salver.response import FileSegment, Response, Segments
from salver.service.sending import MORE, SHARE, BodyError, Sending

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FILE = bytes(range(256)) * 40


class PartialStream:
    """Takes what its pattern says, call by call: so many bytes, or nothing (0: it would block); then everything."""

    def __init__(self, pattern: list[int]) -> None:
        self.pattern = list(pattern)
        self.taken = b""
        self.calls: list[tuple[int, int]] = []

    def send(self, data: Any, flags: int = 0) -> int:
        most = self.pattern.pop(0) if self.pattern else len(data)
        if not most and len(data):
            raise BlockingIOError
        self.calls.append((len(data), flags))
        self.taken += bytes(data[:most])
        return min(most, len(data))

    def send_file(self, fd: int, offset: int, length: int) -> int:
        data = os.pread(fd, length, offset)
        return self.send(data) if data else 0


class Released:
    """Segments of one open file, and how often each was let go of."""

    def __init__(self) -> None:
        self.fd = os.open(PATH, os.O_RDONLY)
        self.counts: list[int] = []

    def segment(self, offset: int, length: int) -> FileSegment:
        number = len(self.counts)
        self.counts.append(0)

        def release() -> None:
            self.counts[number] += 1

        return FileSegment(self.fd, offset, length, release)


with tempfile.NamedTemporaryFile(prefix="salver-test-", delete=False) as _file:
    _file.write(FILE)
PATH = _file.name


@pytest.fixture(scope="module", autouse=True)
def _remove_the_file() -> Iterator[None]:
    yield
    os.unlink(PATH)


def begin(body: Any, headers: dict[str, str] | None = None, message: bytes = GET, wanted: bool = True) -> Sending:
    protocol = ServerConnection()
    protocol.receive_request(message)
    response = Response(body, headers=headers)
    sending = Sending(protocol, response.body)
    sending.add_head(protocol.send_head(200, response.headers.fields, response.body_length))
    sending.start(wanted=wanted)
    return sending


def push_all(sending: Sending, stream: PartialStream) -> None:
    for _ in range(100_000):
        if sending.push(stream):
            return
    raise AssertionError("it never ends")


def body_of(sent: bytes) -> bytes:
    head, _, body = sent.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    whole = b""
    while not body.startswith(b"0\r\n\r\n"):
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole


@given(
    st.lists(st.one_of(st.binary(max_size=50), st.tuples(st.integers(0, 5_000), st.integers(0, 200))), max_size=6),
    st.lists(st.integers(0, 60), max_size=60),
)
def test_pieces_of_bytes_and_files_arrive_whole(parts: list[Any], pattern: list[int]) -> None:
    files = Released()
    pieces = [part if isinstance(part, bytes) else files.segment(*part) for part in parts]
    sending, stream = begin(Segments(pieces)), PartialStream(pattern)
    push_all(sending, stream)
    sending.close()
    os.close(files.fd)
    expected = b"".join(part if isinstance(part, bytes) else FILE[part[0] : part[0] + part[1]] for part in parts)
    assert body_of(stream.taken) == expected
    assert sending.sent == len(stream.taken) and sending.sent - sending.head_size == len(expected)
    assert files.counts == [1] * len(files.counts)


@given(
    st.lists(st.binary(max_size=50), max_size=8),
    st.lists(st.integers(0, 60), max_size=60),
    st.sampled_from(["chunked", "exact", "short"]),
)
def test_iterables_arrive_whole_or_break_off(parts: list[bytes], pattern: list[int], promise: str) -> None:
    whole = b"".join(parts)
    closes: list[int] = []
    ahead: list[int] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for number, part in enumerate(parts):
                ahead.append(number)
                yield part

        def close(self) -> None:
            closes.append(1)

    length = {"chunked": None, "exact": len(whole), "short": max(0, len(whole) - 1)}[promise]
    sending = begin(Body(), None if length is None else {"Content-Length": str(length)})
    stream = PartialStream(pattern)
    push_all(sending, stream)
    sending.close()
    sending.close()
    assert body_of(stream.taken) == (whole if length is None else whole[:length])
    assert sending.cut is (promise == "short" and whole != b"")
    assert closes == [1]


@given(st.lists(st.integers(0, 40), max_size=40), st.integers(1, 5))
def test_a_promise_not_kept_breaks_off(pattern: list[int], missing: int) -> None:
    stream = PartialStream(pattern)
    sending = begin(iter([b"ab", b"cd"]), {"Content-Length": str(4 + missing)})
    with pytest.raises(BodyError, match="shorter"):
        push_all(sending, stream)
    assert body_of(stream.taken) == b"abcd"


def test_head_and_body_leave_in_one_call_unless_that_copies_much() -> None:
    for body, calls in ((b"x" * 1_000, 1), (iter([b"x"]), 2), (b"x" * 100_000, 2), (b"", 1)):
        stream = PartialStream([])
        push_all(begin(body), stream)
        assert len(stream.calls) == calls


def test_the_kernel_is_told_when_a_file_follows_the_head() -> None:
    files = Released()
    stream = PartialStream([])
    push_all(begin(files.segment(0, 10)), stream)
    assert [flags for _, flags in stream.calls] == [MORE, 0]
    os.close(files.fd)


def test_a_body_that_is_not_wanted_is_never_begun_and_let_go_of() -> None:
    files = Released()

    def never() -> Iterator[bytes]:
        raise AssertionError("pulled")
        yield b""

    for body in (b"abc", files.segment(0, 5), Segments([files.segment(0, 5), b"x"]), never()):
        stream = PartialStream([])
        sending = begin(body, message=GET.replace(b"GET", b"HEAD"), wanted=False)
        push_all(sending, stream)
        sending.close()
        assert stream.taken.endswith(b"\r\n\r\n") and sending.sent == sending.head_size
    assert files.counts == [1, 1]
    os.close(files.fd)


def test_nobody_pulls_ahead_and_what_is_left_is_let_go_of() -> None:
    pulled: list[int] = []

    def body() -> Iterator[bytes]:
        try:
            for number in range(100):
                pulled.append(number)
                yield b"x" * 100
        finally:
            pulled.append(-1)

    sending = begin(body())
    assert not sending.push(PartialStream([50, 0]))
    assert pulled == [0]
    sending.close()
    assert pulled == [0, -1]


@pytest.mark.parametrize("piece", ["text", 5, None, [b"x"]])
def test_a_piece_that_is_not_bytes_says_so_whenever_it_comes(piece: Any) -> None:
    with pytest.raises(BodyError, match="must give bytes"):
        begin(iter([piece]))
    with pytest.raises(BodyError, match="must give bytes"):
        push_all(begin(iter([b"x", piece])), PartialStream([]))


def test_text_among_the_pieces_is_told_to_be_encoded() -> None:
    with pytest.raises(BodyError, match="not str; encode it"):
        begin(iter(["text"]))


@pytest.mark.parametrize("fault", [RuntimeError, OSError, BlockingIOError, KeyboardInterrupt, GeneratorExit])
def test_what_an_iterator_raises_is_the_cause_and_not_the_peers_doing(fault: type[BaseException]) -> None:
    def body(at: int) -> Iterator[bytes]:
        for number in range(2):
            if number == at:
                raise fault("fault")
            yield b"x"

    with pytest.raises(fault):
        begin(body(0))
    with pytest.raises(BodyError) as caught:
        push_all(begin(body(1)), PartialStream([]))
    assert isinstance(caught.value.__cause__, fault)


def test_a_file_that_cannot_be_read_is_not_the_peers_doing_and_a_peer_that_is_gone_is() -> None:
    class Broken(PartialStream):
        error = OSError(5, "Input/output error")

        def send_file(self, fd: int, offset: int, length: int) -> int:
            raise self.error

    stream = Broken([])
    with pytest.raises(BodyError, match="cannot be read"):
        push_all(begin(FileSegment(0, 0, 5)), stream)
    stream.error = ConnectionResetError(104, "reset")
    with pytest.raises(ConnectionResetError):
        push_all(begin(FileSegment(0, 0, 5)), stream)


def test_a_file_that_became_shorter_breaks_off() -> None:
    files = Released()
    stream = PartialStream([])
    with pytest.raises(BodyError, match="shorter"):
        push_all(begin(files.segment(len(FILE) - 5, 10)), stream)
    assert body_of(stream.taken) == FILE[-5:]
    os.close(files.fd)


@pytest.mark.parametrize("piece", [b"x", b"x" * 5_000, b"x" * 300_000])
def test_a_turn_ends_with_its_share_whatever_the_pieces(piece: bytes) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield piece

    stream = PartialStream([])
    sending = begin(endless())
    assert not sending.push(stream)
    assert len(stream.calls) <= 514 and len(stream.taken) <= SHARE + len(piece) + 1_000
    sending.close()
