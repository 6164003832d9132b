"""Believing the proxies that were named about who is behind them: client address, scheme and host.

A list of addresses is read from its end, where the nearest proxy wrote: as long as an entry is itself a proxy that was
named, the one before it counts. What stands further left anybody may have sent. The same goes for the fields as such:
a proxy that does not set a field passes on what the client sent of that name, so each has to be asked for by name, and
`Forwarded` is never read beside the others. What cannot be read ends the walk, and nothing but addresses as `ipaddress`
writes them, "http" or "https", and hosts that fit the grammar goes on from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from salver.handler import Middleware, responder, wraps_handler
from salver.middleware.networks import Networks
from salver.protocol.grammar import HOST
from salver.request import ClientAddress, Request
from salver.response import Response
from salver.semantics.addresses import maybe_address
from salver.semantics.forwarded import Hop, node_of, parse_forwarded

_FOR, _PROTO, _HOST = "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"
_LONGEST_REMEMBERED = 256  # characters
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
    names = _checked(fields)
    reader = _Reader(names, trusted)

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        @wraps_handler(handler)
        def believing(request: Request, **params: Any) -> Response:
            if trusted.hold(request.exchange.client.host):
                headers = request.headers
                said = reader.read(*[headers.get(name, "") for name in names])
                if said is not None:
                    request.set_forwarded(client=said.client, scheme=said.scheme, host=said.host)
            return respond(request, **params)

        return believing

    return wrap


def _checked(fields: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.lower() for name in fields)
    if not names or not set(names) <= set(_KNOWN) or ("forwarded" in names and len(names) > 1):
        raise ValueError(
            "fields are those that the proxy sets: some of X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host, or "
            f"Forwarded alone, not {fields!r}"
        )
    return names


class _Said(NamedTuple):
    """What is believed; None where nothing is said of it."""

    client: ClientAddress | None
    scheme: str | None
    host: str | None


class _Reader:
    """Reads the values of the fields `names`, in their order, as a trusted peer has sent them. Safe to use from several
    threads. Clients repeat themselves, so what was read of short values is remembered, bounded."""

    __slots__ = ("_names", "_remembered", "_trusted")

    def __init__(self, names: tuple[str, ...], trusted: Networks) -> None:
        self._names = names
        self._trusted = trusted
        self._remembered = lru_cache(1_024)(self._read)

    def read(self, *values: str) -> _Said | None:
        """None where nothing is said."""
        return self._remembered(*values) if sum(map(len, values)) <= _LONGEST_REMEMBERED else self._read(*values)

    def _read(self, *values: str) -> _Said | None:
        if self._names == ("forwarded",):
            return self._walk(parse_forwarded(values[0]))
        return self._walk(_hops_of(dict(zip(self._names, values, strict=True))))

    def _walk(self, hops: list[Hop]) -> _Said | None:
        client, said = None, None
        for hop in reversed(hops):
            said = hop  # by a proxy that was named
            if hop.node is None:
                break
            client = hop.node
            if not self._trusted.hold(client.host):
                break
        if said is None:
            return None
        return _Said(
            None if client is None else ClientAddress(str(maybe_address(client.host)), client.port),
            said.scheme if said.scheme in ("http", "https") else None,
            said.host if said.host and HOST.fullmatch(said.host.encode("latin-1")) else None,
        )


def _hops_of(values: dict[str, str]) -> list[Hop]:
    """The X- fields as hops. Lists of the same length belong together; of another one, the last entry is the nearest
    proxy's, and true of every hop."""
    nodes, schemes, hosts = (_members(values.get(name, "")) for name in (_FOR, _PROTO, _HOST))
    count = max(len(nodes), 1)

    def at(members: list[str], index: int) -> str:
        return "" if not members else members[index if len(members) == count else -1]

    return [
        Hop(node_of(nodes[index], bare=True) if nodes else None, at(schemes, index).lower(), at(hosts, index))
        for index in range(count)
    ]


def _members(value: str) -> list[str]:
    return [member for each in value.split(",") if (member := each.strip(" \t"))]
