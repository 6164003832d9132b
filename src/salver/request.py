"""A request as a handler sees it: what the head says, and the body however it came.

Everything that costs is worked out on first use. The request asks the server for four things only, through the
`Exchange` port: who is there, the streamed body, and the two words about blocking. It holds no socket.
"""

from __future__ import annotations

import io
from typing import BinaryIO, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from salver.protocol.grammar import ABSOLUTE_FORM
from salver.protocol.headers import Headers
from salver.protocol.heads import RequestHead


class ClientAddress(NamedTuple):
    """Who sent a request: an IP address and port, or the host "unix:" and port 0 on a Unix socket."""

    host: str
    port: int


class RequestBodyError(OSError):
    """A streamed body cannot be read to its end; `status` is what the server answers if the handler lets it pass."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Exchange(Protocol):
    """What a request needs of the server that runs it."""

    @property
    def client(self) -> ClientAddress:
        """The peer of the connection."""

    @property
    def scheme(self) -> str:
        """ "http" or "https", as the connection itself is."""

    def hand_over(self) -> bool:
        """The calling handler is about to block; see `Request.hand_over`."""

    def enter(self, site: object) -> None:
        """A site is about to run; see `Request.enter`."""

    def body_stream(self) -> BinaryIO:
        """The body read from the connection as it arrives, decoded; reads block."""


class Request:
    """One request. Used by one thread at a time; valid until its response has been sent.

    `method` is the token as sent (case counts), `target` the request-target as sent, ASCII. `prefix` is the part of
    the raw path that mounts have consumed ("" at the root). `site` is what the crew's learning is keyed by.
    """

    __slots__ = ("_body", "_exchange", "_stream", "head", "method", "prefix", "site", "target")

    def __init__(self, head: RequestHead, exchange: Exchange, body: bytes | BinaryIO | None = b"") -> None:
        """`body`: bytes, a rewound file the body was spooled to, or None where it is to be streamed."""
        self.head = head
        self.method = head.method
        self.target = head.target
        self.prefix = ""
        self.site: object = None
        self._exchange = exchange
        self._body = body
        self._stream: BinaryIO | None = None

    @property
    def headers(self) -> Headers:
        """The request's fields; the same object for every request that repeats them."""
        return self.head.section.headers

    @property
    def version(self) -> str:
        """ "HTTP/1.1" or "HTTP/1.0"."""
        return self.head.version

    @property
    def raw_path(self) -> str:
        """The path of the target as sent, still percent-encoded, without the query; "*" for OPTIONS *. What
        `prefix` holds is still part of it."""
        path = self.target
        if not path.startswith("/"):
            matched = ABSOLUTE_FORM.fullmatch(path.encode("ascii"))
            if matched is None:
                return path  # "*", or CONNECT's authority
            path = (matched[2] or b"/").decode("ascii")
            if path.startswith("?"):
                path = "/" + path
        return path.partition("?")[0]

    @property
    def path(self) -> str:
        """The path behind `prefix`, percent-decoded as UTF-8 (odd bytes as lone surrogates). For showing and
        comparing; whoever walks folders splits `raw_path` first and decodes each segment once."""
        return unquote_to_bytes(self.raw_path[len(self.prefix) :]).decode("utf-8", "surrogateescape")

    @property
    def query_string(self) -> str:
        """What stands behind the first "?" of the target, as sent; "" where there is none."""
        return self.target.partition("?")[2]

    @property
    def client(self) -> ClientAddress:
        """The peer of the connection."""
        return self._exchange.client

    @property
    def scheme(self) -> str:
        """ "http" or "https", as the connection itself is."""
        return self._exchange.scheme

    @property
    def host(self) -> str:
        """The Host field as sent, "" where an HTTP/1.0 client sent none; it names what was asked for, and proves
        nothing."""
        host = self.head.section.host
        return host.decode("ascii") if host else ""

    @property
    def body(self) -> bytes:
        """The whole body. In streaming mode this reads it to its end."""
        if self._body.__class__ is not bytes:
            self._body = self.stream().read()
        return self._body

    def stream(self) -> BinaryIO:
        """The body as a binary file to read once: in memory, spooled, or straight from the connection where the
        handler asked for that. Owned by the server; closing it is allowed, not needed."""
        if self._stream is None:
            body = self._body
            if body is None:
                self._stream = self._exchange.body_stream()
            else:
                self._stream = io.BytesIO(body) if isinstance(body, bytes) else body
        return self._stream

    @property
    def exchange(self) -> Exchange:
        """The server's side of this request; for adapters that know which server that is."""
        return self._exchange

    def hand_over(self) -> bool:
        """Say that this handler is about to block (a query, a sleep): others are served meanwhile, without waiting
        for the overseer to notice. True where the thread may block; False where every thread is taken."""
        return self._exchange.hand_over()

    def enter(self, site: object) -> None:
        """Say which site (a route, a class and its method: anything hashable) is about to run. From here on the
        crew's learning is keyed by it; where the site is known to block, this hands over."""
        self.site = site
        self._exchange.enter(site)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"
