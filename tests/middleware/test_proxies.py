"""What proxies say is believed of those that were named, as far as they vouch for it, and of nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.handler import HandlerOptions, options_of
from salver.middleware import trusted_proxies
from salver.request import Request
from tests.middleware.support import Peer, request
from tests.service.harness import Conversation

X_FIELDS = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
PROXY = "10.0.0.1"


def seen(fields: dict[str, str], peer: str = PROXY, believed: Any = X_FIELDS, networks: Any = ("10.0.0.0/8",)) -> Any:
    """What a handler behind the middleware sees: client, port, scheme, host."""

    def handler(request: Request) -> dict[str, Any]:
        return {"seen": (request.client.host, request.client.port, request.scheme, request.host)}

    told: list[Any] = []
    wrapped = trusted_proxies(networks, fields=believed)(lambda request: told.append(handler(request)["seen"]) or "")
    wrapped(request("/", fields, peer=Peer(peer)))
    return told[0]


def test_the_three_fields() -> None:
    fields = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example"}
    assert seen(fields) == ("198.51.100.7", 0, "https", "www.example")


@pytest.mark.parametrize("peer", ["192.0.2.7", "11.0.0.1", "127.0.0.1", "::1", "unix:"])
def test_nobody_else_is_believed(peer: str) -> None:
    fields = dict.fromkeys(X_FIELDS, "198.51.100.7") | {"X-Forwarded-Proto": "https"}
    assert seen(fields, peer) == (peer, 0 if peer == "unix:" else 50_000, "http", "site.example")


def test_a_unix_socket_can_be_named() -> None:
    assert seen({"X-Forwarded-For": "198.51.100.7"}, "unix:", networks=["unix:"])[0] == "198.51.100.7"


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),  # what stands further left anybody may have sent
        ("1.1.1.1, 198.51.100.7, 10.0.0.2, 10.3.0.1", "198.51.100.7"),
        ("10.0.0.9", "10.0.0.9"),  # everybody on the way was a proxy of ours: then the first one is the client
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("198.51.100.7:4711, 10.0.0.2:80", "198.51.100.7"),
        ("2001:db8::7, 10.0.0.2", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, ::ffff:10.0.0.2", "198.51.100.7"),
        ("198.51.100.7, garbage, 10.0.0.2", "10.0.0.2"),  # behind what cannot be read nobody vouches for anything
        ("198.51.100.7, <script>", PROXY),
        ("unknown", PROXY),
        ("198.51.100.7 10.0.0.2", PROXY),
        ("", PROXY),
        (",,", PROXY),
        (", 198.51.100.7 ,", "198.51.100.7"),
    ],
)
def test_the_walk_from_the_right(chain: str, client: str) -> None:
    assert seen({"X-Forwarded-For": chain})[0] == client


def test_lists_of_one_length_belong_together() -> None:
    fields = {"X-Forwarded-For": "1.1.1.1, 198.51.100.7, 10.0.0.2", "X-Forwarded-Proto": "http, https, http"}
    assert seen(fields)[2] == "https"
    assert seen({**fields, "X-Forwarded-Proto": "http, https"})[2] == "https"
    assert seen({**fields, "X-Forwarded-Proto": "https"})[2] == "https"
    assert seen({"X-Forwarded-Proto": "http, https"})[2] == "https"


@pytest.mark.parametrize("scheme", ["javascript", "ftp", "wss", "https:", "h ttps", "https\tx"])
def test_other_schemes_are_none(scheme: str) -> None:
    assert seen({"X-Forwarded-Proto": scheme})[2] == "http"
    assert seen({"X-Forwarded-Proto": "HTTPS"})[2] == "https"


@pytest.mark.parametrize("host", ["a b", "a/b", "<x>", "a@b", "a,b/c", "é", "[::1", "a\\b"])
def test_hosts_that_are_none(host: str) -> None:
    assert seen({"X-Forwarded-Host": host})[3] == "site.example"


def test_a_host_is_believed_where_it_was_asked_for() -> None:
    fields = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    wrapped = trusted_proxies([PROXY])(lambda request: f"{request.client.host} {request.scheme} {request.host}")
    assert wrapped(request("/", fields, peer=Peer(PROXY))).body == b"198.51.100.7 https site.example"


def test_forwarded() -> None:
    value = (
        'for=1.1.1.1;proto=http, for="[2001:db8::7]:99";proto=https;host="www.example:8443", for=10.0.0.2;proto=http'
    )
    assert seen({"Forwarded": value}, believed=["Forwarded"]) == ("2001:db8::7", 99, "https", "www.example:8443")


def test_forwarded_without_an_address_still_says_the_scheme() -> None:
    assert seen({"Forwarded": "proto=https"}, believed=["Forwarded"]) == (PROXY, 50_000, "https", "site.example")
    assert seen({"Forwarded": "for=_hidden;proto=https"}, believed=["Forwarded"])[:3] == (PROXY, 50_000, "https")


def test_a_malformed_forwarded_says_nothing() -> None:
    assert seen({"Forwarded": 'for="198.51.100.7, for=10.0.0.2;proto=https'}, believed=["Forwarded"])[0] == PROXY


def test_a_field_that_the_proxy_does_not_set_is_not_read() -> None:
    assert seen({"Forwarded": "for=198.51.100.7;proto=https"}) == (PROXY, 50_000, "http", "site.example")
    assert seen({"X-Forwarded-For": "198.51.100.7"}, believed=["Forwarded"])[0] == PROXY
    assert seen({"X-Forwarded-For": "198.51.100.7"}, believed=["X-Forwarded-Proto"])[0] == PROXY


@pytest.mark.parametrize(
    "fields", [[], "Forwarded", ["Forwarded", "X-Forwarded-For"], ["X-Real-IP"], ["X-Forwarded-For", "Forwarded"]]
)
def test_fields_that_do_not_go_together(fields: Any) -> None:
    with pytest.raises(ValueError, match="fields are those that the proxy sets"):
        trusted_proxies([PROXY], fields=fields)


@pytest.mark.parametrize("networks", [[], ["nowhere"], "10.0.0.0/8"])
def test_networks_that_are_none(networks: Any) -> None:
    with pytest.raises(ValueError):
        trusted_proxies(networks)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60))
def test_nothing_gets_through_but_addresses_schemes_and_hosts(text: str) -> None:
    for believed in (X_FIELDS, ["Forwarded"]):
        client, port, scheme, host = seen(dict.fromkeys((*X_FIELDS, "Forwarded"), text), believed=believed)
        assert re.fullmatch(r"[0-9a-f:.]+", client) and 0 <= port <= 65_535
        assert scheme in ("http", "https")
        assert re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+;=%\[\]:]+", host)


def test_the_access_log_has_the_client_and_nothing_raw() -> None:
    client = Conversation(trusted_proxies([PROXY])(lambda request: "x"), host=PROXY)
    for chain in (b"198.51.100.7", b"evil\x9b[2J", b"::1"):
        client.say(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + chain + b"\r\n\r\n")
    assert client.statuses == [200, 200, 200]
    assert [line[0] for line in client.log.lines] == ["198.51.100.7", PROXY, "::1"]


def test_the_wrapper_is_run_as_what_it_wraps() -> None:
    class Many:
        def __call__(self, request: Request) -> str:
            return ""

        def salver_options_for(self, request: Request) -> HandlerOptions:
            return HandlerOptions(stream_body=True)

    assert options_of(trusted_proxies([PROXY])(Many()), request()).stream_body
