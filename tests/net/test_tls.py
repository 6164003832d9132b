"""TLS as a stream, beyond what every stream does (test_stream.py): handshakes, what is held back, ends, failures."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salver.net.certificates import TLSFiles, load_context
from salver.net.tls import PIECE, SpokenPlainly, TLSStream
from tests.net.tls_ends import adopted, client_context, raw_ends, shake_hands, tls_streams

Keys = tuple[Path, Path]
MORE = getattr(socket, "MSG_MORE", 0)


def patiently(stream: TLSStream, size: int = 65_536) -> bytes:
    for _ in range(100_000):
        try:
            return stream.recv(size)
        except BlockingIOError:
            os.sched_yield()
    raise TimeoutError


def exactly(stream: TLSStream, count: int, size: int = 65_536) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = patiently(stream, size)
        assert part, "ended early"
        data += part
    return bytes(data)


class Trickle:
    """A socket that takes and gives what it is told to, in between the stream and the real one."""

    def __init__(self, sock: socket.socket, takes: int = 1 << 30, gives: int = 1 << 30) -> None:
        self.sock, self.takes, self.gives, self.sends = sock, takes, gives, 0

    def recv(self, size: int) -> bytes:
        return self.sock.recv(min(size, self.gives))

    def send(self, data: bytes | memoryview) -> int:
        self.sends += 1
        if not self.takes:
            raise BlockingIOError
        return self.sock.send(data[: self.takes])

    def shutdown_write(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def fileno(self) -> int:
        return self.sock.fileno()


# Handshakes


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("step", [1, 2, 7, 100])
def test_a_handshake_goes_on_however_little_arrives_and_leaves(tls_pair: Keys, version: str, step: int) -> None:
    server, client = raw_ends(tls_pair, version)
    server.socket = Trickle(server.socket, takes=step, gives=step)  # type: ignore[assignment]
    shake_hands(server, client)
    client.send(b"there")
    assert exactly(server, 5) == b"there"
    server.close()
    client.close()


def test_while_the_socket_takes_nothing_a_handshake_waits_to_send(tls_pair: Keys) -> None:
    server, client = raw_ends(tls_pair)
    trickle = Trickle(server.socket, takes=0)
    server.socket = trickle  # type: ignore[assignment]
    assert not client.shake()
    while not server.waits_to_send:
        try:
            assert not server.shake()
        except BlockingIOError:
            pass
    trickle.takes = 1 << 30
    shake_hands(server, client)
    assert not server.waits_to_send
    server.close()
    client.close()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"G", b"\r\n", b"options"])
def test_who_speaks_text_is_found_out_by_the_first_byte(tls_pair: Keys, said: bytes) -> None:
    server, client = raw_ends(tls_pair)
    client.socket.send(said)
    with pytest.raises(SpokenPlainly):
        server.shake()
    server.socket.send(b"plainly")
    assert client.socket.recv(100) == b"plainly"
    server.close()
    client.close()


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01\x00\x05hello", b"\x16" + b"A" * 500, b"\x80\x2e\x01", b"\0" * 100, b"\xff" * 20_000]
)
def test_garbage_is_a_connection_error_with_a_reason(tls_pair: Keys, said: bytes) -> None:
    server, client = raw_ends(tls_pair)
    client.socket.send(said)
    with pytest.raises(ConnectionError, match="TLS: [a-z]|handshake"):
        for _ in range(100):
            try:
                assert not server.shake()
            except BlockingIOError:
                client.socket.shutdown_write()
    server.close()
    client.close()


def test_an_old_version_is_told_so_by_an_alert(tls_pair: Keys) -> None:
    server, client = raw_ends(tls_pair, "TLSv1.2")
    server._session.context.minimum_version = ssl.TLSVersion.TLSv1_3
    server = TLSStream(server.socket, server._session.context)
    assert not client.shake()
    with pytest.raises(ConnectionError, match="TLS: unsupported protocol"):
        shake_hands(server)
    server.close()
    with pytest.raises(ConnectionError, match="TLS: .*protocol version"):
        shake_hands(client)
    client.close()


def test_a_client_that_goes_in_the_handshake_is_a_connection_error(tls_pair: Keys) -> None:
    server, client = raw_ends(tls_pair)
    assert not client.shake()
    client.socket.close()
    with pytest.raises(ConnectionError):
        for _ in range(10):
            assert not server.shake()
    server.close()


def test_tickets_are_taken_up_again_and_http_is_agreed_on(tls_pair: Keys) -> None:
    context = client_context(tls_pair[0])
    context.set_alpn_protocols(["h2", "http/1.1"])
    serving = load_context(TLSFiles(*tls_pair))
    session = None
    for resumed in (False, True):
        here, there = socket.socketpair()
        server = TLSStream(adopted(here), serving)
        answering = threading.Thread(target=_answer, args=(server,))
        answering.start()
        with context.wrap_socket(there, server_hostname="localhost", session=session) as client:
            assert client.selected_alpn_protocol() == "http/1.1"
            assert client.session_reused is resumed
            assert client.recv(10) == b"hello"  # the tickets come with it
            session = client.session
        answering.join()
        server.close()


def _answer(server: TLSStream) -> None:
    shake_hands(server)
    server.send(b"hello")


def test_a_renegotiation_is_refused(tls_pair: Keys) -> None:
    assert load_context(TLSFiles(*tls_pair)).options & ssl.OP_NO_RENEGOTIATION


# Receiving


@pytest.mark.parametrize("size", [1, 100, 16_384, 65_536])
def test_what_a_record_holds_is_not_forgotten_when_less_is_asked_for(tls_pair: Keys, size: int) -> None:
    server, client = tls_streams(tls_pair)
    sent = os.urandom(20_000)
    client.send(sent)
    received = bytearray()
    while len(received) < len(sent):
        received += patiently(server, size)
        while server.more:  # the descriptor need not be asked
            received += server.recv(size)
    assert received == sent
    assert not server.more
    server.close()
    client.close()


def test_several_records_that_have_arrived_come_at_once(tls_pair: Keys) -> None:
    server, client = tls_streams(tls_pair)
    for part in (b"one ", b"two ", b"three"):
        client.send(part)
    assert patiently(server) == b"one two three"
    assert not server.more
    server.close()
    client.close()


def test_an_end_behind_the_last_byte_is_told_although_the_descriptor_is_silent(tls_pair: Keys) -> None:
    server, client = tls_streams(tls_pair)
    client.send(b"last")
    client._say_goodbye()  # close_notify, and no FIN
    data = patiently(server)
    if not server.more:  # they came apart
        assert data == b"last"
        assert patiently(server) == b""
    else:
        assert server.recv(100) == b""
    assert not server.more
    assert server.recv(100) == b"", "the end stays"
    server.close()
    client.close()


def test_bytes_that_were_tampered_with_end_the_connection_behind_those_that_were_good(tls_pair: Keys) -> None:
    server, client = tls_streams(tls_pair)
    client.send(b"good", MORE)
    client.send(b"bad", MORE)
    records = bytearray(client._outgoing.read())
    records[-1] ^= 1
    client.socket.send(records)
    assert patiently(server) == b"good"
    with pytest.raises(ConnectionError, match="TLS: "):
        patiently(server)
    with pytest.raises(ConnectionError, match="TLS: "):
        patiently(client)  # the alert has arrived
    server.close()
    client.close()


def test_a_cut_is_an_end_that_the_protocol_above_judges(tls_pair: Keys) -> None:
    server, client = tls_streams(tls_pair)
    client.send(b"half")
    client.socket.shutdown_write()
    assert exactly(server, 4) == b"half"
    assert patiently(server) == b""
    server.close()
    client.close()


# Sending


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.integers(0, 3 * PIECE), min_size=1, max_size=5),
    takes=st.lists(st.integers(0, 40_000), min_size=1, max_size=10).filter(any),
)
def test_everything_arrives_once_and_in_order_whatever_the_socket_takes(
    tls_pair: Keys, pieces: list[int], takes: list[int]
) -> None:
    server, client = tls_streams(tls_pair)
    trickle = Trickle(server.socket)
    server.socket = trickle  # type: ignore[assignment]
    received = bytearray()
    sent = b""
    turn = 0
    for number, length in enumerate(pieces):
        data = bytes([number + 1]) * length
        sent += data
        view = memoryview(data)
        while view:
            trickle.takes = takes[turn % len(takes)]
            turn += 1
            try:
                gone = server.send(view, MORE if turn % 3 else 0)
            except BlockingIOError:
                gone = 0
            assert gone <= len(view)
            view = view[gone:]
            received += available(client)
    trickle.takes = 1 << 30
    server.send(b"end")
    server.close()
    while part := patiently(client):
        received += part
    assert bytes(received) == sent + b"end"
    client.close()


def available(stream: TLSStream) -> bytes:
    try:
        return stream.recv(65_536)
    except BlockingIOError:
        return b""


def test_what_could_leave_only_in_part_is_owed_and_reported_when_it_has_gone(tls_pair: Keys) -> None:
    server, client = tls_streams(tls_pair)
    trickle = Trickle(server.socket, takes=200)
    server.socket = trickle  # type: ignore[assignment]
    told = server.send(b"x" * 1000)
    assert 0 < told < 1000
    trickle.takes = 0
    with pytest.raises(BlockingIOError):
        server.send(b"x" * (1000 - told))
    trickle.takes = 1 << 30
    assert server.send(b"x" * (1000 - told)) == 1000 - told
    assert exactly(client, 1000) == b"x" * 1000
    server.close()
    client.close()


@pytest.mark.skipif(not MORE, reason="no MSG_MORE here")
def test_with_more_to_come_head_and_file_leave_in_one_call(tls_pair: Keys, tmp_path: Path) -> None:
    server, client = tls_streams(tls_pair)
    trickle = Trickle(server.socket)
    server.socket = trickle  # type: ignore[assignment]
    (tmp_path / "file").write_bytes(b"file")
    with (tmp_path / "file").open("rb") as file:
        assert server.send(b"head ", MORE) == 5
        assert server.send_file(file.fileno(), 0, 4) == 4
    assert trickle.sends == 1
    assert exactly(client, 9) == b"head file"
    server.close()
    client.close()


# Ends


def test_closing_says_so_and_a_reset_does_not(tls_pair: Keys) -> None:
    for clean in (True, False):
        here, there = socket.socketpair()
        server = TLSStream(adopted(here), load_context(TLSFiles(*tls_pair)))
        answering = threading.Thread(target=_answer, args=(server,))
        answering.start()
        context = client_context(tls_pair[0])
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        with context.wrap_socket(there, server_hostname="localhost", suppress_ragged_eofs=False) as client:
            assert client.recv(10) == b"hello"
            answering.join()
            if clean:
                server.close()
                assert client.recv(10) == b""
            else:
                server.reset()
                with pytest.raises(OSError):
                    client.recv(10)


def test_closing_where_nobody_listens_any_more_raises_nothing(tls_pair: Keys) -> None:
    server, client = tls_streams(tls_pair)
    client.socket.reset()
    server.close()
    server.close()
    assert server.fileno() == -1


def test_a_peer_that_makes_us_speak_and_does_not_listen_is_cut_off(tls_pair: Keys) -> None:
    server, client = tls_streams(tls_pair)
    server._outgoing.write(b"x" * 5_000)  # what key updates without end amount to
    server.socket = Trickle(server.socket, takes=0)  # type: ignore[assignment]
    client.socket.send(b"\x17")  # the beginning of a record
    with pytest.raises(ConnectionError, match="does not listen"):
        for _ in range(1000):
            try:
                server.recv(100)
            except BlockingIOError:
                continue
    client.close()
    server.socket.close()
