"""TLS inside another wire: its handshake's end, its cuts, and what is seen of an idle one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import trustme

from salver.client import ConnectTimedOut, TLSFailed
from salver.client.nested_tls import NestedTLSWire, secure_over
from salver.client.tls import TLSSettings
from salver.client.wire import SocketWire, is_timeout

SECONDS = 10.0


@pytest.fixture(scope="module")
def contexts() -> tuple[TLSSettings, ssl.SSLContext]:
    """(ours, the server's)."""
    authority = trustme.CA()
    trusted, server = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(trusted)
    authority.issue_cert("h.test").configure_cert(server)
    return TLSSettings(trusted), server


@contextmanager
def talking(
    contexts: tuple[TLSSettings, ssl.SSLContext], serve: Callable[[ssl.SSLSocket], None]
) -> Iterator[NestedTLSWire]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(SECONDS)

    def run() -> None:
        with contexts[1].wrap_socket(theirs, server_side=True, suppress_ragged_eofs=False) as secured:
            serve(secured)

    thread = threading.Thread(target=run)
    thread.start()
    wire = secure_over(SocketWire(ours), contexts[0], "h.test", time.monotonic() + SECONDS)
    try:
        yield wire
    finally:
        wire.close()
        thread.join(SECONDS)


def wait_for(event: threading.Event) -> None:
    event.wait(SECONDS)


def until_readable(wire: NestedTLSWire) -> bool:
    deadline = time.monotonic() + SECONDS
    while not wire.is_readable():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_both_ways(contexts: tuple[TLSSettings, ssl.SSLContext]) -> None:
    data = bytes(range(256)) * 8_000

    def echo(secured: ssl.SSLSocket) -> None:
        received = b""
        while len(received) < len(data):
            received += secured.recv(65_536)
        secured.sendall(received)
        with contextlib.suppress(OSError):  # the client does not say goodbye
            secured.unwrap()

    with talking(contexts, echo) as wire:
        wire.limit(SECONDS, SECONDS)
        wire.send_all(data)
        received = b""
        while part := wire.recv(50_000):
            assert len(part) <= 50_000
            received += part
    assert received == data


def test_a_limit(contexts: tuple[TLSSettings, ssl.SSLContext]) -> None:
    done = threading.Event()
    with talking(contexts, lambda secured: wait_for(done)) as wire:
        wire.limit(0.05, 0.05)
        with pytest.raises(OSError) as caught:
            wire.recv(10)
        assert is_timeout(caught.value)
        done.set()


def test_a_cut_is_no_end(contexts: tuple[TLSSettings, ssl.SSLContext]) -> None:
    def cut(secured: ssl.SSLSocket) -> None:
        secured.sendall(b"half")

    with talking(contexts, cut) as wire:
        wire.limit(SECONDS, SECONDS)
        assert wire.recv(10) == b"half"
        with pytest.raises(ConnectionResetError, match="without a word"):
            wire.recv(10)


def test_tickets_are_no_data(contexts: tuple[TLSSettings, ssl.SSLContext]) -> None:
    """TLS 1.3 sends them behind the handshake."""
    go, done = threading.Event(), threading.Event()

    def speak(secured: ssl.SSLSocket) -> None:
        go.wait(SECONDS)
        secured.sendall(b"unasked")
        done.wait(SECONDS)

    with talking(contexts, speak) as wire:
        time.sleep(0.05)
        assert not wire.is_readable()
        go.set()
        assert until_readable(wire)
        done.set()


@pytest.mark.parametrize("politely", [True, False])
def test_an_end_is_seen(contexts: tuple[TLSSettings, ssl.SSLContext], politely: bool) -> None:
    def leave(secured: ssl.SSLSocket) -> None:
        if politely:
            secured.setblocking(False)
            with contextlib.suppress(OSError):
                secured.unwrap()

    with talking(contexts, leave) as wire:
        assert until_readable(wire)


def test_what_was_read_ahead_is_seen(contexts: tuple[TLSSettings, ssl.SSLContext]) -> None:
    done = threading.Event()

    def speak(secured: ssl.SSLSocket) -> None:
        secured.sendall(b"two")
        done.wait(SECONDS)

    with talking(contexts, speak) as wire:
        wire.limit(SECONDS, SECONDS)
        assert wire.recv(1) == b"t"
        assert wire.is_readable()
        assert wire.recv(10) == b"wo"
        assert not wire.is_readable()
        done.set()


def test_a_handshake_that_is_not_answered(contexts: tuple[TLSSettings, ssl.SSLContext]) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        began = time.monotonic()
        with pytest.raises(ConnectTimedOut, match="h.test"):
            secure_over(SocketWire(ours), contexts[0], "h.test", began + 0.1)
        assert time.monotonic() - began < 5
        assert ours.fileno() == -1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_what_is_no_handshake(contexts: tuple[TLSSettings, ssl.SSLContext], answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    with theirs, pytest.raises(TLSFailed):
        secure_over(SocketWire(ours), contexts[0], "h.test", time.monotonic() + SECONDS)
    assert ours.fileno() == -1


def test_authorities_that_cannot_be_read() -> None:
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(TLSFailed, match="/nothing/there"):
        secure_over(SocketWire(ours), TLSSettings("/nothing/there"), "h.test", None)
    assert ours.fileno() == -1


def test_another_name_is_refused_and_said_so(contexts: tuple[TLSSettings, ssl.SSLContext]) -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(SECONDS)
    heard: list[Exception] = []

    def run() -> None:
        try:
            with contexts[1].wrap_socket(theirs, server_side=True) as secured:
                secured.recv(1)
        except OSError as error:
            heard.append(error)
        finally:
            theirs.close()

    thread = threading.Thread(target=run)
    thread.start()
    with pytest.raises(TLSFailed, match="not to be trusted"):
        secure_over(SocketWire(ours), contexts[0], "other.test", None)
    thread.join(SECONDS)
    assert heard and "ALERT" in str(heard[0]).upper()
