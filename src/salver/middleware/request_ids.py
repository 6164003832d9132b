"""A name for each request, in its answer and in the log, by which the lines of one can be found.

An id that a client sends goes into logs and other services, so it is taken over only from peers that were named (a
proxy that makes ids), and only if it is made of characters that mean nothing anywhere. Everybody else gets 128 random
bits. It is known to the code of the request's thread by a context variable, which the logging filter reads; a body
that is streamed afterwards runs outside of it. What a handler has raised is logged outside of it, too: that line brings
the id itself.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from salver.failures import LOGGED_ID
from salver.handler import Middleware, respond_and_finish, responder, wraps_handler
from salver.middleware.networks import Networks
from salver.protocol.headers import MutableHeaders
from salver.protocol.writer import encode_field
from salver.request import Request
from salver.response import Response

REQUEST_ID = "request_id"  # where it is found among a request's attributes

_WELL_FORMED = re.compile(r"[A-Za-z0-9._~+/=:-]{8,128}")
_current: ContextVar[str] = ContextVar("salver_request_id", default="-")


def request_id(
    *,
    header: str = "X-Request-ID",
    accept_from: Iterable[str] = (),
    make: Callable[[], str] | None = None,
) -> Middleware:
    """A middleware that gives each request an id: `request.attributes["request_id"]`, the field `header` of its answer,
    and `%(request_id)s` in log lines that pass a `RequestIdFilter`.

    `accept_from`: networks ("10.0.0.0/8", "unix:") whose peers' own `header` is taken over where it is 8 to 128
    letters, digits and `._~+/=:-`. `make`: what makes the others; 32 hexadecimal digits by default. Raises ValueError
    for what is no network, and `LocalProtocolError` for what is no field name.
    """
    encode_field(header, "")
    believed = Networks(accept_from)
    make_id = make or _random

    def choose(request: Request) -> str:
        sent = request.headers.get(header)
        if sent is not None and _WELL_FORMED.fullmatch(sent) and believed.hold(request.exchange.client.host):
            return sent
        return make_id()

    def finish(request: Request, headers: MutableHeaders) -> None:
        headers[header] = request.attributes[REQUEST_ID]

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def naming(request: Request, **params: Any) -> Response:
            name = request.attributes[REQUEST_ID] = choose(request)
            token = _current.set(name)
            try:
                return respond_and_finish(respond, request, params, finish)
            finally:
                _current.reset(token)

        return naming

    return wrap


class RequestIdFilter(logging.Filter):
    """Gives every record the attribute `request_id`, for a format like "%(request_id)s %(message)s"; "-" outside of a
    request. Lets every record pass. To be added to a logging handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True."""
        record.request_id = getattr(record, LOGGED_ID, None) or _current.get()
        return True


def _random() -> str:
    return os.urandom(16).hex()
