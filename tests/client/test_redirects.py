"""Redirects over a network of scripts: what follows which status, what is none, and what cannot follow."""

from __future__ import annotations

import gzip

import pytest

from salver.client import (
    BodyGone,
    BrokenResponse,
    Client,
    InvalidRequest,
)
from salver.client.content import Content
from salver.client.message import Request
from salver.client.redirects import next_request
from salver.client.url import parse_url
from tests.client.scripted import OK, ScriptedTransport, network


def client_of(transport: ScriptedTransport, **settings: object) -> Client:
    return Client(transport=transport, trust_env=False, **settings)  # type: ignore[arg-type]


def heads(sent: bytes | bytearray) -> list[str]:
    """The request lines that were sent."""
    return [line for line in sent.decode("latin-1").split("\r\n") if line.endswith(" HTTP/1.1")]


@pytest.mark.parametrize(
    ("status", "method", "content", "follows"),
    [
        (301, "GET", b"", "GET"),
        (301, "POST", b"x\r\n", "GET"),
        (301, "PUT", b"x\r\n", "PUT"),
        (302, "POST", b"x\r\n", "GET"),
        (302, "HEAD", b"", "HEAD"),
        (303, "POST", b"x\r\n", "GET"),
        (303, "PUT", b"x\r\n", "GET"),
        (303, "HEAD", b"", "HEAD"),
        (307, "POST", b"x\r\n", "POST"),
        (308, "PUT", b"x\r\n", "PUT"),
    ],
)
def test_what_follows(status: int, method: str, content: bytes, follows: str) -> None:
    redirect = b"HTTP/1.1 %d x\r\nLocation: /to?q#f\r\nContent-Length: 0\r\n\r\n" % status
    answer = OK.removesuffix(b"ok") if follows == "HEAD" else OK
    transport = network(redirect, answer)
    with client_of(transport) as client:
        response = client.request(method, "http://a/", content=content, headers={"Content-Type": "x/y"})
    _, second = heads(transport.wires[0].sent)
    assert second == f"{follows} /to?q HTTP/1.1"
    assert response.url == "http://a/to?q#f"
    assert [each.status for each in response.history] == [status]
    kept = transport.wires[0].sent.split(second.encode())[1]
    assert kept.endswith(b"\r\n\r\n" + content) is (follows != "GET" or not content)
    assert (b"Content-Type" in kept) is (follows in (method, "HEAD"))


@pytest.mark.parametrize("status", [300, 304, 305, 306, 310, 200])
def test_what_is_no_redirect(status: int) -> None:
    transport = network(b"HTTP/1.1 %d x\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n" % status)
    with client_of(transport) as client:
        assert client.get("http://a/").status == status


def test_a_redirect_that_is_not_followed() -> None:
    transport = network(b"HTTP/1.1 302 x\r\nLocation: /to\r\nContent-Length: 2\r\n\r\nok")
    with client_of(transport, follow_redirects=False) as client:
        response = client.get("http://a/")
    assert response.is_redirect
    assert response.content == b"ok"


@pytest.mark.parametrize(("size", "is_kept"), [(5, True), (70_000, False)])
def test_what_a_redirect_said_is_in_the_history(size: int, is_kept: bool) -> None:
    body = gzip.compress(b"moved".ljust(size))
    said = b"Location: /to\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    transport = network(b"HTTP/1.1 302 x\r\n" + said + body, OK)
    with client_of(transport) as client:
        (before,) = client.get("http://a/").history
    if is_kept:
        assert before.text == "moved"
    else:
        with pytest.raises(BodyGone):
            before.read()


@pytest.mark.parametrize(("second", "follows"), [("/to", True), ("/elsewhere", False)])
def test_to_two_places(second: str, follows: bool) -> None:
    head = f"HTTP/1.1 302 x\r\nLocation: /to\r\nLocation: {second}\r\nContent-Length: 0\r\n\r\n"
    transport = network(head.encode(), OK)
    with client_of(transport) as client:
        if follows:
            assert client.get("http://a/").url == "http://a/to"
        else:
            with pytest.raises(BrokenResponse, match="several places"):
                client.get("http://a/")


def test_an_iterator_cannot_follow() -> None:
    transport = network(b"HTTP/1.1 307 x\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n")
    with client_of(transport) as client, pytest.raises(InvalidRequest, match="iterator"):
        client.post("http://a/", content=iter([b"x"]), headers={"Expect": None})


# The decision alone


FIELDS = [
    ("Authorization", "secret"),
    ("cookie", "secret"),
    ("Host", "a.example"),
    ("Content-Type", "x/y"),
    ("X", "1"),
]


def asked(method: str = "GET", content: bytes | Content = b"", *, expects: bool = False) -> Request:
    return Request(method, parse_url("http://a.example/x"), FIELDS, content, expects)


@pytest.mark.parametrize(("status", "location"), [(200, "/to"), (304, "/to"), (302, None)])
def test_nothing_follows(status: int, location: str | None) -> None:
    assert next_request(asked(), status, location) is None


@pytest.mark.parametrize(
    ("location", "same"),
    [
        ("/to", True),
        ("http://a.example/to", True),
        ("http://A.EXAMPLE:80/to", True),
        ("https://a.example/to", False),
        ("http://a.example:81/to", False),
        ("http://b.example/to", False),
        ("//a.example.evil.example/to", False),
    ],
)
@pytest.mark.parametrize("status", [302, 307])
def test_what_was_meant_for_one_origin_goes_to_no_other(location: str, same: bool, status: int) -> None:
    following = next_request(asked(), status, location)
    assert following is not None
    of_origin = {"Authorization", "cookie", "Host"} if same else set()
    assert {name for name, _ in following.headers} == of_origin | {"Content-Type", "X"}


def test_what_described_the_content_goes_with_it() -> None:
    following = next_request(asked("POST", b"x", expects=True), 303, "/to")
    assert following is not None and following.content == b"" and not following.expects
    assert "Content-Type" not in {name for name, _ in following.headers}
    repeated = next_request(asked("POST", b"x", expects=True), 307, "/to")
    assert repeated is not None and repeated.content == b"x" and repeated.expects


@pytest.mark.parametrize("replayable", [True, False])
def test_what_can_be_had_again_follows(replayable: bool) -> None:
    content = Content(lambda: iter([b"x"]), 1, replayable=replayable)
    untouched = next_request(asked("POST", content), 308, "/to")  # the server has answered before it was sent
    assert untouched is not None and untouched.content is content
    assert list(content) == [b"x"]
    following = next_request(asked("POST", content), 303, "/to")
    assert following is not None and following.content == b""
    if replayable:
        repeated = next_request(asked("POST", content), 308, "/to")
        assert repeated is not None and repeated.content is content
    else:
        with pytest.raises(InvalidRequest, match="iterator"):
            next_request(asked("POST", content), 308, "/to")
