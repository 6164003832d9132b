"""The servers of `socketserver`: the standard library's own classes, less what is wrong with them.

Everything that may be overridden there may be overridden here, because it is the same method. What differs: a server
that is asked to stop wakes up at once and not at the next half second; a process out of descriptors pauses instead of
spinning; a client that went away or fell silent is no traceback; an IPv6 address is bound as one; a port that was
just used may be used again; the backlog holds more than five; TLS around the listening socket stalls nobody.

Datagram and forking servers are the standard library's, with that loop. This file knows no HTTP.
"""

from __future__ import annotations

import errno
import logging
import os
import selectors
import socket
import socketserver as _std
import sys
import threading
import time
from typing import Any

from salver.classes.bell import Bell
from salver.classes.threads import ThreadingMixIn
from salver.classes.tutorial import TutorialServer

logger = logging.getLogger("salver")

_OUT_OF_SOMETHING = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_PAUSE = 0.1  # seconds that a server waits that is out of descriptors


class BaseServer(_std.BaseServer):
    """`socketserver.BaseServer`, whose loop ends when it is asked to.

    The two names with two underscores are the standard library's own, on purpose (the class has its name, so they are
    mangled alike): scripts that set them by hand to stop a server go on working.
    """

    __is_shut_down: threading.Event
    __shutdown_request: bool

    _bell: Bell | None = None
    _serving: int | None = None  # the thread that serves, while it does

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until `shutdown`. `service_actions` is called at least every `poll_interval` seconds."""
        self.__is_shut_down.clear()
        self._serving = threading.get_ident()
        try:
            with Bell() as bell:
                self._bell = bell
                if not self.__shutdown_request:
                    self._serve(poll_interval, bell)
        finally:
            self._bell = self._serving = None
            self.__shutdown_request = False
            self.__is_shut_down.set()

    @property
    def _asked_to_stop(self) -> bool:
        return self.__shutdown_request

    def _serve(self, poll_interval: float, bell: Bell) -> None:
        """Accept in this thread, and process each request as `process_request` says."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno(), selectors.EVENT_READ)  # type: ignore[attr-defined]  # as in the original
            selector.register(bell, selectors.EVENT_READ)
            while not self.__shutdown_request:
                ready = selector.select(poll_interval)
                if self._asked_to_stop:
                    break
                if any(key.fileobj is not bell for key, _ in ready):
                    self._handle_request_noblock()  # type: ignore[attr-defined]  # typeshed leaves it out
                self.service_actions()

    def shutdown(self) -> None:
        """Stop `serve_forever`, and return when it has ended; from any thread, at once.

        Where it does not run (yet), or runs in the calling thread, this does not wait; it ends as soon as it can.
        """
        self.__shutdown_request = True
        serving, bell = self._serving, self._bell
        if bell is not None:
            bell.ring()
        if serving is not None and serving != threading.get_ident():
            self.__is_shut_down.wait()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback, as the standard library does; not for a client that went away or fell silent."""
        error = sys.exception()
        if isinstance(error, (ConnectionError, TimeoutError)) or (
            is_over_tls(request) and _blames_peer(error, request)
        ):
            logger.debug("%s went away: %s", client_address, error)
            return
        super().handle_error(request, client_address)


class TCPServer(TutorialServer, BaseServer, _std.TCPServer):
    """`socketserver.TCPServer`: one connection after the other, in the thread that serves."""

    allow_reuse_address = os.name == "posix"  # there it means what everybody wants: no minute of TIME_WAIT
    request_queue_size = 2048

    #: Seconds that a client has for its handshake, where TLS is spoken on the blocking way.
    timeout_handshake = 10.0

    def __init__(self, server_address: Any, RequestHandlerClass: Any, bind_and_activate: bool = True) -> None:  # noqa: N803
        """As `socketserver.TCPServer`. `server_address`: (host, port); an IPv6 address makes an IPv6 server."""
        if (
            self.address_family == socket.AF_INET
            and isinstance(server_address, tuple)
            and ":" in str(server_address[0])
        ):
            self.address_family = socket.AF_INET6
        super().__init__(server_address, RequestHandlerClass, bind_and_activate)

    def get_request(self) -> tuple[Any, Any]:
        """Accept one connection. Where the process is out of descriptors, wait a little: it will not be better at
        once, and the loop would spin."""
        try:
            return _accept_over_tls(self.socket) if is_over_tls(self.socket) else self.socket.accept()
        except OSError as error:
            if error.errno in _OUT_OF_SOMETHING:
                logger.warning("accepting pauses: %s (raise the limit of open files: ulimit -n)", error.strerror)
                time.sleep(_PAUSE)
            raise

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle one request; over TLS, behind the handshake."""
        if is_over_tls(request):
            from salver.classes.tls import shake_hands

            shake_hands(request, self.timeout_handshake)
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End one request; over TLS, with a word."""
        if is_over_tls(request):
            from salver.classes.tls import say_goodbye

            say_goodbye(request)
        super().shutdown_request(request)


def is_over_tls(sock: Any) -> bool:
    """Whether it is a socket of `ssl`, which is slow to import, and is imported then."""
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(sock, ssl.SSLSocket)


def _accept_over_tls(listening: Any) -> tuple[Any, Any]:
    from salver.classes.tls import accept

    return accept(listening)


def _blames_peer(error: BaseException | None, connection: Any) -> bool:
    from salver.classes.tls import is_peers_fault

    return is_peers_fault(error, connection)


class UDPServer(_std.UDPServer, TCPServer):
    """`socketserver.UDPServer`."""

    allow_reuse_address = False


class ThreadingTCPServer(ThreadingMixIn, TCPServer):
    """A thread a connection, as many as `max_threads`."""


class ThreadingUDPServer(ThreadingMixIn, UDPServer):
    """A thread a datagram, as many as `max_threads`."""


class UnixStreamServer(TCPServer):
    """A server on a Unix socket; `server_address` is a path."""

    address_family = socket.AF_UNIX


class UnixDatagramServer(UDPServer):
    """Datagrams on a Unix socket."""

    address_family = socket.AF_UNIX


class ThreadingUnixStreamServer(ThreadingMixIn, UnixStreamServer):
    """A thread a connection on a Unix socket."""


class ThreadingUnixDatagramServer(ThreadingMixIn, UnixDatagramServer):
    """A thread a datagram on a Unix socket."""


if hasattr(os, "fork"):
    ForkingMixIn = _std.ForkingMixIn

    class ForkingTCPServer(ForkingMixIn, TCPServer):
        """A process a connection."""

    class ForkingUDPServer(ForkingMixIn, UDPServer):
        """A process a datagram."""

    class ForkingUnixStreamServer(ForkingMixIn, UnixStreamServer):
        """A process a connection on a Unix socket."""

    class ForkingUnixDatagramServer(ForkingMixIn, UnixDatagramServer):
        """A process a datagram on a Unix socket."""
