"""What the protocol raises: one error for the peer's faults, one for our own.

The protocol never answers; it raises with a *status hint*, and the service decides what is sent.
A client that talks to a broken server gets the same `RemoteProtocolError`; the hint means nothing there.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The common base: something on this connection does not follow RFC 9112."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol. After it, not one more byte of the connection is parsed.

    `status` is the hint for a server's answer: 400, 413, 414, 417, 431, 501 or 505.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class LocalProtocolError(ProtocolError):
    """We were asked to send what must not be sent; nothing of it left."""
