"""What stands between a request and the server that runs it: who the client is, and what a request may ask for.

The server fills the port `Exchange`; a middleware may speak in the place of a part of it (`Forwarded`). Nothing here
holds a socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    from salver.response import Response


class ClientAddress(NamedTuple):
    """Who sent a request: an IP address and port, or the host "unix:" and port 0 on a Unix socket."""

    host: str
    port: int


def address_of(name: object) -> ClientAddress:
    """A socket's name as an address: of IP its first two members, of anything else "unix:"."""
    return ClientAddress(name[0], name[1]) if isinstance(name, tuple) else ClientAddress("unix:", 0)


class RequestBodyError(OSError):
    """A streamed body cannot be read to its end; `status` is what the server answers if the handler lets it pass."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Transmission(Protocol):
    """A response that its handler sends while it runs, for interfaces that demand it (WSGI's `write`). Whoever wraps
    handlers cannot see it, let alone change it. For the handler's thread alone."""

    @property
    def failed(self) -> bool:
        """The client is gone, or reads nothing; `write` has raised that."""

    def begin(self, response: Response) -> None:
        """Make the head of `response`, whose body is not looked at. Raises `LocalProtocolError` for what cannot be
        sent."""

    def write(self, data: bytes) -> None:
        """Send; all of it is with the operating system when this returns. Raises OSError for a client that is gone."""

    def finish(self) -> Response:
        """What the handler returns at the end of the body."""

    def break_off(self) -> Response:
        """What the handler returns where there is no end: the connection is reset."""


class ClientWatch(Protocol):
    """Tells a handler that waits for something else of a client that goes. For the handler's thread alone, while it
    does not lead and has not answered."""

    def fileno(self) -> int:
        """The descriptor to poll, for POLLRDHUP at most: what there is to read is not the handler's. POLLHUP and
        POLLERR mean that the client is gone; POLLRDHUP that it is, or has only finished sending."""

    def ask(self) -> bool:
        """Find out which, where that can be: by POLLHUP, which then follows. False where it is known to be gone."""


class Exchange(Protocol):
    """What a request needs of the server that runs it."""

    @property
    def client(self) -> ClientAddress:
        """The peer of the connection."""

    @property
    def local(self) -> ClientAddress:
        """Our own end of the connection: where the peer has connected to. Asks the system each time."""

    @property
    def scheme(self) -> str:
        """ "http" or "https", as the connection itself is."""

    def hand_over(self) -> bool:
        """The calling handler is about to block; see `Request.hand_over`."""

    def enter(self, site: object) -> None:
        """A site is about to run; see `Request.enter`."""

    def body_stream(self) -> BinaryIO:
        """The body read from the connection as it arrives, decoded; reads block."""

    def transmission(self) -> Transmission:
        """Begin to send a response while the handler runs."""

    def watch_client(self) -> ClientWatch | None:
        """What tells of a client that goes while the handler waits; None where nothing does."""


class Forwarded:
    """An exchange in whose place a trusted proxy has spoken; see `Request.set_forwarded`."""

    __slots__ = ("client", "host", "inner", "scheme")

    def __init__(self, inner: Exchange, client: ClientAddress, scheme: str, host: str | None) -> None:
        self.inner = inner
        self.client = client
        self.scheme = scheme
        self.host = host

    @property
    def local(self) -> ClientAddress:
        """As of the inner one: what the client connected to, the proxy does not say."""
        return self.inner.local

    def hand_over(self) -> bool:
        """As the inner one."""
        return self.inner.hand_over()

    def enter(self, site: object) -> None:
        """As the inner one."""
        self.inner.enter(site)

    def body_stream(self) -> BinaryIO:
        """As the inner one."""
        return self.inner.body_stream()

    def transmission(self) -> Transmission:
        """As the inner one."""
        return self.inner.transmission()

    def watch_client(self) -> ClientWatch | None:
        """As the inner one."""
        return self.inner.watch_client()
