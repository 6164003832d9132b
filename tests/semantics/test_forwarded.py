"""Forwarded and the addresses in it: to the letter of RFC 7239, in linear time."""

from __future__ import annotations

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.forwarded import Hop, Node, node_of, parse_forwarded


@pytest.mark.parametrize(
    ("value", "hops"),
    [
        ("", []),
        ("for=192.0.2.43", [Hop(Node("192.0.2.43", 0), "", "")]),
        ("For=192.0.2.43;PROTO=HTTPS", [Hop(Node("192.0.2.43", 0), "https", "")]),
        ('for="[2001:db8:cafe::17]:4711"', [Hop(Node("2001:db8:cafe::17", 4711), "", "")]),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", [Hop(Node("192.0.2.60", 0), "http", "")]),
        ("for=192.0.2.43, for=unknown", [Hop(Node("192.0.2.43", 0), "", ""), Hop(None, "", "")]),
        ('proto=https;host="a.example:8443"', [Hop(None, "https", "a.example:8443")]),
        ('for=_x , ,;, for="192.0.2.1:80" ;proto=https', [Hop(None, "", ""), Hop(Node("192.0.2.1", 80), "https", "")]),
        ('host="a\\"b"', [Hop(None, "", 'a"b')]),
        ('for="a, for=10.0.0.1"', [Hop(None, "", "")]),
        # malformed anywhere: nothing
        ('for="a, for=10.0.0.1', []),
        ("for=192.0.2.43;for=10.0.0.1", []),
        ("for=192.0.2.43 for=10.0.0.1", []),
        ("for = 192.0.2.43", []),
        ("for=[2001:db8::1]", []),
        ("for=192.0.2.43, =x", []),
        ("for=192.0.2.43, for=10.0.0.1:80", []),
        ("for=192.0.2.43\x00", []),
    ],
)
def test_hops(value: str, hops: list[Hop]) -> None:
    assert parse_forwarded(value) == hops


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("192.0.2.1", Node("192.0.2.1", 0)),
        ("192.0.2.1:65535", Node("192.0.2.1", 65535)),
        ("192.0.2.1:_hidden", Node("192.0.2.1", 0)),
        ("[::1]:80", Node("::1", 80)),
        ("[2001:DB8:0::1]", Node("2001:db8::1", 0)),
        ("192.0.2.1:65536", None),
        ("192.0.2.1:", None),
        ("192.0.2.01", None),
        ("192.0.2.256", None),
        ("192.0.2.1\n", None),
        ("[192.0.2.1]", None),
        ("[::1", None),
        ("[fe80::1%eth0]", None),
        ("٣.0.2.1", None),
        ("::1", None),
        ("unknown", None),
        ("_x", None),
        ("", None),
    ],
)
def test_nodes(text: str, node: Node | None) -> None:
    assert node_of(text) == node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("::1", Node("::1", 0)),
        ("2001:db8::1", Node("2001:db8::1", 0)),
        ("192.0.2.1", Node("192.0.2.1", 0)),
        ("1:2", None),
        (":::", None),
    ],
)
def test_bare_nodes(text: str, node: Node | None) -> None:
    assert node_of(text, bare=True) == node


@given(st.text(max_size=200))
def test_anything_can_be_read(value: str) -> None:
    for hop in parse_forwarded(value):
        if hop.node is not None:
            assert str(ipaddress.ip_address(hop.node.host)) == hop.node.host and 0 <= hop.node.port <= 65_535


@given(st.lists(st.tuples(st.ip_addresses(), st.integers(1, 65_535), st.sampled_from(["http", "https"])), min_size=1))
def test_what_proxies_write_is_read(hops: list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int, str]]) -> None:
    written = ", ".join(
        f'for="{f"[{address}]" if address.version == 6 else address}:{port}";proto={scheme}'
        for address, port, scheme in hops
    )
    assert parse_forwarded(written) == [Hop(Node(str(address), port), scheme, "") for address, port, scheme in hops]


@pytest.mark.parametrize(
    "value", ['for="' + "\\" * 32_000, "for=" + "a" * 32_000 + '"', "for=a," * 6_000, ";" * 32_000]
)
def test_time_is_linear(value: str) -> None:
    began = time.thread_time()
    parse_forwarded(value)
    assert time.thread_time() - began < 0.5
