"""The wires: limits on real sockets, what is left unread on an idle one, and TLS that is cut."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

from salver.client.errors import TLSFailed
from salver.client.wire import SocketWire, TLSWire, Wire, is_timeout

Pair = tuple[Wire, socket.socket]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def plain() -> Iterator[Pair]:
    near, far = socket.socketpair()
    wire = SocketWire(near)
    yield wire, far
    wire.close()
    far.close()


@pytest.fixture
def secured(authority: trustme.CA) -> Iterator[tuple[TLSWire, ssl.SSLSocket]]:
    near, far = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    ends: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: ends.append(server.wrap_socket(far, server_side=True)))
    thread.start()
    wire = TLSWire(client.wrap_socket(near, server_hostname="localhost", suppress_ragged_eofs=False))
    thread.join()
    yield wire, ends[0]
    wire.close()
    ends[0].close()


@pytest.fixture(params=["plain", "secured"])
def pair(request: pytest.FixtureRequest) -> Pair:
    found: Pair = request.getfixturevalue(request.param)
    return found


def timed_out(call: object, *arguments: object) -> float:
    """Seconds until the limit passes."""
    begun = time.monotonic()
    with pytest.raises(OSError) as caught:
        call(*arguments)  # type: ignore[operator]
    assert is_timeout(caught.value)
    return time.monotonic() - begun


def test_bytes_both_ways(pair: Pair) -> None:
    wire, far = pair
    wire.limit(5, 5)
    wire.send_all(b"there")
    assert far.recv(100) == b"there"
    far.sendall(b"back")
    assert wire.recv(100) == b"back"


def test_the_read_limit_and_its_change(pair: Pair) -> None:
    wire, far = pair
    wire.limit(0.1, None)
    assert 0.09 <= timed_out(wire.recv, 1) < 5
    wire.limit(0.3, None)
    assert 0.27 <= timed_out(wire.recv, 1) < 5
    wire.limit(None, None)
    threading.Timer(0.2, far.sendall, (b"x",)).start()
    assert wire.recv(1) == b"x"


def test_the_write_limit(pair: Pair) -> None:
    wire, _ = pair
    wire.limit(None, 0.3)
    assert 0.27 <= timed_out(wire.send_all, bytes(20_000_000)) < 5


def test_the_write_limit_is_for_each_part_that_is_taken(pair: Pair) -> None:
    wire, far = pair
    """One and a half seconds in all, and never a quarter of one without a byte."""
    wire.limit(None, 0.7)
    size = 3_000_000
    got = bytearray()

    def read_slowly() -> None:
        while len(got) < size:
            part = far.recv(60_000)
            got.extend(part)
            time.sleep(len(part) * 1.5 / size)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    wire.send_all(b"ab" * (size // 2))
    thread.join()
    assert got == b"ab" * (size // 2)


def test_the_longest_limit(pair: Pair) -> None:
    wire, far = pair
    wire.limit(2e6, 2e6)
    far.sendall(b"x")
    assert wire.recv(1) == b"x"
    wire.send_all(b"y")
    assert far.recv(1) == b"y"


def test_the_peer_is_gone(plain: Pair) -> None:
    wire, far = plain
    far.close()
    assert wire.recv(1) == b""
    with pytest.raises(OSError) as caught:
        wire.send_all(bytes(20_000_000))
    assert not is_timeout(caught.value)


def test_what_an_idle_one_has_to_say(pair: Pair) -> None:
    wire, far = pair
    assert not wire.is_readable()
    far.sendall(b"unasked")
    time.sleep(0.05)
    assert wire.is_readable()


def test_an_idle_one_that_has_ended(pair: Pair) -> None:
    wire, far = pair
    if isinstance(far, ssl.SSLSocket):
        far.settimeout(0.2)
        with pytest.raises(OSError):
            far.unwrap()
    far.close()
    time.sleep(0.05)
    assert wire.is_readable()


def test_session_tickets_are_no_data(secured: tuple[TLSWire, ssl.SSLSocket]) -> None:
    """TLS 1.3: the server sends them behind the handshake, where the socket is readable and the connection idle."""
    wire, far = secured
    assert far.version() == "TLSv1.3"
    time.sleep(0.05)
    assert wire._poll()
    assert not wire.is_readable()
    far.sendall(b"answer")
    wire.limit(5, 5)
    assert wire.recv(100) == b"answer"
    assert not wire.is_readable()


def test_tls_that_is_ended(secured: tuple[TLSWire, ssl.SSLSocket]) -> None:
    wire, far = secured
    wire.limit(5, 5)
    far.settimeout(0.2)
    with pytest.raises(OSError):
        far.unwrap()
    assert wire.recv(1) == b""


def test_tls_that_is_cut(secured: tuple[TLSWire, ssl.SSLSocket]) -> None:
    """RFC 9112 §9.8: an attacker can cut a TCP connection, and must not be able to end a body so."""
    wire, far = secured
    wire.limit(5, 5)
    socket.socket.shutdown(far, socket.SHUT_RDWR)
    with pytest.raises(ConnectionResetError, match="cut off"):
        wire.recv(1)


def test_an_alert_behind_the_handshake(authority: trustme.CA) -> None:
    """TLS 1.3 with a certificate wanted of the client: the refusal comes when the first answer is read."""
    near, far = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)

    def accept() -> None:
        with pytest.raises(ssl.SSLError):
            server.wrap_socket(far, server_side=True)

    thread = threading.Thread(target=accept)
    thread.start()
    wire = TLSWire(client.wrap_socket(near, server_hostname="localhost", suppress_ragged_eofs=False))
    wire.limit(5, 5)
    with pytest.raises(TLSFailed, match="certificate required; .*cert="):
        wire.recv(1)
    thread.join()
    wire.close()
    far.close()


def test_closing_twice(pair: Pair) -> None:
    wire, _ = pair
    wire.close()
    wire.close()


def test_an_answer_that_comes_while_we_send(pair: Pair) -> None:
    """The peer takes no more before what it says is taken; nothing of it is lost, and nothing of ours."""
    wire, far = pair
    wire.limit(10, 10)
    size = 6_000_000
    got = bytearray()

    def echo() -> None:
        while len(got) < size:
            part = far.recv(100_000)
            got.extend(part)
            far.sendall(part)

    thread = threading.Thread(target=echo)
    thread.start()
    sent = bytes(range(250)) * (size // 250)
    wire.send_all(sent)
    assert wire.is_readable()
    back = bytearray()
    while len(back) < size:
        part = wire.recv(65_536)
        assert 0 < len(part) <= 65_536
        back += part
    thread.join()
    assert got == sent
    assert back == sent
    assert not wire.is_readable()


def test_a_peer_that_ends_while_we_send(pair: Pair) -> None:
    """It has said its last, and takes nothing: that is an error at once, not a wait for the limit."""
    wire, far = pair
    wire.limit(20, 20)

    def end() -> None:
        far.sendall(b"enough")
        if isinstance(far, ssl.SSLSocket):
            far.settimeout(0.5)
            with contextlib.suppress(OSError):
                far.unwrap()
        socket.socket.shutdown(far, socket.SHUT_WR)

    thread = threading.Thread(target=end)
    thread.start()
    begun = time.monotonic()
    with pytest.raises(OSError) as caught:
        wire.send_all(bytes(30_000_000))
    assert not is_timeout(caught.value)
    assert time.monotonic() - begun < 15
    thread.join()
    assert wire.recv(100) == b"enough"


def test_looking_takes_nothing_away(pair: Pair) -> None:
    wire, far = pair
    wire.limit(5, 5)
    far.sendall(b"answer")
    time.sleep(0.05)
    assert wire.is_readable()
    assert wire.is_readable()
    assert wire.recv(3) + wire.recv(100) == b"answer"
