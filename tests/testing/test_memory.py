"""The server in memory, as bytes in and bytes out."""

from __future__ import annotations

import os
import threading
import time

import pytest

from salver.handler import options
from salver.request import Request
from salver.response import FileSegment, Response
from salver.service.settings import Settings
from salver.testing import InMemoryServer
from salver.testing.memory import MemoryLink

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def read_to_end(link: MemoryLink) -> bytes:
    found = b""
    while piece := link.recv(65_536):
        found += piece
    return found


def test_a_request_is_answered_in_the_thread_that_waits():
    threads: list[threading.Thread] = []

    def handler(request: Request) -> str:
        threads.append(threading.current_thread())
        return f"{request.client.host} {request.client.port} {request.scheme}"

    link = InMemoryServer(handler).connect(("192.0.2.7", 4711), scheme="https")
    link.send(GET)
    assert threads == []
    assert link.recv(65_536).endswith(b"\r\n\r\n192.0.2.7 4711 https")
    assert threads == [threading.current_thread()]


def test_no_more_is_received_than_was_asked_for():
    link = InMemoryServer(lambda request: "hello").connect()
    link.send(GET)
    assert link.recv(8) == b"HTTP/1.1"
    assert link.recv(4) == b" 200"


def test_bytes_may_come_one_by_one_and_requests_all_at_once():
    link = InMemoryServer(lambda request: request.target).connect()
    for byte in GET:
        link.send(bytes([byte]))
        link.settle()
    assert link.recv(65_536).endswith(b"/")
    link.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(100)))
    link.settle()
    answer = link.recv(1 << 20)
    assert answer.count(b"HTTP/1.1 200 OK") == 100
    assert answer.endswith(b"/99")


def test_an_iterable_is_pulled_as_it_is_read():
    made: list[int | str] = []

    def pieces():
        try:
            for number in range(1_000_000_000):
                made.append(number)
                yield b"%d;" % number
        finally:
            made.append("closed")

    link = InMemoryServer(lambda request: pieces()).connect()
    link.send(GET)
    assert link.recv(65_536).endswith(b"0;\r\n")
    assert made == [0]
    assert link.recv(65_536) == b"2\r\n1;\r\n"
    assert made == [0, 1]
    link.close()
    assert made == [0, 1, "closed"]


def test_a_large_file_does_not_become_as_much_memory(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"")
    os.truncate(path, 64 << 20)
    fd = os.open(path, os.O_RDONLY)
    link = InMemoryServer(lambda request: Response(FileSegment(fd, 0, 64 << 20, lambda: os.close(fd)))).connect()
    link.send(GET)
    assert len(link.recv(1 << 30)) < 4 << 20
    link.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_what_is_refused_ends_the_connection():
    link = InMemoryServer(lambda request: "no").connect()
    link.send(b"GET / HTTP/1.1\r\n\r\n")
    assert link.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert read_to_end(link) == b""
    link.close()
    with pytest.raises(OSError):
        link.recv(1)


def test_closing_a_connection_on_which_nothing_was_said_harms_nothing(caplog):
    server = InMemoryServer(lambda request: "hello")
    server.connect().close()
    link = server.connect()
    link.close()
    link.close()
    assert caplog.records == []


def test_what_a_handler_raises_is_kept_and_the_client_gets_500(caplog):
    link = InMemoryServer(lambda request: 1 / 0).connect()  # type: ignore[arg-type,return-value]
    link.send(GET)
    assert link.recv(65_536).startswith(b"HTTP/1.1 500 ")
    assert [type(failure) for failure in link.failures] == [ZeroDivisionError]
    assert [record.message for record in caplog.records] == ["handler failed on GET '/'"]


def test_what_is_no_exception_passes_through():
    def handler(request: Request) -> str:
        raise KeyboardInterrupt

    link = InMemoryServer(handler).connect()
    link.send(GET)
    with pytest.raises(KeyboardInterrupt):
        link.recv(65_536)


def test_a_body_that_breaks_off_is_a_reset():
    def pieces():
        yield b"begun"
        raise ValueError("broken")

    link = InMemoryServer(lambda request: pieces()).connect()
    link.send(GET)
    link.recv(65_536)
    with pytest.raises(ConnectionResetError):
        link.recv(65_536)
    assert [str(failure) for failure in link.failures] == ["broken"]


def test_a_streamed_body_that_was_sent_is_read():
    @options(stream_body=True)
    def handler(request: Request) -> str:
        return request.stream().read().decode()

    link = InMemoryServer(handler).connect()
    link.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert link.recv(65_536).endswith(b"abcde")


def test_a_streamed_body_that_was_not_sent_is_a_broken_one():
    @options(stream_body=True)
    def handler(request: Request) -> str:
        return request.stream().read().decode()

    link = InMemoryServer(handler).connect()
    link.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    answer = link.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_limits_are_the_settings():
    link = InMemoryServer(lambda request: "", settings=Settings.of(limit_body=2)).connect()
    link.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    assert link.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_deadlines_pass_while_somebody_waits():
    server = InMemoryServer(lambda request: "", settings=Settings.of(timeout_head=0.05, timeout_idle=0.05))
    link = server.connect()
    link.send(b"GET /")
    began = time.monotonic()
    assert link.recv(65_536) == b""
    assert time.monotonic() - began >= 0.05
    link = server.connect()
    link.send(GET)
    assert link.recv(65_536)
    assert link.recv(65_536) == b""


def test_no_deadline_passes_while_nobody_waits():
    link = InMemoryServer(lambda request: "late", settings=Settings.of(timeout_head=0.0, timeout_idle=0.0)).connect()
    time.sleep(0.01)
    link.send(GET)
    assert link.recv(65_536).endswith(b"late")


def test_a_handler_that_blocks_may():
    def handler(request: Request) -> str:
        request.enter("a site")
        return str(request.hand_over())

    link = InMemoryServer(options(blocking=True)(handler)).connect()
    link.send(GET)
    assert link.recv(65_536).endswith(b"True")


def test_two_threads_may_use_two_connections():
    server = InMemoryServer(lambda request: Response(request.target.encode()))
    wrong = []

    def ask(name: bytes) -> None:
        link = server.connect()
        for number in range(300):
            link.send(b"GET /%s/%d HTTP/1.1\r\nHost: x\r\n\r\n" % (name, number))
            if not link.recv(65_536).endswith(b"/%s/%d" % (name, number)):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(b"%d" % number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
