"""What the client raises: one tree, so that `except ClientError` is enough, and the branches by what one does next.

A message says what happened, with which URL, and what can be done. `url` is without the user name and password that
it may have been written with.

    ClientError
    ├── InvalidRequest          the caller's: nothing was sent
    ├── ConnectFailed           no connection: name, address, TLS, proxy; nothing was sent
    │   ├── NameNotFound
    │   ├── TLSFailed
    │   └── ProxyFailed
    ├── TimedOut                ConnectTimedOut, ReadTimedOut, WriteTimedOut, PoolTimedOut, TotalTimedOut
    ├── ConnectionLost          broken off: before the response, or inside it
    ├── BrokenResponse          the server broke the protocol, or a limit of ours
    │   ├── ResponseTooLarge
    │   └── BrokenCoding
    ├── TooManyRedirects
    ├── StatusError             `Response.raise_for_status`
    └── BodyGone                the body was streamed, or closed, and is asked for again
"""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """Whatever goes wrong with a request. `url`: the URL it was about, "" where there is none."""

    def __init__(self, message: str, url: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.url = url

    def __str__(self) -> str:
        return f"{self.message} ({self.url})" if self.url else self.message


class InvalidRequest(ClientError, ValueError):
    """What was asked for cannot be sent: a malformed URL, a line feed in a field. Nothing was sent."""


class ConnectFailed(ClientError, ConnectionError):
    """No connection came to be. Nothing was sent."""


class NameNotFound(ConnectFailed):
    """The host's name has no address."""


class TLSFailed(ConnectFailed):
    """The TLS handshake failed; most often the certificate is not to be trusted."""


class ProxyFailed(ConnectFailed):
    """The proxy cannot be reached, or refuses."""


class TimedOut(ClientError, TimeoutError):
    """It took longer than a time-out allows."""


class ConnectTimedOut(TimedOut):
    """No connection within the `connect` time-out. Nothing was sent."""


class ReadTimedOut(TimedOut):
    """The server sent nothing for as long as the `read` time-out."""


class WriteTimedOut(TimedOut):
    """The server took nothing for as long as the `write` time-out."""


class PoolTimedOut(TimedOut):
    """No connection of the pool became free within the `pool` time-out. Nothing was sent."""


class TotalTimedOut(TimedOut):
    """The whole exchange took longer than the `total` time-out."""


class ConnectionLost(ClientError, ConnectionError):
    """The connection ended before the response did. Whether the server acted on the request is not known."""


class BrokenResponse(ClientError):
    """The server broke the protocol. The connection is not used again."""


class ResponseTooLarge(BrokenResponse):
    """A response passed a limit: its head's, or `max_content` once decoded."""


class BrokenCoding(BrokenResponse):
    """The content coding (gzip, br …) of a response is damaged, or not to be decoded here."""


class TooManyRedirects(ClientError):
    """Redirected more often than `max_redirects`, or in a circle."""


class BodyGone(ClientError):
    """The body was read as a stream, or its connection closed: it cannot be had again."""


class StatusError(ClientError):
    """`response.status` is 400 or above. `response` is the response."""

    def __init__(self, message: str, url: str, response: Any) -> None:
        super().__init__(message, url)
        self.response = response
