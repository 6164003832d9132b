"""The environment of a script: RFC 3875 §4.1, from an allow-list.

It is built from nothing: the few variables of the server's own that the settings let in, the meta-variables, and the
request's fields. A field becomes `HTTP_NAME` only if its name has letters, digits and hyphens alone: "_" would let
`X_Forwarded_For` pass for `X-Forwarded-For`. `Proxy:` never does, for HTTP_PROXY is what HTTP libraries ask for their
proxy (CVE-2016-5385). Everything is bytes, so that what came as octets arrives as the same octets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from salver.gateway.cgi_lookup import Script
from salver.gateway.cgi_settings import CGISettings
from salver.gateway.meta_variables import remote_address, server_name_and_port
from salver.protocol.grammar import HOST
from salver.request import Request

_FIELD_NAME = re.compile(r"[A-Za-z0-9-]+")
# RFC 3875 §4.1.18: what is the server's own business (the connection, the framing, 100 Continue), what has a variable
# already, and what tells a secret meant for the server or a proxy.
_LEFT_OUT = frozenset(
    (
        "connection",
        "content-length",
        "content-type",
        "expect",
        "keep-alive",
        "proxy",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def build_environment(
    request: Request, script: Script, settings: CGISettings, length: int | None
) -> dict[bytes, bytes]:
    """The whole environment; `length` of the body in bytes, None where there is none. The caller's own."""
    found = _from_fields(request, settings.pass_authorization)
    for name, value in _meta_variables(request, script).items():
        found[name] = value.encode("utf-8", "surrogateescape")
    if length is not None:
        found[b"CONTENT_LENGTH"] = b"%d" % length
        found[b"CONTENT_TYPE"] = request.headers.get("content-type", "").encode("latin-1")
    root = settings.document_root or os.path.dirname(script.path)
    found[b"SERVER_SOFTWARE"] = os.fsencode(settings.server_software)
    found[b"DOCUMENT_ROOT"] = os.fsencode(root)
    if script.info:  # §4.1.6
        found[b"PATH_TRANSLATED"] = os.fsencode(root.rstrip("/") + script.info)
    for variable, text in script.environment.items():
        found[os.fsencode(variable)] = os.fsencode(text)
    _add_settings(found, settings, os.environb)
    return found


def _add_settings(found: dict[bytes, bytes], settings: CGISettings, own: Mapping[bytes, bytes]) -> None:
    for name in settings.inherit:
        encoded = os.fsencode(name)
        value = own.get(encoded)
        if value is not None:
            found[encoded] = value
    found.setdefault(b"PATH", os.fsencode(os.defpath))
    for name, text in settings.environment.items():
        found[os.fsencode(name)] = os.fsencode(text)


def _meta_variables(request: Request, script: Script) -> dict[bytes, str]:
    host = request.host if HOST.fullmatch(request.host.encode("ascii")) else ""
    name, port = server_name_and_port(host, request.scheme)
    peer = request.client
    address = remote_address(peer)
    found = {
        b"GATEWAY_INTERFACE": "CGI/1.1",
        b"SERVER_NAME": name,
        b"SERVER_PORT": port,
        b"SERVER_PROTOCOL": request.version,
        b"REQUEST_METHOD": request.method,
        b"SCRIPT_NAME": script.name,
        b"PATH_INFO": script.info,
        b"QUERY_STRING": request.query_string,
        b"REMOTE_ADDR": address,
        b"REMOTE_HOST": address,  # §4.1.9: the address where the name is not known; no name is looked up here
        b"REMOTE_PORT": str(peer.port),
        # Not of the RFC, but of every server since Apache, and asked for by PHP and others.
        b"REQUEST_URI": request.target,
        b"REQUEST_SCHEME": request.scheme,
        b"SCRIPT_FILENAME": script.path,
        b"REDIRECT_STATUS": "200",
    }
    if request.scheme == "https":
        found[b"HTTPS"] = "on"
    return found


def _from_fields(request: Request, pass_authorization: bool) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in request.headers.fields:
        lowered = name.lower()
        if lowered in _LEFT_OUT or not _FIELD_NAME.fullmatch(name):
            continue
        if lowered == "authorization" and not pass_authorization:
            continue
        variable = b"HTTP_" + lowered.upper().replace("-", "_").encode("ascii")
        octets = value.encode("latin-1")
        if variable in found:  # RFC 9110 §5.3; cookies are joined as RFC 6265 §5.4 has them
            octets = found[variable] + (b"; " if lowered == "cookie" else b", ") + octets
        found[variable] = octets
    return found
