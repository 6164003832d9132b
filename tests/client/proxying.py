"""Small proxies for tests: they do what CONNECT, SOCKS4 or SOCKS5 says and keep what they were asked, or answer with
bytes that a test has written."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

SECONDS = 10.0


class SmallProxy:
    """One thread for each connection, which `serve` is given; ended with the block it is used in."""

    def __init__(self, serve: Callable[[SmallProxy, socket.socket], None], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[bytes] = []
        self._serve = serve
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self, connection: socket.socket) -> None:
        connection.settimeout(SECONDS)
        with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
            closing.callback(connection.close)
            if self._tls is not None:
                connection = closing.enter_context(self._tls.wrap_socket(connection, server_side=True))
            self._serve(self, connection)

    def __enter__(self) -> SmallProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(SECONDS)
        for each in self._threads:
            each.join(SECONDS)


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            return head
        head += part
    return head


def read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def relay(one: socket.socket, other: socket.socket) -> None:
    """Both ways, until either side ends. In one thread: an SSLSocket may not be read and written at the same time (an
    SSL object of OpenSSL is not thread-safe, and Python locks it from 3.13 on)."""
    across = {one: other, other: one}
    with contextlib.suppress(OSError, ValueError):
        while True:
            held = [side for side in across if isinstance(side, ssl.SSLSocket) and side.pending()]
            readable = held or select.select(list(across), [], [], SECONDS)[0]
            for side in readable:
                part = side.recv(65_536)
                if not part:
                    return
                across[side].sendall(part)


def http_proxy(upstream: int = 0, **fields: str) -> Callable[[SmallProxy, socket.socket], None]:
    """CONNECT leads to the port `upstream`, whatever it names; other requests are answered here."""

    def serve(proxy: SmallProxy, connection: socket.socket) -> None:
        while head := read_head(connection):
            proxy.asked.append(head)
            if not head.startswith(b"CONNECT "):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nby proxy")
                continue
            with socket.create_connection(("127.0.0.1", upstream), timeout=SECONDS) as there:
                # §9.3.6: a Content-Length in a 2xx to CONNECT means nothing
                connection.sendall(b"HTTP/1.1 200 Connected\r\nContent-Length: 5\r\n\r\n")
                relay(connection, there)
            return

    return serve


def canned(answer: bytes, *, then_silence: bool = False) -> Callable[[SmallProxy, socket.socket], None]:
    def serve(proxy: SmallProxy, connection: socket.socket) -> None:
        proxy.asked.append(read_head(connection))
        connection.sendall(answer)
        if then_silence:
            with contextlib.suppress(OSError):
                connection.recv(1)

    return serve


def endless(piece: bytes, pause: threading.Event) -> Callable[[SmallProxy, socket.socket], None]:
    def serve(proxy: SmallProxy, connection: socket.socket) -> None:
        read_head(connection)
        while True:
            connection.sendall(piece)
            pause.wait(0.01)

    return serve


def socks_proxy(
    upstream: int, *, user: bytes = b"", password: bytes = b"", refuses: bool = False
) -> Callable[[SmallProxy, socket.socket], None]:
    """SOCKS 4, 4a and 5 (RFC 1928, RFC 1929); where it connects is `upstream`, whatever it was asked."""

    def serve(proxy: SmallProxy, connection: socket.socket) -> None:
        version = read_exactly(connection, 1)[0]
        if version == 4:
            _greet_4(proxy, connection, refuses)
        else:
            _greet_5(proxy, connection, user, password, refuses)
        if refuses:
            return
        with socket.create_connection(("127.0.0.1", upstream), timeout=SECONDS) as there:
            relay(connection, there)

    return serve


def _until_zero(connection: socket.socket) -> bytes:
    data = b""
    while (part := connection.recv(1)) not in (b"\0", b""):
        data += part
    return data


def _greet_4(proxy: SmallProxy, connection: socket.socket, refuses: bool) -> None:
    _, port, address = struct.unpack("!BH4s", read_exactly(connection, 7))
    user = _until_zero(connection)
    is_4a = address[:3] == b"\0\0\0" and address[3:] != b"\0"
    name = _until_zero(connection) if is_4a else socket.inet_ntoa(address).encode()
    proxy.asked.append(b"socks4%s %s:%d user=%s" % (b"a" if is_4a else b"", name, port, user))
    connection.sendall(b"\0" + (b"\x5b" if refuses else b"\x5a") + bytes(6))


def _greet_5(proxy: SmallProxy, connection: socket.socket, user: bytes, password: bytes, refuses: bool) -> None:
    methods = read_exactly(connection, read_exactly(connection, 1)[0])
    if user:
        assert 2 in methods
        connection.sendall(b"\x05\x02")
        read_exactly(connection, 1)
        told = [read_exactly(connection, read_exactly(connection, 1)[0]) for _ in range(2)]
        connection.sendall(b"\x01\x00" if told == [user, password] else b"\x01\x01")
    else:
        connection.sendall(b"\x05\x00")
    _, _, _, kind = read_exactly(connection, 4)
    if kind == 3:
        address = read_exactly(connection, read_exactly(connection, 1)[0])
    else:
        raw = read_exactly(connection, 4 if kind == 1 else 16)
        address = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, raw).encode()
    (port,) = struct.unpack("!H", read_exactly(connection, 2))
    proxy.asked.append(b"socks5 %s:%d kind=%d" % (address, port, kind))
    connection.sendall(b"\x05" + (b"\x05" if refuses else b"\x00") + b"\0\x01" + bytes(6))


@contextlib.contextmanager
def small_proxy(
    serve: Callable[[SmallProxy, socket.socket], None], tls: ssl.SSLContext | None = None
) -> Iterator[SmallProxy]:
    with SmallProxy(serve, tls) as proxy:
        yield proxy
