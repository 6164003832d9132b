"""A handler's request as the gateway knows one.

It is made of what the handler's attributes say, since a class may have changed them (`path` above all), and its body is
read through the handler's `rfile`, on whichever way that is.
"""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from salver.classes.tcp import is_over_tls
from salver.exchange import ClientWatch, address_of
from salver.protocol.heads import RequestHead, Section
from salver.request import ClientAddress, Exchange, Request, RequestBodyError, Transmission
from salver.service.bodies import buffered

_PIECE = 65_536
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)


def request_of(handler: Any) -> Request:
    """The request that a `BaseHTTPRequestHandler` has in hand."""
    under: Request | None = handler._request
    if under is not None:
        exchange: Exchange = _OnTheFastWay(handler, under.exchange)
        return Request(RequestHead(handler.command, handler.path, under.head.section), exchange, None)
    return Request(RequestHead(handler.command, handler.path, _section(handler)), _OnTheBlockingWay(handler), None)


def _section(handler: Any) -> Section:
    """The fields as the protocol has them, made of those that the class has read."""
    lines = [f"{name}: {' '.join(str(value).split())}\r\n" for name, value in handler.headers.items()]
    raw = "".join([*lines, "\r\n"]).encode("latin-1", "replace")
    section = Section(raw, int(handler.request_version == "HTTP/1.1"))
    section.body_length = _body_length(handler)
    host = handler.headers.get("host")
    section.host = None if host is None else str(host).encode("ascii", "replace")
    return section


def _body_length(handler: Any) -> int:
    """Of a lenient class, whose request nobody has judged, only a plain length is believed."""
    if not handler.dangerous_leniency:
        length: int = handler._length
        return length
    said = str(handler.headers.get("content-length", ""))
    return int(said) if _DIGITS.fullmatch(said) else 0


class _OnTheFastWay:
    """The exchange of a handler that is called back: the connection's own, but for the body, which is the handler's."""

    __slots__ = ("_handler", "_under")

    def __init__(self, handler: Any, under: Exchange) -> None:
        self._handler = handler
        self._under = under

    @property
    def client(self) -> ClientAddress:
        return self._under.client

    @property
    def local(self) -> ClientAddress:
        return self._under.local

    @property
    def scheme(self) -> str:
        return self._under.scheme

    def hand_over(self) -> bool:
        return self._under.hand_over()

    def enter(self, site: object) -> None:
        self._under.enter(site)

    def body_stream(self) -> BinaryIO:
        body: BinaryIO = self._handler.rfile
        return body

    def transmission(self) -> Transmission:
        return self._under.transmission()

    def watch_client(self) -> ClientWatch | None:
        return self._under.watch_client()


class _OnTheBlockingWay:
    """The exchange of a handler that has a socket, and a thread that nobody waits for."""

    __slots__ = ("_handler", "_left")

    def __init__(self, handler: Any) -> None:
        self._handler = handler
        self._left = _body_length(handler)

    @property
    def client(self) -> ClientAddress:
        return address_of(self._handler.client_address)

    @property
    def local(self) -> ClientAddress:
        return address_of(self._handler.connection.getsockname())

    @property
    def scheme(self) -> str:
        return "https" if is_over_tls(self._handler.connection) else "http"

    def hand_over(self) -> bool:
        return True

    def enter(self, site: object) -> None:
        """Nothing is learned of it."""

    def body_stream(self) -> BinaryIO:
        return buffered(self._read_more)

    def transmission(self) -> Transmission:
        raise RuntimeError("a handler with a socket of its own answers by wfile")

    def watch_client(self) -> None:
        """Nothing: what it has sent of its own accord is not known here."""

    def _read_more(self) -> bytes:
        """On the lenient way `rfile` does not end where the body does."""
        handler = self._handler
        most = min(_PIECE, self._left) if handler.dangerous_leniency else _PIECE
        if not most:
            return b""
        try:
            data: bytes = handler.rfile.read1(most)
        except TimeoutError as error:
            raise RequestBodyError(408, str(error)) from None
        except OSError as error:
            raise RequestBodyError(400, str(error)) from None
        self._left -= len(data)
        return data
