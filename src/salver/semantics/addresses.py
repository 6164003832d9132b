"""Hosts as they are written: which are IP addresses, and which are this computer.

Two questions that are easily taken for one. A peer's address cannot be another computer's when it is a loopback one:
the kernel takes such packets from nowhere else. A name ("localhost") says only whom the client meant to ask, and a
Host field is whatever it has sent. A Unix socket has no address at all: who comes by one is often a proxy that speaks
for the world, so whoever counts it as this computer has to say so.

What is read in more than one way (`127.1`, `0x7f.0.0.1`, a zone behind ::1) is no loopback address here.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Union

IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# RFC 6761 §6.3: the name, and every name below it; and as names are written, in ASCII, without the dot of the root.
_LOOPBACK_NAME = re.compile(r"(?:[a-z0-9_-]+\.)*localhost", re.IGNORECASE | re.ASCII)
# RFC 3986 §3.2.2 and §3.2.3, of a host that may be one of the loopback.
_HOST_AND_PORT = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::[0-9]*)?", re.IGNORECASE | re.ASCII)


def maybe_address(host: str) -> IPAddress | None:
    """The IP address that `host` is, None where it is none; without a zone, and IPv4 where it is mapped (RFC 4291
    §2.5.5.2)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def is_loopback(host: str) -> bool:
    """Is `host`, as a peer's address or a URL has it, an address of the loopback: 127.0.0.0/8, also as IPv6 has it, or
    ::1? No name is, nor is a Unix socket, nor an address with a zone."""
    address = None if "%" in host else maybe_address(host)
    return address is not None and address.is_loopback


def is_loopback_name(name: str) -> bool:
    """Is `name`, which has no port, "localhost" or a name below it?"""
    return _LOOPBACK_NAME.fullmatch(name) is not None


def is_loopback_host(host: str) -> bool:
    """Is `host`, of a URL and without brackets, a name or an address of the loopback?"""
    return is_loopback_name(host) or is_loopback(host)


def is_loopback_authority(authority: str) -> bool:
    """Does a Host field, with or without a port, name this computer: by a name or an address of the loopback? A page
    elsewhere cannot have such a name lead here and be its own (DNS rebinding)."""
    matched = _HOST_AND_PORT.fullmatch(authority)
    if matched is None:
        return False
    literal, name = matched.groups()
    if literal is not None:
        return ":" in literal and is_loopback(literal)
    return is_loopback_host(name)
