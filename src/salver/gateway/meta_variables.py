"""What CGI's variables and WSGI's environ say alike (RFC 3875 §4.1): who asks, who is asked, and the request's fields.

A field becomes `HTTP_NAME` only if its name has letters, digits and hyphens alone: "_" would let `X_Forwarded_For` pass
for `X-Forwarded-For`. `Proxy:` never does, for HTTP_PROXY is what HTTP libraries ask for their proxy (CVE-2016-5385).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from salver.request import ClientAddress, Forwarded, Request

_FIELD_NAME = re.compile(r"[A-Za-z0-9-]+")
# §4.1.2 and §4.1.3 give the first two variables of their own.
NEVER = frozenset(("content-length", "content-type", "proxy"))

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def remote_address(client: ClientAddress) -> str:
    """§4.1.8: an address; a peer on a Unix socket is on this machine."""
    return "127.0.0.1" if client.host == "unix:" else client.host


def server_address(request: Request) -> ClientAddress | None:
    """Where the request has been received, which §4.1.15 wants the port of. None on a Unix socket; and where a trusted
    proxy has spoken, for then the client has connected to it, and Host and scheme are what is known of that."""
    exchange = request.apparent_exchange
    if exchange.__class__ is Forwarded:
        return None
    local = exchange.local
    return None if local.host == "unix:" else local


def server_name_and_port(host: str, scheme: str, local: ClientAddress | None) -> tuple[str, str]:
    """§4.1.14 and §4.1.15: named as the client named the server in `host`, a Host field, "" where it did not; with the
    port of `local`, the address that it connected to, and only where that is None with the port that it named."""
    name, _, port = host.rpartition(":") if ":" in host and not host.endswith("]") else (host, "", "")
    if local is None:
        return name or "localhost", port or _DEFAULT_PORTS[scheme]
    return name or (f"[{local.host}]" if ":" in local.host else local.host), str(local.port)


def variables_of(fields: Iterable[tuple[str, str]], left_out: Collection[str]) -> dict[str, str]:
    """The variables that fields become, octets as latin-1; `left_out`: names in lower case, which `NEVER` is a part of.
    Lines of one name are joined, RFC 9110 §5.3, and cookies as RFC 6265 §5.4 has them."""
    found: dict[str, str] = {}
    for name, value in fields:
        lowered = name.lower()
        if lowered in left_out or not _FIELD_NAME.fullmatch(name):
            continue
        variable = "HTTP_" + name.upper().replace("-", "_")
        if variable in found:
            value = found[variable] + ("; " if lowered == "cookie" else ", ") + value
        found[variable] = value
    return found
