"""What CGI's variables and WSGI's environ say alike (RFC 3875 §4.1): who asks, who is asked, and the request's fields.

A field becomes `HTTP_NAME` only if its name has letters, digits and hyphens alone: "_" would let `X_Forwarded_For` pass
for `X-Forwarded-For`. `Proxy:` never does, for HTTP_PROXY is what HTTP libraries ask for their proxy (CVE-2016-5385).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from salver.request import ClientAddress

_FIELD_NAME = re.compile(r"[A-Za-z0-9-]+")
# §4.1.2 and §4.1.3 give the first two variables of their own.
NEVER = frozenset(("content-length", "content-type", "proxy"))

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def remote_address(client: ClientAddress) -> str:
    """§4.1.8: an address; a peer on a Unix socket is on this machine."""
    return "127.0.0.1" if client.host == "unix:" else client.host


def server_name_and_port(host: str, scheme: str) -> tuple[str, str]:
    """§4.1.14 and §4.1.15: as the client named the server in `host`, a Host field; "" where it did not."""
    if not host:
        return "localhost", _DEFAULT_PORTS[scheme]
    if host.endswith("]"):
        return host, _DEFAULT_PORTS[scheme]
    name, _, port = host.rpartition(":") if ":" in host else (host, "", "")
    return name, port or _DEFAULT_PORTS[scheme]


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
