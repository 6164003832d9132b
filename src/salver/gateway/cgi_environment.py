"""The environment of a script: RFC 3875 §4.1, from an allow-list.

It is built from nothing: the few variables of the server's own that the settings let in, the meta-variables, and the
request's fields. Everything is bytes, so that what came as octets arrives as the same octets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from salver.gateway.cgi_lookup import Script
from salver.gateway.cgi_settings import CGISettings
from salver.gateway.meta_variables import (
    NEVER,
    remote_address,
    server_address,
    server_name_and_port,
    variables_of,
)
from salver.protocol.grammar import HOST
from salver.request import ClientAddress, Forwarded, Request

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


# What is kept on a section: (maker, client, said, environment). `said` is what a trusted proxy has said, scheme and
# host, None where none has: all of a connection's requests have the same then.
_Kept = tuple["EnvironmentMaker", ClientAddress, tuple[str, str] | None, dict[bytes, bytes]]


class EnvironmentMaker:
    """Makes the environments of the scripts that run with the same settings. Safe to use from several threads: what is
    kept is never changed.

    What is had of the server's own environment is had once, when the first script is run. What a header section and its
    connection say is kept on the section, for a client that keeps its connection repeats it.
    """

    __slots__ = ("_last", "_settings")

    def __init__(self, settings: CGISettings) -> None:
        self._settings = settings
        self._last: dict[bytes, bytes] | None = None

    def make(self, request: Request, script: Script, length: int | None) -> dict[bytes, bytes]:
        """The whole environment; `length` of the body in bytes, None where there is none. The caller's own."""
        found = self._of_the_section(request).copy()
        for name, value in _of_the_line(request, script).items():
            found[name] = value.encode("utf-8", "surrogateescape")
        if length is not None:
            found[b"CONTENT_LENGTH"] = b"%d" % length
            found[b"CONTENT_TYPE"] = request.headers.get("content-type", "").encode("latin-1")
        root = self._settings.document_root or os.path.dirname(script.path)
        found[b"DOCUMENT_ROOT"] = os.fsencode(root)
        if script.info:  # §4.1.6
            found[b"PATH_TRANSLATED"] = os.fsencode(root.rstrip("/") + script.info)
        for variable, text in script.environment.items():
            found[os.fsencode(variable)] = os.fsencode(text)
        if self._last is None:
            self._last = _of_the_settings(self._settings, os.environb)
        found.update(self._last)
        return found

    def _of_the_section(self, request: Request) -> dict[bytes, bytes]:
        section, exchange = request.head.section, request.apparent_exchange
        client = exchange.client
        said = None if exchange.__class__ is not Forwarded else (request.scheme, request.host)
        kept: _Kept | None = section.environ  # type: ignore[assignment]  # its own maker's, or another gateway's
        if kept is not None and kept[0] is self and kept[2] == said and (kept[1] is client or kept[1] == client):
            return kept[3]
        found = _from_fields(request, self._settings.pass_authorization)
        for name, value in _of_the_connection(request, client).items():
            found[name] = value.encode("utf-8", "surrogateescape")
        found[b"SERVER_SOFTWARE"] = os.fsencode(self._settings.server_software)
        section.environ = (self, client, said, found)
        return found


def _of_the_settings(settings: CGISettings, own: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """What has the last word."""
    found: dict[bytes, bytes] = {}
    for name in settings.inherit:
        encoded = os.fsencode(name)
        value = own.get(encoded)
        if value is not None:
            found[encoded] = value
    found.setdefault(b"PATH", os.fsencode(os.defpath))
    for name, text in settings.environment.items():
        found[os.fsencode(name)] = os.fsencode(text)
    return found


def _of_the_connection(request: Request, peer: ClientAddress) -> dict[bytes, str]:
    host = request.host if HOST.fullmatch(request.host.encode("ascii")) else ""
    local = server_address(request)
    name, port = server_name_and_port(host, request.scheme, local)
    address = remote_address(peer)
    found = {
        b"GATEWAY_INTERFACE": "CGI/1.1",
        b"SERVER_NAME": name,
        b"SERVER_PORT": port,
        b"SERVER_PROTOCOL": request.version,
        b"REMOTE_ADDR": address,
        b"REMOTE_HOST": address,  # §4.1.9: the address where the name is not known; no name is looked up here
        b"REMOTE_PORT": str(peer.port),
        # Not of the RFC, but of every server since Apache, and asked for by PHP and others.
        b"REQUEST_SCHEME": request.scheme,
        b"REDIRECT_STATUS": "200",
    }
    if local is not None:
        found[b"SERVER_ADDR"] = local.host
    if request.scheme == "https":
        found[b"HTTPS"] = "on"
    return found


def _of_the_line(request: Request, script: Script) -> dict[bytes, str]:
    return {
        b"REQUEST_METHOD": request.method,
        b"SCRIPT_NAME": script.name,
        b"PATH_INFO": script.info,
        b"QUERY_STRING": request.query_string,
        b"REQUEST_URI": request.target,
        b"SCRIPT_FILENAME": script.path,
    }


def _from_fields(request: Request, pass_authorization: bool) -> dict[bytes, bytes]:
    left_out = _LEFT_OUT if pass_authorization else _LEFT_OUT_WITH_LOGINS
    variables = variables_of(request.headers.fields, left_out)
    return {name.encode("ascii"): value.encode("latin-1") for name, value in variables.items()}
