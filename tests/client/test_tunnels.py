"""The way through real proxies: absolute-form, CONNECT, SOCKS, TLS to the proxy and TLS inside it; and what they do
wrong, each a legible error within its time."""

from __future__ import annotations

import builtins
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from salver.client import (
    Client,
    ConnectTimedOut,
    InvalidRequest,
    ProxyFailed,
    ReadTimedOut,
    Timeout,
    TLSFailed,
    tunnels,
)
from salver.client.proxies import ProxyURL
from salver.client.url import Origin
from salver.net.certificates import TLSFiles
from salver.request import Request
from salver.service.server import Server
from salver.service.settings import Settings
from tests.client.proxying import SmallProxy, canned, endless, http_proxy, small_proxy, socks_proxy
from tests.client.scripted import Script, ScriptedWire

BLOB = bytes(range(256)) * 20_000


def answer(request: Request) -> bytes | str:
    if request.path == "/blob":
        return BLOB
    if request.path == "/size":
        return str(len(request.body))
    if request.path == "/slow":
        time.sleep(1.0)
    return f"{request.scheme} {request.headers.get('proxy-authorization', '-')}"


class World(NamedTuple):
    """An origin with and without TLS, for every name; and what a proxy needs to speak TLS itself."""

    http: int
    https: int
    trusted: ssl.SSLContext
    proxy_tls: ssl.SSLContext


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.issue_cert("origin.test").private_key_and_cert_chain_pem.write_to_path(str(folder / "origin.pem"))
    files = TLSFiles(folder / "origin.pem", folder / "origin.pem")
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    proxy_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(proxy_tls)
    plain = Server(answer, "127.0.0.1:0")
    secured = Server(answer, "127.0.0.1:0", settings=Settings.of(tls=files))
    plain.start()
    secured.start()
    try:
        yield World(plain.port, secured.port, trusted, proxy_tls)
    finally:
        plain.stop(2)
        secured.stop(2)


def client_through(proxy: SmallProxy, world: World, scheme: str = "http", login: str = "", **more: Any) -> Client:
    return Client(proxy=f"{scheme}://{login}127.0.0.1:{proxy.port}", verify=world.trusted, trust_env=False, **more)


