"""Addresses as people write them, read into a value: `host:port`, `[v6]:port`, `unix:path`, `fd:3`.

Reading resolves nothing and opens nothing; a name is looked up when it is listened on. What cannot be read is answered
with one line that says what to write instead, because it goes to the terminal as it is.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Address", "AddressError", "parse_address", "systemd_addresses"]

_LOOPBACK = "127.0.0.1"
_DIGITS = re.compile(r"[0-9]{1,9}")
# RFC 952 and 1123 names, underscores as people have them, and IPv4 addresses; "*" is every address of the machine.
_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?|\*)?")
_SYSTEMD_FIRST = 3  # sd_listen_fds(3): SD_LISTEN_FDS_START
_SYSTEMD_MOST = 1024
_FORMS = 'write "host:port", "[v6-address]:port", "unix:path" or "fd:number"'


class AddressError(ValueError):
    """Text that is no address; its message is one line that says what to write instead."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. `kind` is "tcp" (then `host`, "" for every address of the machine, and `port`, 0 for any that is
    free), "unix" (then `path`; one that begins with "@" is abstract) or "fd" (then `fd`, an inherited descriptor)."""

    kind: str
    host: str = ""
    port: int = 0
    path: str = ""
    fd: int = -1

    def __str__(self) -> str:
        """As `parse_address` reads it."""
        if self.kind == "unix":
            return f"unix:{self.path}"
        if self.kind == "fd":
            return f"fd:{self.fd}"
        host = f"[{self.host}]" if ":" in self.host else self.host or "*"
        return f"{host}:{self.port}"


def parse_address(text: str, default_port: int = 8000) -> Address:
    """Read an address. Raises AddressError.

    A host alone gets `default_port`; a port alone is on the loopback address; ":port" and "*:port" are on every address
    of the machine, IPv4 and IPv6. An IPv6 address needs its brackets only where a port follows.
    """
    if text.startswith("unix:") or text == "unix":  # a host of that name could not be written with its port
        return _unix(text)
    if text.startswith("fd:") or text == "fd":
        return _descriptor(text)
    if text.startswith("["):
        return _bracketed(text, default_port)
    if text.count(":") > 1:
        return _bare_v6(text, default_port)
    if _DIGITS.fullmatch(text):
        return Address("tcp", _LOOPBACK, _port(text, text))
    host, colon, port = text.partition(":")
    if not text or not _HOST.fullmatch(host):
        raise AddressError(f"{text!r} is no address: {_FORMS}")
    return Address("tcp", "" if host == "*" else host, _port(port, text) if colon else default_port)


def _unix(text: str) -> Address:
    path = text[len("unix:") :]
    if path in ("", "@") or "\0" in path:
        raise AddressError(
            f'{text!r} names no socket: write "unix:/run/name.sock", or "unix:@name" for an abstract one'
        )
    return Address("unix", path=path)


def _descriptor(text: str) -> Address:
    digits = text[len("fd:") :]
    if not _DIGITS.fullmatch(digits):
        raise AddressError(f'{text!r} names no descriptor: write "fd:3" for an inherited socket with the number 3')
    return Address("fd", fd=int(digits))


def _bracketed(text: str, default_port: int) -> Address:
    host, bracket, rest = text[1:].partition("]")
    if not bracket or not _is_v6(host) or (rest and not rest.startswith(":")):
        raise AddressError(f'{text!r} is no address: write an IPv6 address as "[::1]:8000"')
    return Address("tcp", host, _port(rest[1:], text) if rest else default_port)


def _bare_v6(text: str, default_port: int) -> Address:
    if not _is_v6(text):
        raise AddressError(f'{text!r} is no address: write an IPv6 address and its port as "[::1]:8000"')
    return Address("tcp", text, default_port)


def _is_v6(host: str) -> bool:
    address, percent, zone = host.partition("%")  # RFC 4007, 11: fe80::1%eth0
    if percent and not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", zone):
        return False
    try:
        socket.inet_pton(socket.AF_INET6, address)
    except (OSError, ValueError):
        return False
    return True


def _port(digits: str, text: str) -> int:
    if not _DIGITS.fullmatch(digits) or int(digits) > 65_535:
        raise AddressError(f"{text!r} has no valid port: write a number from 0 (any free port) to 65535")
    return int(digits)


def systemd_addresses(environ: Mapping[str, str], pid: int) -> list[Address]:
    """The sockets that systemd passes to process `pid` (sd_listen_fds(3)); empty if it passes none.

    The caller takes LISTEN_PID and LISTEN_FDS out of the environment, so that its children do not believe them.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not _DIGITS.fullmatch(count):
        return []
    return [Address("fd", fd=_SYSTEMD_FIRST + index) for index in range(min(int(count), _SYSTEMD_MOST))]
