"""What the peers run: the same two answers, as a WSGI and as an ASGI application. Knows no server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

BODY = b"Hello, World!"
PAUSE = 0.05  # seconds; what /slow sleeps

_FIELDS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]
_RAW_FIELDS = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`Hello, World!`; on /slow after the pause."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(PAUSE)
    start_response("200 OK", _FIELDS)
    return [BODY]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The same for ASGI; the pause gives way to others, as an asynchronous application's would."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/slow":
        await asyncio.sleep(PAUSE)
    await send({"type": "http.response.start", "status": 200, "headers": _RAW_FIELDS})
    await send({"type": "http.response.body", "body": BODY})
