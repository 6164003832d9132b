"""What CGI's variables and WSGI's environ say alike of who asks and who is asked (RFC 3875 §4.1)."""

from __future__ import annotations

from salver.request import ClientAddress

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
