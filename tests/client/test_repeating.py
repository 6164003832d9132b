"""What is sent a second time, and what cannot be: content that is gone, connections that never came to be."""

from __future__ import annotations

import time

import pytest

from salver.client import (
    Client,
    ConnectTimedOut,
    DigestAuth,
    InvalidRequest,
    Retries,
    Timeout,
    TotalTimedOut,
)
from salver.client.connections import Route
from salver.client.sending import LinkedBody
from salver.client.timeouts import Deadline
from salver.client.wire import Wire
from tests.client.scripted import OK, SILENCE, Script, ScriptedTransport, network
from tests.client.test_exchange import client_of, heads

UNKNOWN = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\nContent-Length: 0\r\n\r\n'


def test_an_iterator_is_not_sent_twice_to_say_who_we_are() -> None:
    transport = ScriptedTransport([Script([UNKNOWN, b"", b"", b"", OK]), Script([OK])])
    with client_of(transport, auth=DigestAuth("me", "pw")) as client:
        with pytest.raises(InvalidRequest, match="iterator") as caught:
            client.post("http://a/x", content=iter([b"abc"]), headers={"Expect": None})
        assert caught.value.url == "http://a/x"
    assert len(heads(transport.wires[0].sent)) == 1


def test_an_iterator_that_was_not_begun_is() -> None:
    transport = ScriptedTransport([Script([UNKNOWN]), Script([b"HTTP/1.1 100 Continue\r\n\r\n", b"", OK])])
    with client_of(transport, auth=DigestAuth("me", "pw")) as client:
        assert client.post("http://a/x", content=iter([b"abc"])).text == "ok"
    assert transport.wires[1].sent.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_a_late_refusal_of_the_expectation_repeats_no_iterator() -> None:
    refusal = b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"
    transport = ScriptedTransport([Script([b"", b"", refusal], SILENCE), Script([OK])])
    with client_of(transport) as client:
        assert client.put("http://a/", content=iter([b"abc"])).status == 417
    assert len(transport.wires) == 1


@pytest.mark.parametrize(("method", "content"), [("GET", b""), ("POST", b""), ("POST", b"abc")])
def test_a_length_that_is_not_the_contents(method: str, content: bytes) -> None:
    transport = network(OK)
    with client_of(transport) as client, pytest.raises(InvalidRequest, match="Content-Length says 5"):
        client.request(method, "http://a/", content=content, headers={"Content-Length": "5"})
    assert not transport.wires


def test_a_body_that_was_interrupted_at_its_beginning_ends_quietly() -> None:
    LinkedBody.__new__(LinkedBody).__del__()


class Dead:
    """A network on which nothing answers; each attempt takes as long as it may."""

    def __init__(self) -> None:
        self.attempts = 0

    def connect(self, route: Route, deadline: Deadline) -> Wire:
        self.attempts += 1
        time.sleep(deadline.within(deadline.timeout.connect) or 0.0)
        raise ConnectTimedOut("a did not answer in time")

    def close(self) -> None:
        pass


def test_connections_that_take_too_long_are_tried_anew() -> None:
    transport = Dead()
    retries = Retries(connect=2, backoff=0.001)
    with Client(transport=transport, retries=retries, timeout=0.001) as client, pytest.raises(ConnectTimedOut):
        client.post("http://a/", content=b"x")
    assert transport.attempts == 3


def test_the_total_is_over_while_connecting() -> None:
    transport = Dead()
    with (
        Client(transport=transport, retries=Retries(connect=9), timeout=Timeout(total=0.02)) as client,
        pytest.raises(TotalTimedOut, match=r"0\.02 s"),
    ):
        client.get("http://a/")
    assert transport.attempts == 1
