"""What is an address, and what is this computer: every case in which two readers could differ."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.addresses import (
    is_loopback,
    is_loopback_authority,
    is_loopback_host,
    is_loopback_name,
    maybe_address,
)

LOOPBACK = (
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",  # a peer of a socket that listens on both families
    "::FFFF:127.9.9.9",
    "::ffff:7f00:1",
)
NOT_LOOPBACK = (
    "128.0.0.1",
    "126.255.255.255",
    "0.0.0.0",
    "::",
    "::2",
    "fe80::1",
    "fe80::1%lo",
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",  # RFC 4291 §2.5.5.1: "IPv4-compatible", and deprecated
    "64:ff9b::7f00:1",  # RFC 6052: whatever the translator makes of it
    # A zone belongs to an address of one link.
    "::1%lo",
    "::1%25lo",
    "::ffff:127.0.0.1%1",
    # What some resolvers take for an address, and others for a name.
    "127.1",
    "127.",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.01",
    "2130706433",
    # What begins like one.
    "127.0.0.1.evil.example",
    "127.evil.example",
    "::ffff:127.evil.example",
    "127.0.0.1:80",
    "127.0.0.1\n",
    " 127.0.0.1",
    "[::1]",
    "localhost",
    "unix:",
    "unix:/run/x.sock",
    "",
)


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback(host: str) -> None:
    assert is_loopback(host) and is_loopback_host(host)


@pytest.mark.parametrize("host", NOT_LOOPBACK)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@given(st.ip_addresses())
def test_as_the_standard_library_says(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert is_loopback(str(address)) == (mapped or address).is_loopback


@given(st.text(max_size=20))
def test_any_text_has_an_answer(text: str) -> None:
    for ask in (is_loopback, is_loopback_name, is_loopback_authority):
        assert ask(text) in (True, False)


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "app.localhost", "a.b-c.localhost", "x_y.localhost"])
def test_loopback_names(name: str) -> None:
    assert is_loopback_name(name) and is_loopback_host(name)
    assert is_loopback_authority(name) and is_loopback_authority(f"{name}:8000")


NOT_NAMES = (
    "",
    "localhost.",  # it goes through the resolver like any other
    "localhost..",
    ".localhost",
    "a..localhost",
    "xlocalhost",
    "localhost.evil.example",
    "localhost@evil.example",
    "evil.example@localhost",
    "evil.example/.localhost",
    "evil.example:80.localhost",
    "a b.localhost",
    "localhost\n",
    "\u00fc.localhost",
    "localho\u017ft",  # a long s, which is an s where case is not looked at
)


@pytest.mark.parametrize("name", NOT_NAMES)
def test_no_loopback_names(name: str) -> None:
    assert not is_loopback_name(name) and not is_loopback_host(name)
    assert not is_loopback_authority(name) and not is_loopback_authority(f"{name}:80")


@pytest.mark.parametrize("host", LOOPBACK)
def test_authorities_with_addresses(host: str) -> None:
    written = f"[{host}]" if ":" in host else host
    for authority in (written, f"{written}:", f"{written}:8000"):
        assert is_loopback_authority(authority)


@pytest.mark.parametrize("host", [each for each in NOT_LOOPBACK if each not in ("localhost", "[::1]", "127.0.0.1:80")])
def test_authorities_with_other_addresses(host: str) -> None:
    written = f"[{host}]" if ":" in host else host
    for authority in (written, f"{written}:", f"{written}:8000"):
        assert not is_loopback_authority(authority)


@pytest.mark.parametrize(
    "authority",
    ["::1", "[127.0.0.1]", "[localhost]", "[::1", "::1]", "[::1]x", "[::1]:80:80", "localhost:x", "localhost:80:80"],
)
def test_malformed_authorities(authority: str) -> None:
    assert not is_loopback_authority(authority)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::5", "2001:db8::5"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7%2", "192.0.2.7"),
        ("unix:", None),
        ("example.org", None),
        ("", None),
        ("%eth0", None),
    ],
)
def test_addresses(host: str, address: str | None) -> None:
    found = maybe_address(host)
    assert (None if found is None else str(found)) == address
