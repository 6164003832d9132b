"""Listeners are visited, and refused."""

from __future__ import annotations

import socket
import time

import pytest

from salver.net.address import parse_address
from salver.net.listener import Listener, ListenError, open_listeners
from salver.net.stream import SocketStream

needs_v6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


def accept(listening: Listener) -> tuple[SocketStream, tuple[str, int]]:
    deadline = time.monotonic() + 5
    while True:
        try:
            return listening.accept()
        except BlockingIOError:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def visit(listening: Listener, family: int, target: object) -> tuple[str, int]:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(target)  # type: ignore[arg-type]
        stream, peer = accept(listening)
        stream.send(b"hello")
        assert client.recv(10) == b"hello"
        stream.close()
    return peer


def refusal(text: str) -> ListenError:
    with pytest.raises(ListenError) as caught:
        for one in open_listeners(parse_address(text)):
            one.close()
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"cannot listen on {parse_address(text)}: ")
    return caught.value
