"""The way through a proxy: to what is spoken to the origin, or to the proxy instead of it.

http:// targets go to an HTTP proxy as absolute-form requests (RFC 9112 §3.2.2), https:// targets through a tunnel
(CONNECT, RFC 9110 §9.3.6), and either through SOCKS by the library `python-socks`. To an https:// proxy there is TLS
already, and that of the origin goes inside it. All of it together has as long as a connection may take.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from salver.client.dialling import Dialler
from salver.client.errors import ConnectFailed, ConnectTimedOut, InvalidRequest, ProxyFailed, TLSFailed
from salver.client.proxies import ProxyURL
from salver.client.tls import TLSSettings
from salver.client.url import Origin
from salver.client.wire import SocketWire, Wire, is_timeout
from salver.protocol.client_connection import ClientConnection
from salver.protocol.errors import RemoteProtocolError

_HEAD_READ = 8_192
_INTERIM_MAX = 32  # 1xx responses before a final one, as anywhere


class ProxyDialler:
    """Opens connections through proxies. Safe to use from several threads."""

    def __init__(self, dialler: Dialler, tls: TLSSettings) -> None:
        self._dialler = dialler
        self._tls = tls

    def connect(self, proxy: ProxyURL, origin: Origin, end: float | None) -> Wire:
        """A wire on which `origin` is spoken to, TLS included; the proxy's own, where that takes requests for it.
        `end`: of the time allowed, by the monotonic clock. Raises `ProxyFailed`, `TLSFailed`, `ConnectTimedOut`."""
        if proxy.is_socks:
            sock = _through_socks(proxy, origin, _left(end))
            return self._tls.secure(sock, origin.host, _left(end)) if origin.scheme == "https" else SocketWire(sock)
        sock = self._to_proxy(proxy, end)
        if proxy.scheme == "http":
            return self._over_plain(sock, proxy, origin, end)
        return self._over_tls(sock, proxy, origin, end)

    def _to_proxy(self, proxy: ProxyURL, end: float | None) -> socket.socket:
        try:
            return self._dialler.connect(proxy.host, proxy.port, _left(end))
        except ConnectFailed as error:
            raise ProxyFailed(f"the proxy {proxy} cannot be reached: {error.message}") from None

    def _over_plain(self, sock: socket.socket, proxy: ProxyURL, origin: Origin, end: float | None) -> Wire:
        wire = SocketWire(sock)
        if origin.scheme == "http":
            return wire
        _open_tunnel(wire, proxy, origin, end)
        return self._tls.secure(wire.detach(), origin.host, _left(end))

    def _over_tls(self, sock: socket.socket, proxy: ProxyURL, origin: Origin, end: float | None) -> Wire:
        try:
            wire = self._tls.secure(sock, proxy.host, _left(end))
        except TLSFailed as error:
            raise TLSFailed(f"of the proxy: {error.message}") from error.__cause__
        if origin.scheme == "http":
            return wire
        _open_tunnel(wire, proxy, origin, end)
        from salver.client.nested_tls import secure_over

        return secure_over(wire, self._tls, origin.host, end)


def _open_tunnel(wire: Wire, proxy: ProxyURL, origin: Origin, end: float | None) -> None:
    """CONNECT; the wire is the origin's afterwards, and closed where that fails."""
    try:
        status = _ask_for_tunnel(wire, proxy, origin, end)
        if not 200 <= status < 300:
            hint = "; give its user and password in the proxy's URL" if status == 407 else ""
            raise ProxyFailed(f"the proxy {proxy} refuses to connect to {_target(origin)}: {status}{hint}")
        wire.limit(None, None)
    except BaseException:
        wire.close()
        raise


def _ask_for_tunnel(wire: Wire, proxy: ProxyURL, origin: Origin, end: float | None) -> int:
    target = _target(origin)
    fields = [("Host", target)]
    if proxy.authorization is not None:
        fields.append(("Proxy-Authorization", proxy.authorization))
    protocol = ClientConnection()
    try:
        wire.limit(_left(end), _left(end))
        wire.send_all(protocol.send_head("CONNECT", target, fields))
        return _answer(wire, protocol, proxy, end)
    except OSError as error:
        if isinstance(error, (ProxyFailed, ConnectTimedOut)):
            raise
        if is_timeout(error):
            raise ConnectTimedOut(f"the proxy {proxy} did not answer in time") from None
        raise ProxyFailed(f"the proxy {proxy} broke the connection off") from None
    except RemoteProtocolError as error:
        raise ProxyFailed(f"the proxy {proxy} does not speak HTTP: {error}") from None


def _target(origin: Origin) -> str:
    host = origin.host.partition("%")[0]
    return f"[{host}]:{origin.port}" if ":" in host else f"{host}:{origin.port}"


def _answer(wire: Wire, protocol: ClientConnection, proxy: ProxyURL, end: float | None) -> int:
    """The status of its final response. Bytes behind a 2xx would be the origin's before it was spoken to: refused."""
    interim = 0
    while True:
        wire.limit(_left(end), _left(end))
        data = wire.recv(_HEAD_READ)
        if not data:
            raise ProxyFailed(f"the proxy {proxy} closed the connection")
        if end is not None and time.monotonic() >= end:  # one that dribbles lets no limit of the wire pass
            raise ConnectTimedOut(f"the proxy {proxy} did not answer in time")
        protocol.receive(data)
        head = protocol.next_response()
        while head is not None and head.status < 200:
            interim += 1
            if head.status == 101 or interim > _INTERIM_MAX:
                raise ProxyFailed(f"the proxy {proxy} sends interim responses (1xx) and no final one")
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
    except UnicodeError:  # as the library has it; the error would say a character of the password
        raise InvalidRequest(f"the user and password of the proxy {proxy} have to be ASCII") from None
    except (ProxyError, OSError, ValueError) as error:
        raise ProxyFailed(f"the proxy {proxy} does not connect to {origin.authority}: {error}") from None
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.001, end - time.monotonic())
