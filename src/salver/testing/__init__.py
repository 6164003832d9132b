"""Tests of web applications without a socket: the real protocol and the real service, on a stream in memory.

`TestClient(app)` asks anything that Salver serves; `InMemoryServer` is the half of it that a client of another kind
builds upon; `HandlerTransport` and `WSGITransport` put an application under `salver.client`. The names are imported
when they are first asked for: pytest loads this package for everybody who has Salver installed, and most of their
tests have no use for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salver.testing.client import TestClient as TestClient
    from salver.testing.memory import InMemoryServer as InMemoryServer
    from salver.testing.received import ReceivedResponse as ReceivedResponse
    from salver.testing.transports import HandlerTransport as HandlerTransport
    from salver.testing.transports import WSGITransport as WSGITransport

_HOMES = {
    "HandlerTransport": "salver.testing.transports",
    "InMemoryServer": "salver.testing.memory",
    "ReceivedResponse": "salver.testing.received",
    "TestClient": "salver.testing.client",
    "WSGITransport": "salver.testing.transports",
}

__all__ = ["HandlerTransport", "InMemoryServer", "ReceivedResponse", "TestClient", "WSGITransport"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'salver.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
