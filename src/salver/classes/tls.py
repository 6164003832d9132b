"""TLS for the servers of the tower: who speaks it, with which context, and a handshake that holds nobody up.

On the fast way the service's own TLS is used (`service/tls_connection.py`), with the context of `HTTPSServer`'s files
or of whoever has wrapped the listening socket, as many scripts do (`server.socket = context.wrap_socket(…)`). Such a
socket would shake hands within `accept`, and one silent client would stall everybody: here it accepts as a plain one.

On the blocking way a connection becomes an `ssl.SSLSocket`, as in the standard library, and shakes hands in the thread
that handles it (`shake_hands`), until a deadline. Whoever goes around that (an overridden `finish_request`) still has a
socket that shakes hands with its first read, within that read's time-out. This file knows no HTTP but one answer.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from salver.classes.lingering import linger
from salver.net.certificates import Certificates, GivenContext

_PLAIN = b"This port speaks HTTPS: the address must begin with https://\n"
_ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n" % len(_PLAIN)
_ANSWER += b"Connection: close\r\n\r\n" + _PLAIN
_LINGER = 1.0  # seconds of silence
_HTTP = frozenset(("HTTP_REQUEST", "WRONG_VERSION_NUMBER"))  # OpenSSL's words for a request in the clear


def certificates_of(listening: socket.socket) -> Certificates | None:
    """What a wrapped listening socket speaks TLS with, for a server that shakes hands itself; None for a plain one, and
    for a class of somebody's own, whose connections are to be of that class."""
    return GivenContext(listening.context) if type(listening) is ssl.SSLSocket else None


def accept(listening: socket.socket) -> tuple[socket.socket, Any]:
    """Accept a connection from a wrapped socket, without its handshake. Raises OSError."""
    if not isinstance(listening, ssl.SSLSocket):
        return listening.accept()
    connection, address = socket.socket.accept(listening)
    ragged = getattr(listening, "suppress_ragged_eofs", True)  # typeshed leaves it out
    return secured(connection, listening.context, ragged), address


def secured(connection: socket.socket, context: ssl.SSLContext, suppress_ragged_eofs: bool = True) -> ssl.SSLSocket:
    """The server's end of TLS over a connection, which becomes its own; its handshake is yet to come. Raises OSError,
    and has closed the connection then."""
    try:
        return context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=suppress_ragged_eofs
        )
    except (OSError, ValueError) as error:  # gone already
        connection.close()
        raise ConnectionAbortedError(f"no handshake: {error}") from None


def shake_hands(connection: Any, seconds: float) -> None:
    """The handshake of a connection over TLS, within so many seconds; nothing for a plain one, and one that has it
    behind itself. Raises TimeoutError and ConnectionError; who has spoken HTTP has then been told so, in HTTP."""
    if not isinstance(connection, ssl.SSLSocket) or connection.version() is not None:
        return
    usual = connection.gettimeout()
    connection.settimeout(seconds)
    try:
        connection.do_handshake()
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:  # SSLError is one
        if getattr(error, "reason", None) in _HTTP:
            _answer_plainly(connection)
        raise ConnectionAbortedError(f"no handshake: {error}") from None
    connection.settimeout(usual)


def _answer_plainly(connection: ssl.SSLSocket) -> None:
    """Say in HTTP what is spoken here, and wait a little for the client to have read it: with input unread, a close is
    a reset, which may overtake the answer."""
    socket.socket.send(connection, _ANSWER)
    linger(connection, _LINGER)


def say_goodbye(connection: Any) -> None:
    """close_notify (RFC 8446 §6.1), so that an end is none that was cut. Never waits, never raises."""
    if not isinstance(connection, ssl.SSLSocket):
        return
    try:
        if connection.version() is not None:
            connection.settimeout(0)
            connection.unwrap()
    except (OSError, ValueError):  # the peer has not said it yet, and need not; or it is gone
        pass


def is_peers_fault(error: BaseException | None, connection: Any) -> bool:
    """Whether `error` is one that a TLS peer makes: a broken record, an end in the middle. What a handler met when it
    was a client itself, and refused a certificate, is not."""
    over_tls = isinstance(error, ssl.SSLError) and isinstance(connection, ssl.SSLSocket)
    return over_tls and not isinstance(error, ssl.SSLCertVerificationError)
