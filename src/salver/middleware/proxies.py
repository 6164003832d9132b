"""Believing the proxies that were named about who is behind them: client address, scheme and host.

A list of addresses is read from its end, where the nearest proxy wrote: as long as an entry is itself a proxy that was
named, the one before it counts. What stands further left anybody may have sent. The same goes for the fields as such:
a proxy that does not set a field passes on what the client sent of that name, so each has to be asked for by name, and
`Forwarded` is never read beside the others. What cannot be read ends the walk, and nothing but addresses as `ipaddress`
writes them, "http" or "https", and hosts that fit the grammar goes on from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from salver.handler import Middleware, responder, wraps_handler
from salver.middleware.networks import Networks, maybe_address
from salver.protocol.grammar import HOST
from salver.request import ClientAddress, Request
from salver.response import Response
from salver.semantics.forwarded import Hop, node_of, parse_forwarded

_FOR, _PROTO, _HOST = "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"
_KNOWN = ("forwarded", _FOR, _PROTO, _HOST)


def trusted_proxies(
    networks: Iterable[str], *, fields: Sequence[str] = ("X-Forwarded-For", "X-Forwarded-Proto")
) -> Middleware:
    """A middleware that takes `request.client`, `scheme` and `host` from what proxies in `networks` say ("10.0.0.0/8",
    "192.0.2.7", "unix:" for peers of a Unix socket), and from nobody else. Put it around everything else.

    `fields`: those that the proxy sets itself, whatever the client sent: some of "X-Forwarded-For",
    "X-Forwarded-Proto" and "X-Forwarded-Host", or "Forwarded" (RFC 7239) alone. Raises ValueError for what is no
    network, and for fields that do not go together.
    """
    trusted = Networks(networks)
    if trusted.empty:
        raise ValueError('no proxy is named: trusted_proxies(["10.0.0.0/8"]), or ["unix:"] for a Unix socket')
    read = _reader(fields)

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def believing(request: Request, **params: Any) -> Response:
            if trusted.hold(request.exchange.client.host):
                _believe(request, read(request), trusted)
            return respond(request, **params)

        return believing

    return wrap


def _reader(fields: Sequence[str]) -> Callable[[Request], list[Hop]]:
    names = () if isinstance(fields, str) else tuple(name.lower() for name in fields)
    if not names or not set(names) <= set(_KNOWN) or ("forwarded" in names and len(names) > 1):
        raise ValueError(
            "fields are those that the proxy sets: some of X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host, or "
            f"Forwarded alone, not {fields!r}"
        )
    if names == ("forwarded",):
        return lambda request: parse_forwarded(request.headers.get("forwarded", ""))
    return lambda request: _hops_of(request, names)


def _hops_of(request: Request, names: tuple[str, ...]) -> list[Hop]:
    """The X- fields as hops. Lists of the same length belong together; of another one, the last entry is the nearest
    proxy's, and true of every hop."""
    nodes, schemes, hosts = (_list(request, name) if name in names else [] for name in (_FOR, _PROTO, _HOST))
    count = max(len(nodes), 1)

    def at(values: list[str], index: int) -> str:
        return "" if not values else values[index if len(values) == count else -1]

    return [
        Hop(node_of(nodes[index], bare=True) if nodes else None, at(schemes, index).lower(), at(hosts, index))
        for index in range(count)
    ]


def _list(request: Request, name: str) -> list[str]:
    members = [member.strip(" \t") for member in request.headers.get(name, "").split(",")]
    return [member for member in members if member]


def _believe(request: Request, hops: list[Hop], trusted: Networks) -> None:
    client, said = None, None
    for hop in reversed(hops):
        said = hop  # by a proxy that was named
        if hop.node is None:
            break
        client = hop.node
        if not trusted.hold(client.host):
            break
    if said is None:
        return
    request.set_forwarded(
        client=None if client is None else ClientAddress(str(maybe_address(client.host)), client.port),
        scheme=said.scheme if said.scheme in ("http", "https") else None,
        host=said.host if said.host and HOST.fullmatch(said.host.encode("latin-1")) else None,
    )
