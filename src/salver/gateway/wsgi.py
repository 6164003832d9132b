"""A WSGI application as a Handler (PEP 3333): `WSGI(app)`.

An application that returns a list, as most that answer at once do, takes the short way here; every other answer is
made in `wsgi_answer`. Whether the application blocks, the server learns by method and path. This file makes no environ
and checks no head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from salver.gateway.wsgi_answer import answer, from_bytes
from salver.gateway.wsgi_environ import EnvironMaker
from salver.gateway.wsgi_start import StartResponse
from salver.handler import HandlerOptions
from salver.protocol.framing import CHUNKED
from salver.request import Request
from salver.response import Response

WSGIApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]

MIB = 1024 * 1024


class WSGI:
    """`app`, a WSGI application, as a Handler. Safe to use from several threads, as the application must be.

    `max_body`: bytes of a request's body; past it 413. `collect`: bodies of up to so many bytes, and all that are
    chunked, are collected (in memory, and past the server's `limit_body_in_memory` in a temporary file) before the
    application runs; larger ones it reads as they arrive. 0 has it read all of them so. `multiprocess`: what
    `wsgi.multiprocess` says.
    """

    def __init__(
        self, app: WSGIApplication, *, max_body: int = 1024 * MIB, collect: int = MIB, multiprocess: bool = False
    ) -> None:
        """Raises TypeError for what cannot be called, and ValueError for sizes below 0."""
        if not callable(app):
            raise TypeError(f"a WSGI application is callable with (environ, start_response), not {app!r}")
        if max_body < 0 or collect < 0:
            raise ValueError("max_body and collect are numbers of bytes, 0 or more")
        self._app = app
        self._make_environ = EnvironMaker(multiprocess=multiprocess).make
        self._collect = collect
        self._collected = HandlerOptions(max_body=max_body)
        self._streamed = HandlerOptions(stream_body=True, max_body=max_body)
        self.salver_options = HandlerOptions()

    def salver_options_for(self, request: Request) -> HandlerOptions:
        """Whether the body is collected; see `HandlerOptions`."""
        length = request.head.section.body_length
        collected = self._collect > 0 if length == CHUNKED else length <= self._collect
        return self._collected if collected else self._streamed

    def __call__(self, request: Request) -> Response:
        """Run the application. Raises what it raises; TypeError, ValueError and RuntimeError where it breaks the
        PEP."""
        start = StartResponse(request)
        try:
            result = self._app(self._make_environ(request), start)
        except BaseException:
            written = start.written
            if written is not None and written.failed:  # it is the client that is gone
                return written.break_off()
            raise
        if result.__class__ is list and len(result) == 1 and start.written is None:
            head, body = start.head, result[0]
            if head is not None and body.__class__ is bytes and request.method != "HEAD":
                return from_bytes(head, body)
        return answer(request, start, result)

    def __repr__(self) -> str:
        return f"WSGI({self._app!r})"
