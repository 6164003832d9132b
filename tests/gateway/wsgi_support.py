"""Conversations with a WSGI application: `wsgiref.validate` stands in between, unless a test breaks the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.validate import validator

from salver.gateway.wsgi import WSGI
from tests.service.harness import Conversation

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
PLAIN = [("Content-Type", "text/plain")]


def valid(app: App, **settings: Any) -> Conversation:
    """A conversation with `app`; the validator sees to it that both sides keep to PEP 3333."""
    return Conversation(WSGI(validator(app)), **settings)


def bare(app: App, **settings: Any) -> Conversation:
    """The same without the validator: for what an application does wrong, and for the ways of our own."""
    return Conversation(WSGI(app), **settings)


def returning(result: Any, status: str = "200 OK", headers: list[tuple[str, str]] | None = None) -> App:
    """An application that says this head and returns this."""

    def app(environ: Environ, start_response: Any) -> Any:
        start_response(status, list(PLAIN if headers is None else headers))
        return result() if callable(result) else result

    return app


def environ_of(request: bytes, **settings: Any) -> Environ:
    """What an application is given for `request`."""
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append(dict(environ))
        start_response("200 OK", PLAIN)
        return [b"seen"]

    talk = valid(app, **settings)
    talk.say(request)
    assert talk.statuses == [200], talk.reply
    return seen[-1]


class Closing:
    """An iterable that knows how often it was closed, and how far it was pulled."""

    def __init__(self, *pieces: Any) -> None:
        self._pieces = iter(pieces)
        self.pulled = 0
        self.closed = 0

    def __iter__(self) -> Closing:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        self.pulled += 1
        if isinstance(piece, BaseException):
            raise piece
        result: bytes = piece
        return result

    def close(self) -> None:
        self.closed += 1
