"""`serve` and what waits for a signal, in this process; the command line's tests do it with processes."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from salver.net.crew import Crew
from salver.net.listener import ListenError
from salver.request import Request
from salver.service.server import Server, _descriptor_limit, run_until_signalled, serve
from salver.service.settings import Settings
from tests.service.messages import GET, hello


def soon(action: Callable[[], object], seconds: float = 0.1) -> threading.Thread:
    thread = threading.Timer(seconds, action)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_and_its_handlers_are_put_back(number: int) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    server = Server(hello, "127.0.0.1:0")
    sender = soon(lambda: os.kill(os.getpid(), number))
    run_until_signalled(server)
    sender.join()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)


def test_a_second_signal_ends_it_at_once() -> None:
    entered, released = threading.Event(), threading.Event()

    def hanging(request: Request) -> str:
        entered.set()
        released.wait(20)
        return "x"

    server = Server(hanging, "127.0.0.1:0")

    def client_and_signals() -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(GET)
            entered.wait(5)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    thread = soon(client_and_signals)
    began = time.monotonic()
    with pytest.raises(SystemExit) as caught:
        run_until_signalled(server)
    assert caught.value.code == 128 + signal.SIGINT and time.monotonic() - began < 5
    released.set()
    thread.join()


def test_outside_the_main_thread_it_only_waits() -> None:
    server = Server(hello, "127.0.0.1:0")
    thread = threading.Thread(target=run_until_signalled, args=(server,))
    thread.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(GET)
        assert client.recv(1_000).startswith(b"HTTP/1.1 200")
    server.request_stop(0.5)
    thread.join(5)
    assert not thread.is_alive()


def test_serve_takes_the_flat_names_and_says_what_is_wrong() -> None:
    sender = soon(lambda: os.kill(os.getpid(), signal.SIGTERM))
    serve(hello, "127.0.0.1:0", timeout_stop=1)
    sender.join()
    with pytest.raises(TypeError, match="no such setting"):
        serve(hello, "127.0.0.1:0", colour="red")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ListenError):
            Server(hello, ["127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}"])


def test_a_tick_comes_in_quiet_times_too() -> None:
    ticked = threading.Event()
    with Server(hello, "127.0.0.1:0", on_tick=ticked.set):
        assert ticked.wait(5)


@pytest.mark.parametrize("place", ["add", "start"])
def test_a_start_that_fails_leaves_nothing_open(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no watch left")

    server = Server(hello, "127.0.0.1:0", settings=Settings(access_log=str(tmp_path / "log")))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    monkeypatch.setattr(Crew, place, refuse)
    with pytest.raises(OSError, match="no watch left"):
        server.start()
    server.stop()
    server.wait()
    if before:
        assert len(os.listdir("/proc/self/fd")) == before - 1, "the listener is closed, and nothing else is open"


def test_the_log_can_be_opened_anew(tmp_path: Any) -> None:
    path = tmp_path / "log"
    without = Server(hello, "127.0.0.1:0")
    without.reopen_logs()
    without.stop()
    with Server(hello, "127.0.0.1:0", settings=Settings(access_log=str(path))) as server:
        path.rename(tmp_path / "old")
        server.reopen_logs()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(GET)
            client.recv(1_000)
    assert '"GET / HTTP/1.1" 200' in path.read_text()


@pytest.mark.parametrize(
    ("limits", "raised", "expected"),
    [
        ((100, 200), True, 200),
        ((100, 200), False, 100),
        ((100, 100), True, 100),
        ((-1, -1), True, 1 << 20),
        ((100, -1), True, 100),
    ],
)
def test_the_limit_of_descriptors_is_raised_where_that_is_allowed(
    limits: tuple[int, int], raised: bool, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def setrlimit(what: int, to: tuple[int, int]) -> None:
        if not raised:
            raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda what: limits)
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert _descriptor_limit() == expected
