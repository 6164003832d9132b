"""Proxies: which one a URL goes by, and the way through it.

http:// targets go to an HTTP proxy as absolute-form requests (RFC 9112 §3.2.2), https:// targets through a tunnel
(CONNECT, RFC 9110 §9.3.6), and either through SOCKS by the library `python-socks`. Where nothing is given, the
environment decides as it does for curl: `http_proxy` in small letters alone (under CGI, a client can set the other),
`https_proxy`, `all_proxy`, and `no_proxy` for what goes direct.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union
from urllib.parse import unquote

from salver.client.dialling import Dialler
from salver.client.errors import ConnectFailed, ConnectTimedOut, InvalidRequest, ProxyFailed
from salver.client.tls import TLSSettings
from salver.client.url import URL, Origin, parse_url
from salver.client.wire import SocketWire, is_timeout
from salver.protocol.client_connection import ClientConnection
from salver.protocol.errors import RemoteProtocolError

_SOCKS = frozenset(("socks4", "socks4a", "socks5", "socks5h"))
_SCHEMES = _SOCKS | {"http"}
_HEAD_READ = 8_192

ProxyLike = Union[str, Mapping[str, str], bool, None]


@dataclass(frozen=True, slots=True)
class ProxyURL:
    """`scheme` is http, socks4, socks4a, socks5 or socks5h (the name is looked up by the proxy)."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> ProxyURL:
        """From `scheme://user:password@host:port`; a host and port alone are an HTTP proxy. Raises `InvalidRequest`."""
        scheme, separator, rest = text.partition("://")
        if not separator:
            scheme, rest = "http", text
        scheme = scheme.lower()
        if scheme not in _SCHEMES:
            raise InvalidRequest(f"a proxy is {', '.join(sorted(_SCHEMES))}, not {scheme}://")
        url = parse_url(f"http://{rest}")
        port = url.origin.port
        if scheme in _SOCKS and ":" not in rest.rpartition("@")[2].rpartition("]")[2]:
            port = 1080
        return cls(scheme, url.origin.host, port, url.user, url.password)

    @property
    def authorization(self) -> str | None:
        """The Proxy-Authorization that its user and password make."""
        if self.user is None:
            return None
        plain = f"{unquote(self.user)}:{self.password or ''}".encode()
        return f"Basic {base64.b64encode(plain).decode()}"

    @property
    def takes_absolute_form(self) -> bool:
        """It reads requests for http:// itself; else it only passes bytes on."""
        return self.scheme == "http"

    def __str__(self) -> str:
        """Without user and password."""
        return f"{self.scheme}://{self.host}:{self.port}"


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
    return [name.strip().lower() for name in text.split(",") if name.strip()]


def _matches(pattern: str, origin: Origin) -> bool:
    """curl's rules: a name means itself and what is below it, an address itself, a network what is in it, "*" all."""
    if pattern == "*":
        return True
    host = origin.host
    try:
        network = ipaddress.ip_network(pattern.strip("[]"), strict=False)
    except ValueError:
        name, colon, port = pattern.rpartition(":")
        if colon and port.isdigit() and port.isascii():
            if int(port) != origin.port:
                return False
            pattern = name
        pattern = pattern.lstrip("*").lstrip(".").rstrip(".")
        return bool(pattern) and (host.rstrip(".") == pattern or host.rstrip(".").endswith(f".{pattern}"))
    try:
        return ipaddress.ip_address(host.partition("%")[0]) in network
    except ValueError:
        return False


def open_tunnel(
    proxy: ProxyURL, origin: Origin, dialler: Dialler, tls: TLSSettings, seconds: float | None
) -> socket.socket:
    """A socket on which `origin` is spoken to: to the proxy itself where that takes requests for it. Raises
    `ProxyFailed`, `ConnectTimedOut`."""
    if proxy.scheme in _SOCKS:
        return _through_socks(proxy, origin, seconds)
    try:
        sock = dialler.connect(proxy.host, proxy.port, seconds)
    except ConnectTimedOut:
        raise
    except ConnectFailed as error:
        raise ProxyFailed(f"the proxy {proxy} cannot be reached: {error.message}") from None
    if origin.scheme == "http":
        return sock
    try:
        _connect(sock, proxy, origin, seconds)
    except BaseException:
        sock.close()
        raise
    return sock


def _connect(sock: socket.socket, proxy: ProxyURL, origin: Origin, seconds: float | None) -> None:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{host}:{origin.port}"
    fields = [("Host", target)]
    if proxy.authorization is not None:
        fields.append(("Proxy-Authorization", proxy.authorization))
    protocol = ClientConnection()
    wire = SocketWire(sock)
    wire.limit(seconds, seconds)
    try:
        wire.send_all(protocol.send_head("CONNECT", target, fields))
        status = _answer(wire, protocol, proxy)
    except OSError as error:
        if is_timeout(error):
            raise ConnectTimedOut(f"the proxy {proxy} did not answer in time") from None
        raise ProxyFailed(f"the proxy {proxy} broke the connection off") from None
    except RemoteProtocolError as error:
        raise ProxyFailed(f"the proxy {proxy} does not speak HTTP: {error}") from None
    if not 200 <= status < 300:
        hint = "; give its user and password in the proxy's URL" if status == 407 else ""
        raise ProxyFailed(f"the proxy {proxy} refuses to connect to {target}: {status}{hint}")
    wire.limit(None, None)


def _answer(wire: SocketWire, protocol: ClientConnection, proxy: ProxyURL) -> int:
    """The status of its final response. Bytes behind a 2xx would be the origin's before it was spoken to: refused."""
    while True:
        data = wire.recv(_HEAD_READ)
        if not data:
            raise ProxyFailed(f"the proxy {proxy} closed the connection")
        protocol.receive(data)
        head = protocol.next_response()
        while head is not None and head.status < 200:
            head = protocol.next_response()
        if head is not None:
            if head.status < 300 and protocol.buffered:
                raise ProxyFailed(f"the proxy {proxy} sent more than its answer")
            return head.status


def _through_socks(proxy: ProxyURL, origin: Origin, seconds: float | None) -> socket.socket:
    try:
        from python_socks import ProxyError, ProxyTimeoutError, ProxyType
        from python_socks.sync import Proxy
    except ImportError:
        raise InvalidRequest('SOCKS needs a library: pip install "salver[client]"') from None
    kind = ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else ProxyType.SOCKS5
    by_proxy = proxy.scheme in ("socks4a", "socks5h")
    connector: Any = Proxy(kind, proxy.host, proxy.port, proxy.user, proxy.password, rdns=by_proxy)
    try:
        sock: socket.socket = connector.connect(origin.host, origin.port, timeout=seconds)
    except (ProxyTimeoutError, TimeoutError):
        raise ConnectTimedOut(f"the proxy {proxy} did not answer in time") from None
    except (ProxyError, OSError) as error:
        raise ProxyFailed(f"the proxy {proxy} does not connect to {origin.authority}: {error}") from None
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
