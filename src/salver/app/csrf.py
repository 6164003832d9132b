"""Protection of forms against other sites: a page elsewhere may make a browser send a request here with the user's
cookies, and must not get anything done by it.

Two things are looked at, for every method that is not safe (RFC 9110 §9.2.1). First where the browser says that the
request comes from: Sec-Fetch-Site where it sends that, else Origin. A page of another origin is refused there, whatever
it knows. Then the token: a secret of the session, which only pages of this origin have been told. It goes out masked by
random bits, other ones in each response, so that compression gives nothing of it away (the BREACH attack).

A client that is no browser has no cookies that another could use, but it is not told apart from an old browser: what
such clients call is exempted, by `csrf_exempt` on the view or on what is mounted.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, TypeVar

from salver.handler import (
    DEFAULT_OPTIONS,
    HandlerOptions,
    Middleware,
    options_of,
    responder,
    with_options,
    wraps_handler,
)
from salver.problem import HTTPError
from salver.request import Request
from salver.response import Response

logger = logging.getLogger("salver.app")

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"

_EXEMPT = "csrf_exempt"
_KEY = "_csrf"
_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_BYTES = 32  # of the secret, and of a mask
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_SHOWN = 100  # characters of a field that go into the log
_DETAIL = "This form is too old, or came from another site. Go back, load its page again, and send it once more."

AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])


def csrf_protect(*, trusted_origins: Iterable[str] = ()) -> Middleware:
    """A middleware that answers 403 to a POST, PUT, PATCH, DELETE or the like which does not come from a page of this
    origin. It needs `sessions` around it: `app.use(csrf_protect())`, then `app.use(sessions(…))`.

    The token is read from the field `X-CSRF-Token`, or else from the form field `csrf_token`: put `csrf_field(request)`
    into each form. `trusted_origins`: others whose pages may send requests, if they know a token: "https://app.example".
    Raises ValueError for what is no origin.
    """
    trusted = frozenset(trusted_origins)
    for origin in trusted:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f'{origin!r} is not an origin: like "https://app.example", without a path')

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def protecting(request: Request, **params: Any) -> Response:
            if request.method not in _SAFE and _EXEMPT not in options_of(handler, request).marks:
                check_csrf(request, trusted_origins=trusted)
            return respond(request, **params)

        return protecting

    return wrap


def csrf_exempt(handler: AnyHandler) -> AnyHandler:
    """Decorate a view, below its route's line, or a handler before it is mounted: `csrf_protect` lets requests to it
    pass. For what is called by programs, with credentials of their own. The handler itself is returned."""
    current = getattr(handler, "salver_options", DEFAULT_OPTIONS)
    current = current if isinstance(current, HandlerOptions) else DEFAULT_OPTIONS
    handler.salver_options = with_options(current, marks=current.marks | {_EXEMPT})  # type: ignore[attr-defined]
    return handler


def check_csrf(request: Request, *, trusted_origins: Iterable[str] = ()) -> None:
    """What `csrf_protect` does, for a view that is exempt from it because it reads its form itself (`read_form`).
    Raises `HTTPError` 403, and what `request.form` does."""
    reason = _maybe_foreign(request, trusted_origins) or _maybe_untold(request)
    if reason is not None:
        logger.info("refused %s %r: %s", request.method, request.target.partition("?")[0], reason)
        raise HTTPError(403, _DETAIL)


def csrf_token(request: Request) -> str:
    """The token for a form or a script of the page that answers `request`; another one at every call, all of them good
    for as long as the session. Raises RuntimeError where there are no sessions."""
    session = request.session
    secret = _decoded(session.get(_KEY), _BYTES)
    if secret is None:
        secret = os.urandom(_BYTES)
        session[_KEY] = _encoded(secret)
    mask = os.urandom(_BYTES)
    return _encoded(mask + _xor(mask, secret))


def csrf_field(request: Request) -> Markup:
    """The token as a hidden field, to be put into a form that is sent by POST."""
    return Markup(f'<input type="hidden" name="{FIELD}" value="{escape(csrf_token(request))}">')


def new_csrf_token(request: Request) -> None:
    """Make the tokens that are out invalid: when somebody logs in or out."""
    request.session.pop(_KEY, None)


class Markup(str):
    """HTML that a template does not escape again."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def _maybe_foreign(request: Request, trusted: Iterable[str]) -> str | None:
    """Why the browser says that this comes from elsewhere; None where it does not say so."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if origin is not None and origin in trusted:
        return None
    if site is not None:  # Fetch Metadata §2.3; the browser's own word, and right behind every proxy
        return None if site in ("same-origin", "none") else f"Sec-Fetch-Site is {site[:_SHOWN]!r}"
    if origin is None or origin.lower() == _own_origin(request):
        return None
    return f"Origin is {origin[:_SHOWN]!r}, and not {_own_origin(request)!r}; behind a proxy, use trusted_proxies"


def _own_origin(request: Request) -> str:
    return f"{request.scheme}://{request.host.lower().removesuffix(_DEFAULT_PORTS.get(request.scheme, ' '))}"


def _maybe_untold(request: Request) -> str | None:
    """Why this is not from a page that was told the token; None where it is."""
    secret = _decoded(request.session.get(_KEY), _BYTES)
    if secret is None:
        return "its session has no token"
    told = request.headers.get(HEADER) or request.form.get(FIELD)
    masked = _decoded(told, 2 * _BYTES)
    if masked is None:
        return "there is no token in it" if told is None else "its token is none"
    given = _xor(masked[:_BYTES], masked[_BYTES:])
    return None if hmac.compare_digest(given, secret) else "its token is of another session"


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _decoded(text: object, size: int) -> bytes | None:
    """The `size` bytes that `text` says, None where it says none."""
    if not isinstance(text, str) or len(text) != (size * 8 + 5) // 6:
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
