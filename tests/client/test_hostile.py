"""Servers that do harm, or are broken: each response of the table, whole and byte by byte, is the documented error, at
once, and its connection is closed and never used again."""

from __future__ import annotations

import gzip
import zlib
from typing import NamedTuple

import pytest

from salver.client import (
    BrokenCoding,
    BrokenResponse,
    Client,
    ClientError,
    ConnectionLost,
    ReadTimedOut,
    ResponseTooLarge,
    TooManyRedirects,
)
from salver.client.retries import Retries
from tests.client.scripted import END, OK, RESET, SILENCE, Script, ScriptedTransport


class Case(NamedTuple):
    name: str
    answer: bytes
    error: type[ClientError]
    then: str = END


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1")


def redirect(to: str, status: int = 302) -> bytes:
    return head(f"Location: {to}", "Content-Length: 0", status=f"HTTP/1.1 {status} Found")


BOMB = gzip.compress(bytes(4_000_000))
CASES = [
    # Both lengths, two lengths, doubtful lengths
    Case("both lengths", head("Content-Length: 2", "Transfer-Encoding: chunked") + b"0\r\n\r\n", BrokenResponse),
    Case("both, the other way round", head("Transfer-Encoding: chunked", "Content-Length: 2") + b"ok", BrokenResponse),
    Case("two lengths", head("Content-Length: 2", "Content-Length: 3") + b"okk", BrokenResponse),
    Case("two equal lengths", head("Content-Length: 2", "Content-Length: 2") + b"ok", BrokenResponse),
    Case("a list of lengths", head("Content-Length: 2, 2") + b"ok", BrokenResponse),
    Case("a negative length", head("Content-Length: -2") + b"ok", BrokenResponse),
    Case("a length with a sign", head("Content-Length: +2") + b"ok", BrokenResponse),
    Case("a length with an underscore", head("Content-Length: 1_0") + b"ok", BrokenResponse),
    Case("a length in hex", head("Content-Length: 0x2") + b"ok", BrokenResponse),
    Case("a length that is none", head("Content-Length: two") + b"ok", BrokenResponse),
    Case("an empty length", head("Content-Length:") + b"ok", BrokenResponse),
    Case("a length of 5,000 digits", head("Content-Length: " + "9" * 5_000), BrokenResponse),
    Case("a length that overflows", head("Content-Length: 18446744073709551616"), BrokenResponse),
    # Transfer codings
    Case("a coding that is unknown", head("Transfer-Encoding: xchunked") + b"0\r\n\r\n", BrokenResponse),
    Case("gzip as a transfer coding", head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", BrokenResponse),
    Case("chunked twice", head("Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", BrokenResponse),
    Case("chunked, then identity", head("Transfer-Encoding: chunked, identity") + b"0\r\n\r\n", BrokenResponse),
    Case(
        "chunked in HTTP/1.0",
        head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK") + b"0\r\n\r\n",
        BrokenResponse,
    ),
    Case("a Kelvin sign in chunked", head("Transfer-Encoding: chun\xe2\x84\xaaed") + b"0\r\n\r\n", BrokenResponse),
    Case("a vertical tab", head("Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n", BrokenResponse),
    # Chunks
    *(
        Case(f"chunk {body!r}", head("Transfer-Encoding: chunked") + body, BrokenResponse)
        for body in (
            b"xyz\r\nok\r\n0\r\n\r\n",
            b"-2\r\nok\r\n0\r\n\r\n",
            b"0x2\r\nok\r\n0\r\n\r\n",
            b"2 \r\nok\r\n0\r\n\r\n",
            b"\r\nok\r\n0\r\n\r\n",
            b"2\nok\r\n0\r\n\r\n",
            b"2\r\nok0\r\n\r\n",
            b"2\r\nokay\r\n0\r\n\r\n",
            b"11111111111111111\r\n",
            b"2;a\x00b\r\nok\r\n0\r\n\r\n",
            b"2;" + b"a" * 5_000,
            b"0\r\nA: b\r\n c\r\n\r\n",
            b"0\r\n: b\r\n\r\n",
            b"0\r\n" + b"A: b\r\n" * 1_000 + b"\r\n",
        )
    ),
    # Heads
    Case("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", BrokenResponse),
    Case("binary", bytes(range(1, 64)) + b"\r\n\r\n", BrokenResponse),
    Case("HTTP/2", head(status="HTTP/2 200 OK"), BrokenResponse),
    Case("HTTP/0.9", b"<html>hello</html>\r\n\r\n", BrokenResponse),
    Case("a status of two digits", head(status="HTTP/1.1 20 OK"), BrokenResponse),
    Case("a status of four digits", head(status="HTTP/1.1 2000 OK"), BrokenResponse),
    Case("a status below 100", head(status="HTTP/1.1 099 OK"), BrokenResponse),
    Case("a status in words", head(status="HTTP/1.1 OK"), BrokenResponse),
    Case("blanks before the colon", head("Content-Length : 2") + b"ok", BrokenResponse),
    Case("a folded line", head("A: b", " c", "Content-Length: 2") + b"ok", BrokenResponse),
    Case("a line without a colon", head("A"), BrokenResponse),
    Case("a line without a name", head(": b"), BrokenResponse),
    Case("NUL in a value", head("A: b\x00c", "Content-Length: 0"), BrokenResponse),
    Case("a bare CR in a value", head("A: b\rContent-Length: 2", "Content-Length: 0"), BrokenResponse),
    Case("a bare LF in a head", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", BrokenResponse),
    Case("a line that splits", head("Set-Cookie: a=b\nX-Injected: 1", "Content-Length: 0"), BrokenResponse),
    Case("a blank line first", b"\r\n" + head("Content-Length: 0"), BrokenResponse),
    Case("an endless status line", b"HTTP/1.1 200 " + b"O" * 10_000, BrokenResponse),
    Case("an endless head", head()[:-2] + b"A: b\r\n" * 20_000, ResponseTooLarge),
    Case("one endless line", head()[:-2] + b"A: " + b"b" * 50_000, ResponseTooLarge),
    Case("more than 100 fields", head(*["A: b"] * 101), ResponseTooLarge),
    # Interim responses
    Case("endless 1xx", head(status="HTTP/1.1 100 Continue") * 1_000, BrokenResponse),
    Case("endless early hints", head("Link: </a>", status="HTTP/1.1 103 Early Hints") * 1_000, BrokenResponse),
    Case("a switch nobody asked for", head("Upgrade: h2c", status="HTTP/1.1 101 Switching Protocols"), BrokenResponse),
    # What ends too early, or never
    Case("nothing", b"", ConnectionLost),
    Case("half a status line", b"HTTP/1.", ConnectionLost),
    Case("half a head", b"HTTP/1.1 200 OK\r\nContent-", ConnectionLost),
    Case("half a body", head("Content-Length: 1000") + b"half", ConnectionLost),
    Case("a terabyte promised", head("Content-Length: 1000000000000") + b"half", ConnectionLost),
    Case("half a chunk", head("Transfer-Encoding: chunked") + b"5\r\nhal", ConnectionLost),
    Case("no last chunk", head("Transfer-Encoding: chunked") + b"2\r\nok\r\n", ConnectionLost),
    Case("half a last chunk", head("Transfer-Encoding: chunked") + b"2\r\nok\r\n0\r\n", ConnectionLost),
    Case("a reset at once", b"", ConnectionLost, RESET),
    Case("a reset in the body", head("Content-Length: 10") + b"half", ConnectionLost, RESET),
    Case("a reset of a body to the end", head() + b"half", ConnectionLost, RESET),
    Case("silence at once", b"", ReadTimedOut, SILENCE),
    Case("silence in the head", b"HTTP/1.1 200", ReadTimedOut, SILENCE),
    Case("silence in the body", head("Content-Length: 10") + b"half", ReadTimedOut, SILENCE),
    Case("silence behind a 1xx", head(status="HTTP/1.1 100 Continue"), ReadTimedOut, SILENCE),
    # Content codings
    Case("a bomb", head("Content-Encoding: gzip", f"Content-Length: {len(BOMB)}") + BOMB, ResponseTooLarge),
    Case(
        "a bomb in a bomb",
        head("Content-Encoding: gzip, gzip", f"Content-Length: {len(gzip.compress(BOMB))}") + gzip.compress(BOMB),
        ResponseTooLarge,
    ),
    Case("no gzip", head("Content-Encoding: gzip", "Content-Length: 5") + b"plain", BrokenCoding),
    Case("half a gzip", head("Content-Encoding: gzip") + gzip.compress(b"hello" * 50)[:-9], BrokenCoding),
    Case(
        "a gzip whose sum is wrong", head("Content-Encoding: gzip") + gzip.compress(b"hi")[:-8] + bytes(8), BrokenCoding
    ),
    Case("half a deflate", head("Content-Encoding: deflate") + zlib.compress(b"hello" * 50)[:-4], BrokenCoding),
    Case("no brotli", head("Content-Encoding: br", "Content-Length: 5") + b"\xff" * 5, BrokenCoding),
    Case("no zstd", head("Content-Encoding: zstd", "Content-Length: 5") + b"plain", BrokenCoding),
    Case("ten codings", head("Content-Encoding: " + ", ".join(["gzip"] * 10)) + b"x", BrokenCoding),
    Case("too much content", head("Content-Length: 2000000") + bytes(2_000_000), ResponseTooLarge),
    Case("content without an end", head() + bytes(2_000_000), ResponseTooLarge),
    # Redirects
    Case(
        "to a script",
        redirect("javascript:alert(1)"),
        BrokenResponse,
    ),
    Case(
        "to a file",
        redirect("file:///etc/passwd"),
        BrokenResponse,
    ),
    Case("to nowhere", redirect("http://", 301), BrokenResponse),
    Case("to a host with a blank", redirect("//a b/", 307), BrokenResponse),
    Case("through a backslash", redirect("/\\evil", 308), BrokenResponse),
]


def client_of(transport: ScriptedTransport) -> Client:
    return Client(transport=transport, trust_env=False, retries=Retries(lost=0), max_content=1_000_000)


@pytest.mark.parametrize("split", [0, 1, 7])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name[:40])
def test_the_documented_error(case: Case, split: int) -> None:
    if split and len(case.answer) > 60_000:
        split = 8_191  # millions of calls say nothing more
    transport = ScriptedTransport([Script([case.answer], case.then, split)])
    with client_of(transport) as client, pytest.raises(case.error) as caught:
        client.get("http://user:secret@a/x")
    assert type(caught.value) is case.error
    assert caught.value.url == "http://a/x"
    assert caught.value.message
    assert transport.wires[0].closed
    assert len(transport.wires) == 1


def test_the_table_is_as_long_as_promised() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", [case for case in CASES if case.then == END], ids=lambda case: case.name[:40])
def test_the_connection_carries_nothing_more(case: Case) -> None:
    """Also where the error came in the middle of a stream that the caller gave up."""
    transport = ScriptedTransport([Script([case.answer, OK]), Script([OK])])
    with client_of(transport) as client:
        with pytest.raises(ClientError), client.stream("GET", "http://a/x") as response:
            for _ in response.iter_bytes():
                pass
            response.read()  # what is too large to collect is no fault of a stream
            raise BrokenResponse("streamed")
        assert client.get("http://a/").content == b"ok"
    if transport.wires[0].closed is False:
        pytest.fail("left open")


def test_unasked_bytes_close_a_connection() -> None:
    transport = ScriptedTransport([Script([OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"]), Script([OK])])
    with client_of(transport) as client:
        assert client.get("http://a/").content == b"ok"
        assert transport.wires[0].closed
        assert client.get("http://a/").content == b"ok"


def test_a_connection_that_speaks_while_idle_is_not_used() -> None:
    transport = ScriptedTransport([Script([OK, OK]), Script([OK])])
    with client_of(transport) as client:
        client.get("http://a/")
        transport.wires[0].readable = True
        assert client.get("http://a/").content == b"ok"
        assert len(transport.wires) == 2
        assert transport.wires[0].closed


def test_a_circle_of_redirects() -> None:
    transport = ScriptedTransport([Script([redirect("/b"), redirect("/a")] * 50)])
    with client_of(transport) as client, pytest.raises(TooManyRedirects):
        client.get("http://a/a")
    assert transport.wires[0].sent.count(b"GET ") == 21


def test_secrets_stay_with_their_origin() -> None:
    elsewhere = ["http://b/", "https://a/", "http://a:81/", "//b/"]
    for place in elsewhere:
        transport = ScriptedTransport([Script([redirect(place)]), Script([OK])])
        with client_of(transport) as client:
            client.get("http://a/", headers={"Authorization": "s3cret", "Cookie": "k=s3cret"}, cookies={"c": "s3cret"})
        assert b"s3cret" in transport.wires[0].sent
        assert b"s3cret" not in transport.wires[1].sent
        transport = ScriptedTransport([Script([redirect(place)]), Script([OK])])
        with client_of(transport) as client:
            client.get("http://a/", auth=("user", "s3cret"))
        assert b"Authorization: Basic" in transport.wires[0].sent
        assert b"Authorization" not in transport.wires[1].sent


def test_a_redirect_and_back_takes_nothing_along() -> None:
    transport = ScriptedTransport([Script([redirect("http://b/"), OK]), Script([redirect("http://a/x")])])
    with client_of(transport) as client:
        client.get("http://a/", auth=("user", "s3cret"))
    assert transport.wires[0].sent.count(b"Authorization") == 1
