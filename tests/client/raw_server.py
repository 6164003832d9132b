"""A server of plain sockets whose every step a test has written: for what only a real connection shows.

`RawServer(behaviour)` calls `behaviour(connection, number)` in a thread of its own for each connection, and closes it
behind. `Connection` reads requests and sends bytes; it knows no more HTTP than it takes to find where a request ends.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType


class Connection:
    """The server's end."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._kept = b""

    def head(self) -> bytes:
        """The next request's head with its empty line, b"" where no more comes."""
        while b"\r\n\r\n" not in self._kept:
            data = self.socket.recv(65_536)
            if not data:
                return b""
            self._kept += data
        head, _, self._kept = self._kept.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes, fewer where the client ends."""
        while len(self._kept) < size:
            data = self.socket.recv(65_536)
            if not data:
                break
            self._kept += data
        taken, self._kept = self._kept[:size], self._kept[size:]
        return taken

    def until(self, mark: bytes) -> bytes:
        """Everything up to and with `mark`."""
        while mark not in self._kept:
            data = self.socket.recv(65_536)
            if not data:
                break
            self._kept += data
        taken, found, self._kept = self._kept.partition(mark)
        return taken + found

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """End it with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Behaviour = Callable[[Connection, int], None]


class RawServer:
    """Listens on a free port of 127.0.0.1 from `with` on. `accepted`: how many connections there were."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None, *, receive_buffer: int = 0) -> None:
        self._behaviour = behaviour
        self._tls = tls
        self._listener = socket.socket()
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> RawServer:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, self.accepted), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            self._behaviour(Connection(sock), number)
        except OSError:
            pass  # the client may leave when it likes
        finally:
            sock.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for sock in self._open:
            sock.close()


def answering(*answers: bytes) -> Behaviour:
    """One answer for each request of a connection without a body, then the end."""

    def behaviour(connection: Connection, number: int) -> None:
        for answer in answers:
            if not connection.head():
                return
            connection.send(answer)

    return behaviour


def silent(connection: Connection, number: int) -> None:
    """Says nothing, until the client leaves."""
    while connection.socket.recv(65_536):
        pass
