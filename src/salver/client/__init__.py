"""The HTTP client: `get`, `post` and their kin for one request, `Client` for many.

    from salver import client

    client.get("https://example.com/").text

    with client.Client(base_url="https://api.example.com") as api:
        api.post("/things", json={"name": "salver"}).raise_for_status()

What is imported here costs some milliseconds; the server never imports it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

from salver.client.arguments import OF_CLIENT, OneShotOptions
from salver.client.auth import Auth, BasicAuth, BearerAuth
from salver.client.client import Client
from salver.client.cookies import Cookie, CookieJar
from salver.client.digest import DigestAuth
from salver.client.errors import (
    BodyGone,
    BrokenCoding,
    BrokenResponse,
    ClientError,
    ConnectFailed,
    ConnectionLost,
    ConnectTimedOut,
    InvalidRequest,
    NameNotFound,
    PoolTimedOut,
    ProxyFailed,
    ReadTimedOut,
    ResponseTooLarge,
    StatusError,
    TimedOut,
    TLSFailed,
    TooManyRedirects,
    TotalTimedOut,
    WriteTimedOut,
)
from salver.client.message import Request
from salver.client.pool import PoolLimits
from salver.client.response import Response
from salver.client.retries import Retries
from salver.client.timeouts import Timeout

if TYPE_CHECKING:
    from salver.client.downloads import Downloaded, Progress

__all__ = [
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "BodyGone",
    "BrokenCoding",
    "BrokenResponse",
    "Client",
    "ClientError",
    "ConnectFailed",
    "ConnectTimedOut",
    "ConnectionLost",
    "Cookie",
    "CookieJar",
    "DigestAuth",
    "InvalidRequest",
    "NameNotFound",
    "PoolLimits",
    "PoolTimedOut",
    "ProxyFailed",
    "ReadTimedOut",
    "Request",
    "Response",
    "ResponseTooLarge",
    "Retries",
    "StatusError",
    "TLSFailed",
    "TimedOut",
    "Timeout",
    "TooManyRedirects",
    "TotalTimedOut",
    "WriteTimedOut",
    "delete",
    "download",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "request",
]


def request(method: str, url: str, **options: Unpack[OneShotOptions]) -> Response:
    """One request, on a connection that is closed behind it; use a `Client` for more than a few. `options`: of
    `RequestOptions` and `OneShotOptions`. Raises a `ClientError`."""
    if options.get("stream"):
        raise InvalidRequest("to stream a response, use `with Client() as c, c.stream(...) as response`")
    for_client, for_request = _parted(options)
    with Client(**for_client) as client:
        return client.request(method, url, **for_request)


def download(
    url: str,
    path: str | os.PathLike[str],
    *,
    resume: bool = True,
    restarts: int = 5,
    progress: Progress | None = None,
    **options: Unpack[OneShotOptions],
) -> Downloaded:
    """GET into a file; see `Client.download`."""
    for_client, for_request = _parted(options)
    with Client(**for_client) as client:
        return client.download(url, path, resume=resume, restarts=restarts, progress=progress, **for_request)


def _parted(options: OneShotOptions) -> tuple[dict[str, Any], Any]:
    of_client = {name: value for name, value in options.items() if name in OF_CLIENT}
    return of_client, {name: value for name, value in options.items() if name not in OF_CLIENT}


def get(url: str, **options: Unpack[OneShotOptions]) -> Response:
    """GET; see `request`."""
    return request("GET", url, **options)


def head(url: str, **options: Unpack[OneShotOptions]) -> Response:
    """HEAD; see `request`."""
    return request("HEAD", url, **options)


def options(url: str, **options: Unpack[OneShotOptions]) -> Response:
    """OPTIONS; see `request`."""
    return request("OPTIONS", url, **options)


def post(url: str, **options: Unpack[OneShotOptions]) -> Response:
    """POST; see `request`."""
    return request("POST", url, **options)


def put(url: str, **options: Unpack[OneShotOptions]) -> Response:
    """PUT; see `request`."""
    return request("PUT", url, **options)


def patch(url: str, **options: Unpack[OneShotOptions]) -> Response:
    """PATCH; see `request`."""
    return request("PATCH", url, **options)


def delete(url: str, **options: Unpack[OneShotOptions]) -> Response:
    """DELETE; see `request`."""
    return request("DELETE", url, **options)
