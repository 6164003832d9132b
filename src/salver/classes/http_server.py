"""`HTTPServer` and `ThreadingHTTPServer`: on the crew, where nothing stands against it.

`ThreadingHTTPServer` runs its handlers in the crew's threads; `HTTPServer` runs them in the thread that called
`serve_forever`, one request at a time, as its contract says, though many connections wait at once. Where a subclass
overrides a seam of `socketserver` (`SEAMS`), or has put something else in the socket's place, or its handler class
takes the blocking way, the server is the standard library's: it accepts, and `process_request` does what it does. TLS
around the listening socket is taken from it, and spoken connection by connection.
"""

from __future__ import annotations

import os
import select
import socket
import socketserver as _std
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from salver.classes.adapter import ClassHandler, takes_fast_way
from salver.classes.bell import Bell
from salver.classes.tcp import BaseServer, TCPServer
from salver.classes.threads import ThreadingMixIn
from salver.net.address import Address
from salver.net.listener import Listener
from salver.service.server import Server
from salver.service.settings import Settings

if TYPE_CHECKING:
    from salver.net.certificates import Certificates

SEAMS = (
    "get_request",
    "verify_request",
    "process_request",
    "process_request_thread",
    "finish_request",
    "shutdown_request",
    "close_request",
    "handle_request",
    "_handle_request_noblock",
)
_OURS = (BaseServer, TCPServer, ThreadingMixIn, _std.BaseServer, _std.TCPServer, _std.ThreadingMixIn)


class HTTPServer(TCPServer):
    """`http.server.HTTPServer`: one request at a time, in the thread that serves."""

    allow_reuse_address = True

    #: How connections are served: limits, time-outs, the access log. A class or instance attribute, to be set.
    settings: Settings = Settings(server_name="")
    #: Seconds that `shutdown` waits for what is in flight.
    grace = 5.0

    server_name: str
    server_port: int

    def server_bind(self) -> None:
        """Bind, and note `server_name` and `server_port`. Nobody is asked for a name: the standard library looks its
        own address up, which takes seconds where no name server answers."""
        super().server_bind()
        address: Any = self.server_address
        if isinstance(address, tuple):
            host, port = str(address[0]), int(address[1])
        else:
            host, port = str(address), 0
        self.server_port = port
        if not isinstance(getattr(type(self), "server_name", None), str):
            self.server_name = socket.gethostname() if host in ("0.0.0.0", "::", "") else host

    def _serve(self, poll_interval: float, bell: Bell) -> None:
        if not self._takes_fast_way():
            super()._serve(poll_interval, bell)
        elif isinstance(self, _std.ThreadingMixIn):
            self._serve_in_threads(poll_interval, bell)
        else:
            self._serve_here(poll_interval, bell)

    def _takes_fast_way(self) -> bool:
        plain = type(self.socket) is socket.socket or self._served_certificates() is not None
        if not plain or self.socket_type != socket.SOCK_STREAM:
            return False
        return all(self._is_untouched(name) for name in SEAMS) and takes_fast_way(self.RequestHandlerClass)

    def _is_untouched(self, name: str) -> bool:
        if name in vars(self):
            return False
        home = next((each for each in type(self).__mro__ if name in vars(each)), None)
        return home is None or self._is_ours(home)

    def _is_ours(self, home: type) -> bool:
        return home in _OURS

    def _served_certificates(self) -> Certificates | None:
        """What is spoken to those who connect: HTTPS by these, or HTTP, if None."""
        if "ssl" not in sys.modules:  # then nobody has wrapped the socket, and it is slow to import
            return None
        from salver.classes.tls import certificates_of

        return certificates_of(self.socket)

    def _crew_server(self, threads: int | None) -> Server:
        settings = self.settings
        if threads is not None:
            settings = replace(settings, limits=replace(settings.limits, threads=threads))
        handler = ClassHandler(self.RequestHandlerClass, self, mounted=False)
        tls = self._served_certificates()
        return Server(handler, listeners=[self._listener()], settings=settings, on_tick=self._tick, tls=tls)

    def _listener(self) -> Listener:
        """A second descriptor of the same listening socket: the server's own stays its own."""
        own = self.socket
        sock = socket.socket(own.family, own.type, own.proto, fileno=os.dup(own.fileno()))
        sock.setblocking(False)
        if sock.family == socket.AF_UNIX:
            return Listener(sock, Address("unix", path=str(self.server_address)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = sock.getsockname()[:2]
        return Listener(sock, Address("tcp", host, port))

    def _tick(self) -> None:
        if not isinstance(self, _std.ThreadingMixIn):
            self.service_actions()

    def _serve_in_threads(self, poll_interval: float, bell: Bell) -> None:
        server = self._crew_server(None)
        server.start()
        grace = 0.0
        try:
            self._wait(poll_interval, bell, actions=True)
            grace = self.grace
        finally:
            server.stop(grace)
            self._restore()

    def _serve_here(self, poll_interval: float, bell: Bell) -> None:
        server = self._crew_server(1)
        ended = threading.Event()

        def stop_when_asked() -> None:
            self._wait(poll_interval, bell, actions=False, ended=ended)
            server.stop(0.0 if ended.is_set() else self.grace)

        stopper = threading.Thread(target=stop_when_asked, name="salver-stop", daemon=True)
        stopper.start()
        try:
            server.run_here()
        finally:
            ended.set()
            bell.ring()
            stopper.join()
            self._restore()

    def _wait(self, poll_interval: float, bell: Bell, *, actions: bool, ended: threading.Event | None = None) -> None:
        """Until somebody asks for the end. The time-out is there for `service_actions`, and for scripts that set the
        flag of the standard library by hand."""
        poller = select.poll()
        poller.register(bell.fileno(), select.POLLIN)
        while not self._asked_to_stop and not (ended is not None and ended.is_set()):
            poller.poll(max(1, int(poll_interval * 1_000)))
            if actions:
                self.service_actions()

    def _restore(self) -> None:
        """The descriptor's flag is shared with ours, which did not block."""
        if self.socket.fileno() != -1:
            self.socket.settimeout(self.socket.gettimeout())


class ThreadingHTTPServer(ThreadingMixIn, HTTPServer):
    """`http.server.ThreadingHTTPServer`: many requests at once, on the crew."""

    daemon_threads = True
