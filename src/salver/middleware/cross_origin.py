"""Cross-origin resource sharing: which pages of other origins may read the answers (Fetch §3.2).

An origin is compared as a whole with those that were named; it is never repeated because it was sent. Where answers
differ by origin, Vary says so, also on the ones that no origin asked for: a cache must not give one to another. The
browser enforces all of this; a client that is no browser is not kept out by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from salver.handler import Middleware, respond_and_finish, responder, wraps_handler
from salver.problem import problem
from salver.protocol.headers import MutableHeaders
from salver.request import Request
from salver.response import Response
from salver.semantics.negotiation import with_vary

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 6454 §6.2 as browsers write it: lower case, no default port, no path. A "*." before the host is ours.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\*\.)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_LABELS = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def cors(
    *,
    origins: str | Iterable[str],
    credentials: bool = False,
    methods: Sequence[str] = _METHODS,
    headers: Sequence[str] = ("*",),
    expose: Sequence[str] = (),
    max_age: int = 600,
) -> Middleware:
    """A middleware that lets pages of other origins read the answers, and answers their preflights itself. Put it
    around the app: an app answers OPTIONS before a view is asked.

    `origins`: "https://app.example", "https://*.example.org" for every name below it, or "*" alone for all.
    `credentials`: cookies may come along; then origins have to be named. `methods` and `headers` (names, or "*": those
    that are asked for) may be sent; `expose`: names of response fields that scripts may read. `max_age`: seconds that a
    browser may keep the answer to a preflight.

    What the handler itself says of an answer (an Access-Control-Allow-Origin) stands. Raises ValueError for what is no
    origin, and for "*" with credentials.
    """
    policy = _Policy(_Origins((origins,) if isinstance(origins, str) else origins), credentials, expose)
    if credentials and policy.origins.any:
        raise ValueError('credentials for origins "*" would let every page read what a user may; name the origins')
    preflight = _Preflight(policy, methods, headers, max_age)

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def sharing(request: Request, **params: Any) -> Response:
            if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
                return preflight.answer(request)
            return respond_and_finish(respond, request, params, policy.finish)

        return sharing

    return wrap


class _Origins:
    """The origins that were named. Immutable."""

    __slots__ = ("_below", "_exact", "any")

    def __init__(self, origins: Iterable[str]) -> None:
        named = list(origins)
        self.any = "*" in named
        self._exact: set[str] = set()
        self._below: set[tuple[str, str, str]] = set()  # scheme, ".host", ":port"
        for origin in named:
            if origin != "*":
                self._add(origin)
        if not named or (self.any and len(named) > 1):
            raise ValueError(f'origins are some that are named, or "*" alone, not {named!r}')

    def _add(self, origin: str) -> None:
        matched = _ORIGIN.fullmatch(origin)
        if matched is None:
            raise ValueError(f'{origin!r} is not an origin: like "https://app.example:8443", without a path')
        scheme, below, host, port = matched[1], matched[2], matched[3], matched[4] or ""
        if port == _DEFAULT_PORTS.get(scheme):
            raise ValueError(f"{origin!r}: browsers leave the default port out of an origin; leave it out here too")
        if below:
            self._below.add((scheme, "." + host, port))
        else:
            self._exact.add(origin)

    def allow(self, origin: str) -> bool:
        """Is this one of them?"""
        if self.any or origin in self._exact:
            return True
        return bool(self._below) and self._is_below(origin)

    def _is_below(self, origin: str) -> bool:
        matched = _ORIGIN.fullmatch(origin)
        if matched is None or matched[2]:
            return False
        return any(
            matched[1] == scheme
            and (matched[4] or "") == port
            and matched[3].endswith(host)
            and _LABELS.fullmatch(matched[3][: -len(host)])
            for scheme, host, port in self._below
        )


class _Policy:
    """The fields of an answer. Immutable."""

    __slots__ = ("_credentials", "_expose", "origins")

    def __init__(self, origins: _Origins, credentials: bool, expose: Sequence[str]) -> None:
        self.origins = origins
        self._credentials = credentials
        self._expose = ", ".join(_tokens("expose", expose))

    def finish(self, request: Request, headers: MutableHeaders) -> None:
        """Say who may read this answer."""
        if self.allow(request, headers) and self._expose and "access-control-expose-headers" not in headers:
            headers["Access-Control-Expose-Headers"] = self._expose

    def allow(self, request: Request, headers: MutableHeaders) -> bool:
        """Whether the request's origin may read the answer, which is then said in `headers`; Vary is in any case."""
        if not self.origins.any:
            headers["Vary"] = with_vary(headers.get("vary"), "Origin")
        origin = request.headers.get("origin")
        if origin is None or not self.origins.allow(origin) or "access-control-allow-origin" in headers:
            return False
        headers["Access-Control-Allow-Origin"] = "*" if self.origins.any else origin
        if self._credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        return True


class _Preflight:
    """The answer to the question before a request (Fetch §4.8). Immutable."""

    __slots__ = ("_fields", "_headers", "_policy")

    def __init__(self, policy: _Policy, methods: Sequence[str], headers: Sequence[str], max_age: int) -> None:
        if max_age < 0:
            raise ValueError(f"max_age is a number of seconds, not {max_age}")
        self._policy = policy
        allowed = ", ".join(_tokens("methods", methods))
        self._fields = (("Access-Control-Allow-Methods", allowed), ("Access-Control-Max-Age", str(max_age)))
        self._headers = None if "*" in headers else ", ".join(_tokens("headers", headers))

    def answer(self, request: Request) -> Response:
        """204 with what may be sent; 403 for an origin that was not named, which its developers can read."""
        response = Response(b"", 204, self._fields)
        if not self._policy.allow(request, response.headers):
            refused = problem(request, 403, "This origin may not send requests here.")
            if not self._policy.origins.any:
                refused.headers["Vary"] = "Origin"
            return refused
        asked = request.headers.get("access-control-request-headers", "")
        if self._headers is not None:
            response.headers["Access-Control-Allow-Headers"] = self._headers
        elif asked:
            names = [name.strip(" \t") for name in asked.split(",")]
            response.headers["Access-Control-Allow-Headers"] = ", ".join(filter(_TOKEN.fullmatch, names))
        vary = ["Access-Control-Request-Headers"] if self._headers is None else []
        response.headers["Vary"] = with_vary(response.headers.get("vary"), "Access-Control-Request-Method", *vary)
        return response


def _tokens(what: str, names: Sequence[str]) -> list[str]:
    if isinstance(names, str) or not all(_TOKEN.fullmatch(name) for name in names):
        raise ValueError(f"{what} is a sequence of names, not {names!r}")
    return list(names)
