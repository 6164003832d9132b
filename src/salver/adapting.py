"""Whatever people have (a folder, a handler class, a WSGI app, a function of a request) as a Handler.

The rule of what something is stands here alone; the command line, `App.mount` and the test client follow it. What is
needed for one kind is imported when that kind comes.
"""

from __future__ import annotations

import os
from typing import Any

from salver.handler import Handler

INTERFACES = ("auto", "handler", "wsgi")
_MARKS = ("salver_options", "salver_options_for")  # of whatever was made for us


def as_any_handler(thing: Any, interface: str = "auto", **of_wsgi: Any) -> Handler:
    """`thing` as a Handler: the path of a folder or of a file, a handler class like those of `http.server`, a WSGI
    application, or what is a Handler already.

    `interface`: "handler" or "wsgi" where a callable's parameters do not tell what it is; "auto" looks at them
    (`salver.gateway.interfaces`). `of_wsgi`: settings of `WSGI`, for an application of that kind. Raises TypeError for
    what is none of these, with what to do; ValueError for an interface that is none.
    """
    if interface not in INTERFACES:
        raise ValueError(f"an interface is one of {', '.join(INTERFACES)}, not {interface!r}")
    if isinstance(thing, (str, os.PathLike)):
        return _from_path(thing)
    if isinstance(thing, type):
        return _from_class(thing)
    if not callable(thing):
        raise TypeError(f"{thing!r} is no handler; give a function of a request, an App, a WSGI app or a folder's path")
    if interface == "auto" and not any(hasattr(thing, mark) for mark in _MARKS):
        from salver.gateway.interfaces import interface_of, not_served

        found = interface_of(thing)
        if not_served(found):
            raise TypeError(f"{thing!r} {not_served(found)}")
        interface = found
    if interface == "wsgi":
        from salver.gateway.wsgi import WSGI

        return WSGI(thing, **of_wsgi)
    handler: Handler = thing
    return handler


def _from_path(path: str | os.PathLike[str]) -> Handler:
    if os.path.isfile(path):
        from salver.files import SingleFile

        return SingleFile(path)
    from salver.files import Folder

    return Folder(path)


def _from_class(handler_class: type) -> Handler:
    from salver.classes import as_handler
    from salver.classes.http_handler import BaseHTTPRequestHandler

    if issubclass(handler_class, BaseHTTPRequestHandler):
        return as_handler(handler_class)
    raise TypeError(
        f"{handler_class!r} is a class, but no handler class: derive it from salver.server.BaseHTTPRequestHandler, "
        "or give an object of it"
    )
