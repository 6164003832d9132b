"""The environment of a script: RFC 3875 §4.1, from an allow-list.

It is built from nothing: the few variables of the server's own that the settings let in, the meta-variables, and the
request's fields. Everything is bytes, so that what came as octets arrives as the same octets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from salver.gateway.cgi_lookup import Script
from salver.gateway.cgi_settings import CGISettings
from salver.gateway.meta_variables import NEVER, remote_address, server_name_and_port, variables_of
from salver.protocol.grammar import HOST
from salver.request import Request

# RFC 3875 §4.1.18: what is the server's own business (the connection, the framing, 100 Continue), and what tells a
# secret meant for the server or a proxy.
_LEFT_OUT = NEVER | frozenset(
    (
        "connection",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_LEFT_OUT_WITH_LOGINS = _LEFT_OUT | {"authorization"}


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
    left_out = _LEFT_OUT if pass_authorization else _LEFT_OUT_WITH_LOGINS
    variables = variables_of(request.headers.fields, left_out)
    return {name.encode("ascii"): value.encode("latin-1") for name, value in variables.items()}
