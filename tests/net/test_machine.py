"""The machine's own addresses: there, of the right family, and quick."""

from __future__ import annotations

import fcntl
import socket

import pytest

from salver.net.machine import own_addresses


@pytest.mark.parametrize(("family", "loopback"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_they_begin_with_loopback_and_are_addresses(family: socket.AddressFamily, loopback: str) -> None:
    addresses = own_addresses(family)
    assert addresses[0] == loopback
    assert len(set(addresses)) == len(addresses)
    for address in addresses:
        socket.inet_pton(family, address.partition("%")[0])


def test_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a name server was asked")

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getfqdn"):
        monkeypatch.setattr(socket, name, asked)
    own_addresses(socket.AF_INET)
    own_addresses(socket.AF_INET6)


def test_where_nothing_can_be_found_out_loopback_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert own_addresses(socket.AF_INET) == ["127.0.0.1"]
    monkeypatch.setattr(socket, "if_nameindex", refuse)
    assert own_addresses(socket.AF_INET) == ["127.0.0.1"]