# HTTP proxies, with and without TLS of their own


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_requests_for_http(world: World, scheme: str) -> None:
    tls = world.proxy_tls if scheme == "https" else None
    with small_proxy(http_proxy(), tls) as proxy, client_through(proxy, world, scheme, "me:pw@") as client:
        assert client.get("http://origin.test/x").text == "by proxy"
        assert client.get("http://origin.test/y").text == "by proxy"
    assert [head.split(b"\r\n")[0] for head in proxy.asked] == [
        b"GET http://origin.test/x HTTP/1.1",
        b"GET http://origin.test/y HTTP/1.1",
    ]
    assert b"Proxy-Authorization: Basic bWU6cHc=\r\n" in proxy.asked[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_tunnels_for_https(world: World, scheme: str) -> None:
    tls = world.proxy_tls if scheme == "https" else None
    serve = http_proxy(world.https)
    with small_proxy(serve, tls) as proxy, client_through(proxy, world, scheme, "me:pw@") as client:
        assert client.get("https://origin.test/x").text == "https -"  # the proxy's password stays with the proxy
        assert client.get("https://origin.test/blob").content == BLOB
        assert client.post("https://origin.test/size", content=BLOB).text == str(len(BLOB))
    assert len(proxy.asked) == 1  # one connection carried them all
    assert proxy.asked[0].startswith(b"CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n")
    assert b"Proxy-Authorization: Basic bWU6cHc=\r\n" in proxy.asked[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_origin_is_asked_for_its_name(world: World, scheme: str) -> None:
    tls = world.proxy_tls if scheme == "https" else None
    with (
        small_proxy(http_proxy(world.https), tls) as proxy,
        client_through(proxy, world, scheme) as client,
        pytest.raises(TLSFailed, match="not to be trusted"),
    ):
        client.get("https://other.test/")


def test_the_proxy_is_asked_for_its_name(world: World) -> None:
    with (
        small_proxy(http_proxy(world.https), world.proxy_tls) as proxy,
        Client(proxy=f"https://127.0.0.1:{proxy.port}", trust_env=False) as client,
        pytest.raises(TLSFailed, match="of the proxy"),
    ):
        client.get("https://origin.test/")
    assert proxy.asked == []


def test_a_proxy_that_does_not_speak_tls(world: World) -> None:
    with small_proxy(canned(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9)) as proxy:
        listening = socket.create_server(("127.0.0.1", 0))
        with (
            listening,
            client_through(proxy, world, "https", timeout=Timeout(connect=0.5)) as client,
            pytest.raises((TLSFailed, ConnectTimedOut)),
        ):
            client.get("http://origin.test/")


def test_time_outs_hold_inside_two_layers_of_tls(world: World) -> None:
    with (
        small_proxy(http_proxy(world.https), world.proxy_tls) as proxy,
        client_through(proxy, world, "https", timeout=Timeout(read=0.2), retries=0) as client,
        pytest.raises(ReadTimedOut),
    ):
        client.get("https://origin.test/slow")


def test_a_tunnel_that_the_origin_has_closed_is_not_used_again(world: World) -> None:
    serve = http_proxy(world.https)
    with small_proxy(serve, world.proxy_tls) as proxy, client_through(proxy, world, "https") as client:
        assert client.get("https://origin.test/", headers={"Connection": "close"}).status == 200
        assert client.get("https://origin.test/").status == 200
    assert len(proxy.asked) == 2


REFUSALS = [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407; give its user and password"),
    (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops", "refuses to connect to origin.test:443: 502"),
    (b"HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n", "302"),
    (b"HTTP/1.1 200 OK\r\n\r\nevil bytes", "sent more than its answer"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "interim"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 40, "interim"),
    (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
    (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 50_000, "does not speak HTTP"),
    (b"HTTP/1.1 200", "closed the connection"),
    (b"", "closed the connection"),
]


@pytest.mark.parametrize(("reply", "said"), REFUSALS)
def test_what_is_no_tunnel(world: World, reply: bytes, said: str) -> None:
    with (
        small_proxy(canned(reply)) as proxy,
        client_through(proxy, world, login="me:s3cret@") as client,
        pytest.raises(ProxyFailed) as caught,
    ):
        client.get("https://origin.test/")
    assert said in caught.value.message or "broke the connection off" in caught.value.message
    assert "s3cret" not in str(caught.value)
    assert caught.value.url == "https://origin.test/"


def test_a_proxy_that_says_nothing(world: World) -> None:
    with (
        small_proxy(canned(b"", then_silence=True)) as proxy,
        client_through(proxy, world, timeout=Timeout(connect=0.2)) as client,
        pytest.raises(ConnectTimedOut),
    ):
        client.get("https://origin.test/")


@pytest.mark.parametrize("piece", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_proxy_that_dawdles_has_no_more_time(world: World, piece: bytes) -> None:
    """Each byte comes within the limit; all of them together do not."""
    stop = threading.Event()
    with (
        small_proxy(endless(piece, stop)) as proxy,
        client_through(proxy, world, timeout=Timeout(connect=0.3)) as client,
    ):
        began = time.monotonic()
        with pytest.raises((ConnectTimedOut, ProxyFailed)):
            client.get("https://origin.test/")
        assert time.monotonic() - began < 5


def test_a_proxy_that_dawdles_in_small_steps() -> None:
    """What has come when the time is over is not looked at: however fast its bytes follow each other."""
    wire = ScriptedWire(Script([b"HTTP/1.1 200 OK\r\n\r\n"], split=1))
    with pytest.raises(ConnectTimedOut, match="the proxy http://p:80 did not answer"):
        tunnels._open_tunnel(wire, ProxyURL.parse("p"), Origin("https", "a", 443), time.monotonic())
    assert wire.closed


def test_no_proxy_there(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(proxy=f"127.0.0.1:{port}", trust_env=False) as client:
        for url in ("http://a/", "https://a/"):
            with pytest.raises(ProxyFailed, match=f"the proxy http://127.0.0.1:{port} cannot be reached"):
                client.get(url)


# SOCKS


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [
        ("socks4", b"socks4 127.0.0.1:%d user="),
        ("socks4a", b"socks4a localhost:%d user="),
        ("socks5", b"socks5 127.0.0.1:%d kind=1"),
        ("socks5h", b"socks5 localhost:%d kind=3"),
    ],
)
def test_socks(world: World, scheme: str, asked: bytes) -> None:
    with small_proxy(socks_proxy(world.http)) as proxy, client_through(proxy, world, scheme) as client:
        host = "127.0.0.1" if scheme in ("socks4", "socks5") else "localhost"
        assert client.get(f"http://{host}:{world.http}/").text == "http -"
        assert client.get(f"http://{host}:{world.http}/blob").content == BLOB
    assert proxy.asked == [asked % world.http]


def test_tls_through_socks(world: World) -> None:
    serve = socks_proxy(world.https, user=b"me", password=b"p:w")
    with small_proxy(serve) as proxy, client_through(proxy, world, "socks5h", "me:p%3Aw@") as client:
        assert client.get("https://origin.test/").text == "https -"
    assert proxy.asked == [b"socks5 origin.test:443 kind=3"]


@pytest.mark.parametrize(
    ("scheme", "serve"),
    [
        ("socks5h", socks_proxy(0, refuses=True)),
        ("socks4a", socks_proxy(0, refuses=True)),
        ("socks5h", socks_proxy(0, user=b"other", password=b"other")),
        ("socks5h", canned(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    ],
)
def test_socks_that_refuses(world: World, scheme: str, serve: Callable[[SmallProxy, socket.socket], None]) -> None:
    with small_proxy(serve) as proxy:
        login = "me:s3cret@" if scheme == "socks5h" else ""
        with (
            client_through(proxy, world, scheme, login, timeout=Timeout(connect=1)) as client,
            pytest.raises((ProxyFailed, ConnectTimedOut)) as caught,
        ):
            client.get("http://origin.test/")
    assert "s3cret" not in str(caught.value)


def test_socks_with_a_name_outside_ascii(world: World) -> None:
    with (
        small_proxy(socks_proxy(world.http, user=b"me")) as proxy,
        client_through(proxy, world, "socks5h", "m%C3%A9:s3cr%C3%A9t@") as client,
        pytest.raises(InvalidRequest, match="ASCII") as caught,
    ):
        client.get("http://origin.test/")
    assert "s3cr" not in str(caught.value)


def test_socks_that_says_nothing(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"socks5h://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(proxy=proxy, trust_env=False, timeout=Timeout(connect=0.2)) as client,
            pytest.raises(ConnectTimedOut),
        ):
            client.get("http://origin.test/")


def test_socks_needs_its_library(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: Any = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("python_socks"):
            raise ImportError(name)
        return whole(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with (
        Client(proxy="socks5://127.0.0.1:1", trust_env=False) as client,
        pytest.raises(InvalidRequest, match=r'pip install "salver\[client\]"'),
    ):
        client.get("http://a/")
