"""Connections over the network: dialled, by way of a proxy where the route has one, and secured where it is https."""

from __future__ import annotations

import socket
import time

from salver.client.connections import Route
from salver.client.dialling import Dialler, connect_unix
from salver.client.proxies import ProxyURL
from salver.client.timeouts import Deadline
from salver.client.tls import TLSSettings
from salver.client.tunnels import ProxyDialler
from salver.client.wire import SocketWire, Wire


class NetTransport:
    """See `Transport`. `unix_socket`: the path of one that every origin is reached by."""

    def __init__(self, dialler: Dialler, tls: TLSSettings, unix_socket: str | None = None) -> None:
        self._dialler = dialler
        self._tls = tls
        self._unix_socket = unix_socket
        self._through_proxies = ProxyDialler(dialler, tls)

    def connect(self, route: Route, deadline: Deadline) -> Wire:
        end = _end(deadline.within(deadline.timeout.connect))
        if route.proxy and self._unix_socket is None:
            return self._through_proxies.connect(ProxyURL.parse(route.proxy), route.origin, end)
        sock = self._socket(route, end)
        if route.origin.scheme != "https":
            return SocketWire(sock)
        return self._tls.secure(sock, route.origin.host, _left(end))

    def _socket(self, route: Route, end: float | None) -> socket.socket:
        if self._unix_socket is not None:
            return connect_unix(self._unix_socket, _left(end))
        return self._dialler.connect(route.origin.host, route.origin.port, _left(end))

    def close(self) -> None:
        """There is nothing of its own to close."""


def _end(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.001, end - time.monotonic())
