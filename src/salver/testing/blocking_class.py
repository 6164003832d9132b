"""A handler class with a thread and a socket pair: for those whose plumbing is their own, and for answers that are
read while they are written. The class is run as the standard library runs it, and is not asked whose it is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["BlockingClassServer", "SocketLink"]

_PATIENCE = 5.0  # seconds that a handler has to end once its client has gone; its thread is then left alone


class BlockingClassServer:
    """Connections to `factory(socket, client_address, server)`, each with a thread."""

    def __init__(self, factory: Callable[..., Any], server: Any) -> None:
        self._factory = factory
        self._server = server

    def connect(self, client: tuple[str, int]) -> SocketLink:
        """A new connection; the caller closes it, which ends its thread."""
        near, far = socket.socketpair()
        failures: list[BaseException] = []
        thread = threading.Thread(target=self._serve, args=(far, client, failures), daemon=True)
        thread.start()
        return SocketLink(near, thread, failures)

    def _serve(self, far: socket.socket, client: tuple[str, int], failures: list[BaseException]) -> None:
        try:
            self._factory(far, client, self._server)
        except BaseException as error:
            failures.append(error)
        finally:
            try:
                far.shutdown(socket.SHUT_WR)  # as socketserver does it: a file of the handler's may still be open
            except OSError:
                pass
            far.close()


class SocketLink:
    """A `Link` over a socket."""

    def __init__(self, sock: socket.socket, thread: threading.Thread, failures: list[BaseException]) -> None:
        self.failures = failures
        self._sock = sock
        self._thread = thread

    @property
    def is_open(self) -> bool:
        """False: whether the thread goes on behind a response is known when it has gone on, or not."""
        return False

    def send(self, data: bytes, /) -> None:
        self._sock.sendall(data)

    def recv(self, size: int, /) -> bytes:
        data = self._sock.recv(size)
        if not data:
            self._thread.join(_PATIENCE)  # then it is known what was raised
        return data

    def settimeout(self, seconds: float | None) -> None:
        """How long `send` and `recv` may take; past it they raise TimeoutError."""
        self._sock.settimeout(seconds)

    def settle(self) -> None:
        """Nothing: the server's thread needs nobody."""

    def close(self) -> None:
        self._sock.close()
        self._thread.join(_PATIENCE)
