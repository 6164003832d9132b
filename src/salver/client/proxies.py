"""Proxies: which one a URL goes by. The way through it is in `tunnels`.

Where nothing is given, the environment decides as it does for curl: `http_proxy` in small letters alone (under CGI, a
client can set the other), `https_proxy`, `all_proxy`, and `no_proxy` for what goes direct.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from salver.client.auth import basic_credentials
from salver.client.cookies import is_address, is_below
from salver.client.errors import InvalidRequest
from salver.client.url import URL, Origin, parse_url

_SOCKS = frozenset(("socks4", "socks4a", "socks5", "socks5h"))
_SCHEMES = _SOCKS | {"http", "https"}

ProxyLike = Union[str, Mapping[str, str], bool, None]


@dataclass(frozen=True, slots=True)
class ProxyURL:
    """`scheme` is http, https (TLS to the proxy itself), socks4, socks4a, socks5 or socks5h (with the last letter, the
    name is looked up by the proxy). `user` and `password` are decoded."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> ProxyURL:
        """From `scheme://user:password@host:port`; a host and port alone are an HTTP proxy. Raises `InvalidRequest`,
        without what may be a password."""
        scheme, separator, rest = text.partition("://")
        if not separator:
            scheme, rest = "http", text
        scheme = scheme.lower()
        if scheme not in _SCHEMES:
            raise InvalidRequest(f"a proxy is {', '.join(sorted(_SCHEMES))}, not {scheme}://")
        try:
            url = parse_url(f"{'https' if scheme == 'https' else 'http'}://{rest}")
        except InvalidRequest:
            shown = rest.rpartition("@")[2]
            raise InvalidRequest(f"{shown!r} is no proxy; write it as {scheme}://host:port") from None
        port = url.origin.port
        if scheme in _SOCKS and ":" not in rest.rpartition("@")[2].rpartition("]")[2]:
            port = 1080
        proxy = cls(scheme, url.origin.host, port, url.user, url.password)
        _ = proxy.authorization  # what cannot be sent is said now
        return proxy

    @property
    def authorization(self) -> str | None:
        """The Proxy-Authorization that its user and password make."""
        if self.user is None:
            return None
        return f"Basic {basic_credentials(self.user, self.password or '')}"

    @property
    def takes_absolute_form(self) -> bool:
        """It reads requests for http:// itself; else it only passes bytes on."""
        return self.scheme in ("http", "https")

    @property
    def is_socks(self) -> bool:
        """It speaks SOCKS."""
        return self.scheme in _SOCKS

    def __str__(self) -> str:
        """Without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Proxies:
    """Which proxy a URL goes by. Immutable, safe to share."""

    def __init__(self, given: ProxyLike = None, environ: Mapping[str, str] | None = None) -> None:
        """`given`: one proxy for everything, or one for each scheme ("http", "https", "all"), or False for none. None
        takes what `environ` says. Raises `InvalidRequest`."""
        environ = environ or {}
        self._no_proxy: list[str] = []
        if isinstance(given, str):
            self._by_scheme = {"all": given}
        elif isinstance(given, Mapping):
            self._by_scheme = {name.removesuffix("://").lower(): value for name, value in given.items()}
        elif given is None:
            self._by_scheme = _from_environment(environ)
            self._no_proxy = _names(environ.get("no_proxy") or environ.get("NO_PROXY") or "")
        else:
            self._by_scheme = {}
        for each in self._by_scheme.values():
            ProxyURL.parse(each)

    def __bool__(self) -> bool:
        return bool(self._by_scheme)

    def for_url(self, url: URL) -> str:
        """The proxy's URL, "" where it goes direct."""
        found = self._by_scheme.get(url.origin.scheme) or self._by_scheme.get("all", "")
        return "" if found and self._goes_direct(url.origin) else found

    def _goes_direct(self, origin: Origin) -> bool:
        return any(_matches(each, origin) for each in self._no_proxy)


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        "http": environ.get("http_proxy", ""),
        "https": environ.get("https_proxy") or environ.get("HTTPS_PROXY") or "",
        "all": environ.get("all_proxy") or environ.get("ALL_PROXY") or "",
    }
    return {scheme: proxy for scheme, proxy in found.items() if proxy}


def _names(text: str) -> list[str]:
    return text.replace(",", " ").lower().split()


def _matches(pattern: str, origin: Origin) -> bool:
    """curl's rules: a name means itself and what is below it, an address itself, a network what is in it, "*" all."""
    if pattern == "*":
        return True
    host = origin.host
    try:
        name, colon, port = pattern.rpartition(":")
        if colon and port.isdigit() and port.isascii() and (":" not in name or name.endswith("]")):
            if int(port) != origin.port:
                return False
            pattern = name
        network = ipaddress.ip_network(pattern.strip("[]"), strict=False)
    except ValueError:
        pattern = pattern.lstrip("*").lstrip(".").rstrip(".")
        return bool(pattern) and not is_address(host) and is_below(host.rstrip("."), pattern)
    try:
        return ipaddress.ip_address(host.partition("%")[0]) in network
    except ValueError:
        return False
