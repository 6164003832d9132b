"""What a jar keeps, in which order it sends it, and what makes room."""

from __future__ import annotations

import pytest

from salver.client import Client, InvalidRequest
from salver.client.cookies import CookieJar
from salver.client.url import parse_url
from tests.client.scripted import OK, Script, ScriptedTransport
from tests.client.test_cookies import Clock, jar_with, sent


def test_longer_paths_first_then_the_older() -> None:
    jar = jar_with("a=1; Path=/", "b=2; Path=/a", "c=3; Path=/", "d=4; Path=/a/b", "a=5; Path=/")
    assert sent(jar, "https://www.example.com/a/b") == "d=4; b=2; a=5; c=3"


def test_the_same_name_for_a_host_and_for_a_domain() -> None:
    jar = jar_with("a=1; Domain=www.example.com; Path=/", "a=2; Path=/")
    assert sent(jar, "https://www.example.com/") == "a=1; a=2"


def test_without_a_name() -> None:
    assert sent(jar_with("alone"), "https://www.example.com/a") == "alone"


def test_the_oldest_of_a_domain_goes_first_and_secure_ones_last() -> None:
    jar = jar_with(*[f"s{number}=x; Secure" for number in range(10)], *[f"a{number}=x" for number in range(60)])
    names = [each.name for each in jar]
    assert len(names) == 50
    assert names == [f"s{number}" for number in range(10)] + [f"a{number}" for number in range(20, 60)]


def test_those_that_have_ended_go_before_those() -> None:
    clock = Clock()
    jar = CookieJar(clock)
    url = parse_url("http://h/")
    jar.take(url, [f"a{number}=x" for number in range(49)] + ["gone=x; Max-Age=1"])
    clock.now += 2
    jar.take(url, ["b=x"])
    assert len(jar) == 50
    jar.take(url, ["b=y", "a0=y"])  # in the place of another: no room is needed
    assert len(jar) == 50 and jar["a0"] == jar["b"] == "y"


def test_one_that_will_end_is_not_one_that_has() -> None:
    jar = jar_with(*[f"a{number}=x" for number in range(49)], "later=x; Max-Age=1000", "b=x")
    names = {each.name for each in jar}
    assert len(names) == 50 and "later" in names and "a0" not in names


def test_what_is_put_in_for_an_address_goes_to_it_alone() -> None:
    jar = CookieJar(Clock())
    jar.set("a", "x", "127.0.0.1", host_only=False)
    assert sent(jar, "http://127.0.0.1/") == "a=x"
    assert sent(jar, "http://b.127.0.0.1/") == ""


def test_in_all_there_is_an_end_too() -> None:
    jar = CookieJar(Clock())
    for number in range(3_005):
        jar.set("a", "x", f"h{number}.example")
    assert len(jar) == 3_000
    assert sent(jar, "http://h4.example/") == ""
    assert sent(jar, "http://h3004.example/") == "a=x"


def test_as_a_mapping() -> None:
    jar = jar_with("a=1; Path=/", "a=2; Path=/x", "b=3")
    assert (jar["a"], jar["b"], jar.get("c"), jar.get("c", "d")) == ("2", "3", None, "d")
    assert "a" in jar and "c" not in jar
    with pytest.raises(KeyError):
        jar["c"]
    jar.clear()
    assert not jar


@pytest.mark.parametrize(
    "pair", [("a", "b\r\nX: y"), ("a", "b\n"), ("a", "b; c=d"), ("a=b", "c"), ("a;", ""), ("", "\0")]
)
def test_what_cannot_be_sent_as_one_cookie(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        CookieJar().set(*pair, domain="h")
    transport = ScriptedTransport([Script([OK])])
    with Client(transport=transport, trust_env=False) as client, pytest.raises(InvalidRequest):
        client.get("http://h/", cookies=dict([pair]))
    assert not transport.wires


def test_through_a_client() -> None:
    setting = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\nset-cookie: b=2; Path=/x\r\n\r\n"
    transport = ScriptedTransport([Script([setting, OK, OK, OK]), Script([OK])])
    with Client(transport=transport, trust_env=False, cookies={"c": "3"}) as client:
        client.get("http://h/")
        client.get("http://h/x/")
        client.get("http://h/", cookies={"a": "9"})
        client.get("http://h/", headers={"Cookie": "mine=1"})
        client.get("http://other/")
        assert client.cookies["a"] == "1"
    lines = [line for line in bytes(transport.wires[0].sent).split(b"\r\n") if line.startswith(b"Cookie")]
    assert lines == [b"Cookie: c=3", b"Cookie: b=2; a=1; c=3", b"Cookie: c=3; a=9", b"Cookie: mine=1"]
    assert b"a=1" not in transport.wires[1].sent
