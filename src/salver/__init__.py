"""Salver: an HTTP server for Python people.

The names of the package's front door are imported when they are first asked for, so that a command that needs a
part pays for that part alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salver.app.csrf import csrf_exempt as csrf_exempt
    from salver.app.csrf import csrf_field as csrf_field
    from salver.app.csrf import csrf_protect as csrf_protect
    from salver.app.csrf import csrf_token as csrf_token
    from salver.app.errors import abort as abort
    from salver.app.flash import flash as flash
    from salver.app.flash import flashes as flashes
    from salver.app.logs import log as log
    from salver.app.sessions import sessions as sessions
    from salver.app.templates import Templates as Templates
    from salver.application import App as App
    from salver.events import Broadcast as Broadcast
    from salver.events import Channel as Channel
    from salver.events import Event as Event
    from salver.events import Pause as Pause
    from salver.gateway.wsgi import WSGI as WSGI
    from salver.handler import Handler as Handler
    from salver.handler import options as options
    from salver.net.certificates import TLSFiles as TLSFiles
    from salver.request import Request as Request
    from salver.response import FileSegment as FileSegment
    from salver.response import HTTPError as HTTPError
    from salver.response import Response as Response
    from salver.response import Segments as Segments
    from salver.service.server import Server as Server
    from salver.service.server import serve as serve

__version__ = "0.1.0"

_HOMES = {
    "App": "salver.application",
    "abort": "salver.app.errors",
    "log": "salver.app.logs",
    "sessions": "salver.app.sessions",
    "flash": "salver.app.flash",
    "flashes": "salver.app.flash",
    "csrf_exempt": "salver.app.csrf",
    "csrf_field": "salver.app.csrf",
    "csrf_protect": "salver.app.csrf",
    "csrf_token": "salver.app.csrf",
    "Templates": "salver.app.templates",
    "Broadcast": "salver.events",
    "Channel": "salver.events",
    "Event": "salver.events",
    "Pause": "salver.events",
    "WSGI": "salver.gateway.wsgi",
    "Handler": "salver.handler",
    "options": "salver.handler",
    "Request": "salver.request",
    "Response": "salver.response",
    "FileSegment": "salver.response",
    "HTTPError": "salver.response",
    "Segments": "salver.response",
    "Server": "salver.service.server",
    "serve": "salver.service.server",
    "TLSFiles": "salver.net.certificates",
}

__all__ = [
    "WSGI",
    "App",
    "Broadcast",
    "Channel",
    "Event",
    "FileSegment",
    "HTTPError",
    "Handler",
    "Pause",
    "Request",
    "Response",
    "Segments",
    "Server",
    "TLSFiles",
    "Templates",
    "abort",
    "csrf_exempt",
    "csrf_field",
    "csrf_protect",
    "csrf_token",
    "flash",
    "flashes",
    "log",
    "options",
    "serve",
    "sessions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'salver' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
