"""What is put around a handler, an app or a view: each is a function of its settings that returns a wrapper.

    app = compress()(app)                        # around everything

    @app.post("/login")
    @rate_limit(5, per=60)                       # or around one view
    def login(request): ...

They are imported from their files when they are first asked for, so that one costs nothing to who uses another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salver.middleware.compression import compress as compress
    from salver.middleware.cross_origin import cors as cors
    from salver.middleware.proxies import trusted_proxies as trusted_proxies
    from salver.middleware.rates import rate_limit as rate_limit
    from salver.middleware.request_ids import RequestIdFilter as RequestIdFilter
    from salver.middleware.request_ids import request_id as request_id
    from salver.middleware.security import security_headers as security_headers
    from salver.middleware.time_limits import Deadline as Deadline
    from salver.middleware.time_limits import deadline_of as deadline_of
    from salver.middleware.time_limits import time_limit as time_limit

_HOMES = {
    "compress": "compression",
    "cors": "cross_origin",
    "trusted_proxies": "proxies",
    "rate_limit": "rates",
    "request_id": "request_ids",
    "RequestIdFilter": "request_ids",
    "security_headers": "security",
    "Deadline": "time_limits",
    "deadline_of": "time_limits",
    "time_limit": "time_limits",
}

__all__ = [
    "Deadline",
    "RequestIdFilter",
    "compress",
    "cors",
    "deadline_of",
    "rate_limit",
    "request_id",
    "security_headers",
    "time_limit",
    "trusted_proxies",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'salver.middleware' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"salver.middleware.{_HOMES[name]}"), name)
