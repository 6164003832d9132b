"""Fields that tell a browser to be careful with the answers: `security_headers()(handler)`.

The defaults are for pages that stand on their own: nothing of theirs comes from elsewhere, nobody puts them in a
frame. A field that the handler has set stands as it is. Strict-Transport-Security goes out on https alone (RFC 6797
§7.2) and never for "localhost", where it would reach every other program on that name.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from typing import Any

from salver.handler import Middleware, respond_and_finish, responder, wraps_handler
from salver.protocol.headers import MutableHeaders
from salver.protocol.writer import encode_field
from salver.request import Request
from salver.response import Response
from salver.semantics.addresses import is_loopback_name

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
NONCE = "csp_nonce"  # where a request's nonce is found among its attributes
_YEAR = 31_536_000  # seconds


def security_headers(
    *,
    content_security_policy: str | None = CONTENT_SECURITY_POLICY,
    report_only: bool = False,
    frame_options: str | None = "DENY",
    referrer_policy: str | None = "same-origin",
    permissions_policy: str | None = PERMISSIONS_POLICY,
    hsts_seconds: int | None = _YEAR,
    hsts_subdomains: bool = False,
    others: Mapping[str, str | None] | None = None,
) -> Middleware:
    """A middleware that adds protective fields to every answer that has none of that name. None leaves one out.

    `content_security_policy`: where "{nonce}" stands in it, each request gets 128 random bits of its own, which its
    handler finds as `request.attributes["csp_nonce"]`; `report_only` tries a policy out without enforcing it.
    `hsts_seconds`: how long a browser that came by https comes by nothing else; `hsts_subdomains`: and for every name
    below. `others`: more fields, or other values for X-Content-Type-Options ("nosniff"), Cross-Origin-Opener-Policy
    and Cross-Origin-Resource-Policy ("same-origin").

    Raises `LocalProtocolError` for what is no field.
    """
    csp = "Content-Security-Policy" + ("-Report-Only" if report_only else "")
    fields: dict[str, str | None] = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": frame_options,
        "Referrer-Policy": referrer_policy,
        "Permissions-Policy": permissions_policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        csp: content_security_policy,
        **(others or {}),
    }
    hsts = None if hsts_seconds is None else f"max-age={hsts_seconds}" + "; includeSubDomains" * hsts_subdomains
    finisher = _Finisher({name: value for name, value in fields.items() if value is not None}, hsts)

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def protecting(request: Request, **params: Any) -> Response:
            if finisher.has_nonce:
                request.attributes[NONCE] = base64.urlsafe_b64encode(os.urandom(16)).decode("ascii")
            return respond_and_finish(respond, request, params, finisher.finish)

        return protecting

    return wrap


class _Finisher:
    """The fields that are added. Immutable."""

    __slots__ = ("_fields", "_hsts", "has_nonce")

    def __init__(self, fields: Mapping[str, str], hsts: str | None) -> None:
        for name, value in fields.items():
            encode_field(name, value)
        self._fields = [(name, name.lower(), value, "{nonce}" in value) for name, value in fields.items()]
        self._hsts = hsts
        self.has_nonce = any(varies for *_, varies in self._fields)

    def finish(self, request: Request, headers: MutableHeaders) -> None:
        """Add what is not there."""
        present = {name.lower() for name, _ in headers.fields}
        for name, lowered, value, varies in self._fields:
            if lowered not in present:
                headers.add(name, value.replace("{nonce}", request.attributes[NONCE]) if varies else value)
        hsts = self._hsts
        if hsts is not None and "strict-transport-security" not in present and _may_insist(request):
            headers.add("Strict-Transport-Security", hsts)


def _may_insist(request: Request) -> bool:
    if request.scheme != "https":
        return False
    return not is_loopback_name(request.host.partition(":")[0].rstrip("."))
