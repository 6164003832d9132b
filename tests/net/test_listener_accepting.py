"""Accepting: what is passed over, what is the caller's, and what must not be lost."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Callable

import pytest

from salver.net import listener as listener_module
from salver.net.listener import Listener
from salver.net.stream import SocketStream
from tests.net.listening import accept, visit


def test_what_is_accepted_does_not_block_nor_wait_for_more(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)):
        stream, _ = accept(one)
        assert isinstance(stream, SocketStream)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not os.get_blocking(stream.fileno())
        assert not os.get_inheritable(stream.fileno())
        with pytest.raises(BlockingIOError):
            stream.recv(1)
        stream.close()


def test_where_nodelay_is_not_inherited_it_is_set(
    listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "_INHERITS_NODELAY", False)
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)):
        stream, _ = accept(one)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        stream.close()


def test_nobody_there_is_would_block(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    with pytest.raises(BlockingIOError):
        one.accept()


class _Failing:
    """A socket whose accept fails in a given way first."""

    def __init__(self, sock: socket.socket, *failures: int) -> None:
        self._sock = sock
        self.failures = list(failures)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def _accept(self) -> object:
        if self.failures:
            raise OSError(self.failures.pop(0), "as planned")
        return self._sock._accept()  # type: ignore[attr-defined]


def _failing(one: Listener, *failures: int) -> None:
    one._sock = _Failing(one._sock, *failures)  # type: ignore[assignment]


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.EHOSTUNREACH])
def test_a_connection_that_died_before_it_was_accepted_is_passed_over(
    listen: Callable[..., list[Listener]], number: int
) -> None:
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)):
        time.sleep(0.01)
        _failing(one, number, number)
        stream, _ = one.accept()
        stream.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_being_out_of_something_is_the_callers(listen: Callable[..., list[Listener]], number: int) -> None:
    [one] = listen("127.0.0.1:0")
    _failing(one, number)
    with pytest.raises(OSError) as caught:
        one.accept()
    assert caught.value.errno == number


def test_dead_connections_without_end_do_not_hold_the_caller(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    _failing(one, *[errno.ECONNABORTED] * 1000)
    with pytest.raises(BlockingIOError):
        one.accept()


def test_a_connection_reset_while_it_waits_is_survived(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    client = socket.create_connection(("127.0.0.1", one.address.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    time.sleep(0.01)
    try:
        stream, _ = one.accept()
        stream.close()
    except BlockingIOError:
        pass
    visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))


def test_a_stream_that_cannot_be_made_leaks_no_descriptor(
    listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch
) -> None:
    [one] = listen("127.0.0.1:0")

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with socket.create_connection(("127.0.0.1", one.address.port)):
        time.sleep(0.01)
        before = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(listener_module, "SocketStream", fail)
        with pytest.raises(MemoryError):
            one.accept()
        assert len(os.listdir("/proc/self/fd")) == before
