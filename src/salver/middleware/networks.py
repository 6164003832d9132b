"""Which peers belong to networks that were named: "10.0.0.0/8", "2001:db8::/32", "192.0.2.7", and "unix:" for whoever
comes by a Unix socket. An IPv4 address inside an IPv6 one (RFC 4291 §2.5.5.2) counts as what it is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Union

from salver.semantics.addresses import maybe_address

UNIX = "unix:"

_IPV6_CLIENT = 64  # bits: what one client is given, and can take any address of

IPNetwork = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def client_network(host: str) -> str:
    """What counts as one client, of a peer's address: IPv4 whole, IPv6 by its /64, the host as it is where it is
    neither."""
    if ":" not in host:
        return host
    address = maybe_address(host)
    if not isinstance(address, ipaddress.IPv6Address):
        return host if address is None else str(address)
    return f"{ipaddress.IPv6Address(int(address) >> _IPV6_CLIENT << _IPV6_CLIENT)}/{_IPV6_CLIENT}"


class Networks:
    """The networks that were named. Immutable, and safe to share between threads."""

    __slots__ = ("_networks", "_unix", "empty", "hold")

    def __init__(self, networks: Iterable[str]) -> None:
        """Raises ValueError for what is no network, and for a network with bits behind its mask."""
        if isinstance(networks, str):
            raise ValueError(f"networks is a sequence: [{networks!r}]")
        named = list(networks)
        self.empty = not named
        self._unix = UNIX in named
        self._networks = [_network(each) for each in named if each != UNIX]
        # hold(host): is a peer with this address in one of them? Proxies are few, and asked about at every request.
        self.hold = lru_cache(1_024)(self._hold)

    def _hold(self, host: str) -> bool:
        if host == UNIX:
            return self._unix
        address = maybe_address(host)
        return address is not None and any(address in each for each in self._networks)


def _network(text: str) -> IPNetwork:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f'{error}; a network is like "10.0.0.0/8", "2001:db8::/32", "192.0.2.7", or "unix:"') from None
