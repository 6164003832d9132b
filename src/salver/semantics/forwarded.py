"""What proxies say of the requests that they pass on: the Forwarded field (RFC 7239), and addresses as they write them.

Whether a proxy may be believed is for others to know. Time is linear in the field's length. A Forwarded field that is
malformed anywhere says nothing: where quotes do not match, nobody knows which part came from whom.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"'  # RFC 9110 §5.6.4
# RFC 7239 §4: a pair or nothing, up to what ends it: ";" within a hop, "," or the end behind it. Used with `match`.
_PAIR = re.compile(rf"[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|{_QUOTED}))?[ \t]*([,;]|\Z)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# RFC 7239 §6: node = nodename [ ":" node-port ]; a node-port may hide behind a name of its own ("_x").
_PORT = r"(?::(?:([0-9]{1,5})|_[A-Za-z0-9._-]+))?"
_NODE = re.compile(rf"(?:([0-9.]{{7,15}})|\[([0-9A-Fa-f:.]{{2,45}})\]){_PORT}")
_BARE_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")


class Node(NamedTuple):
    """An IP address, as `ipaddress` writes it, and a port, 0 where none is said."""

    host: str
    port: int


class Hop(NamedTuple):
    """What one proxy says: who sent it the request (None where that is hidden or not readable), and by which scheme
    and for which host, "" where it does not say; these two as they stand there, to be checked by whoever uses them."""

    node: Node | None
    scheme: str
    host: str


def parse_forwarded(value: str) -> list[Hop]:
    """The hops of a Forwarded field, the nearest proxy's last; none where it is malformed or empty."""
    hops: list[Hop] = []
    pairs: dict[str, str] = {}
    at = 0
    while True:
        matched = _PAIR.match(value, at)
        if matched is None:
            return []
        name, token, quoted, end = matched[1], matched[2], matched[3], matched[4]
        if name is not None:
            if name.lower() in pairs:  # §4: each parameter once in a hop
                return []
            pairs[name.lower()] = token if quoted is None else _ESCAPED.sub(r"\1", quoted)
        if end != ";":
            if pairs:
                hops.append(_hop(pairs))
            pairs = {}
        if not end:
            break
        at = matched.end()
    return hops


def _hop(pairs: dict[str, str]) -> Hop:
    return Hop(node_of(pairs.get("for", "")), pairs.get("proto", "").lower(), pairs.get("host", ""))


def node_of(text: str, *, bare: bool = False) -> Node | None:
    """The address that a node identifier says, None for one that is hidden ("unknown", "_x") or malformed. `bare`: IPv6
    may stand without brackets, as in X-Forwarded-For."""
    matched = _NODE.fullmatch(text)
    if matched is not None:
        host, port = matched[1] or matched[2], int(matched[3] or 0)
    elif bare and text.count(":") > 1 and _BARE_IPV6.fullmatch(text):
        host, port = text, 0
    else:
        return None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    bracketed = matched is not None and matched[2] is not None
    if port > 65_535 or bracketed != (address.version == 6 and matched is not None):
        return None
    return Node(str(address), port)
