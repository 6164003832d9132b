"""Digest: the examples of the RFCs, several challenges, nonces that grow old, and one challenge for each origin."""

from __future__ import annotations

import hashlib
import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.client import Client, DigestAuth, InvalidRequest
from salver.client.digest import maybe_challenge
from salver.client.message import Request
from salver.client.response import Response
from salver.client.url import parse_url
from tests.client.scripted import OK, Script, ScriptedTransport, network

RFC_7616 = (
    'realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def unauthorized(*challenges: str) -> bytes:
    lines = [f"WWW-Authenticate: {each}" for each in challenges]
    return "\r\n".join(["HTTP/1.1 401 Unauthorized", "Content-Length: 0", *lines, "", ""]).encode("latin-1")


def authorizations(sent: bytes | bytearray) -> list[str]:
    return [line[15:].decode("latin-1") for line in bytes(sent).split(b"\r\n") if line.startswith(b"Authorization: ")]


def fields(authorization: str) -> dict[str, str]:
    found = re.findall(r'([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^,]*))', authorization.removeprefix("Digest "))
    return {name: quoted or bare for name, quoted, bare in found}


def answered(
    challenge: str, user: str = "Mufasa", password: str = "Circle of Life", path: str = "/dir/index.html"
) -> dict[str, str]:
    transport = network(unauthorized(challenge), OK)
    auth = DigestAuth(user, password, lambda: CNONCE)
    with Client(transport=transport, trust_env=False) as client:
        assert client.get(f"http://www.example.org{path}", auth=auth).status == 200
    (sent,) = authorizations(transport.wires[0].sent)
    return fields(sent)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("sha-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    told = answered("Digest " + RFC_7616.format(algorithm))
    assert told == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": response,
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }


def test_a_hashed_name_with_sha_512_256() -> None:
    """RFC 7616 §3.9.2, with the values of its erratum 4897."""
    challenge = (
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, userhash=true, charset=UTF-8, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS"'
    )
    transport = network(unauthorized(challenge), OK)
    auth = DigestAuth("J\u00e4s\u00f8n Doe", "Secret, or not?", lambda: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    with Client(transport=transport, trust_env=False) as client:
        client.get("http://api.example.org/doe.json", auth=auth)
    told = fields(authorizations(transport.wires[0].sent)[0])
    assert told["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert told["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert told["userhash"] == "true"


def test_without_qop_as_in_rfc_2069() -> None:
    told = answered('Digest realm="r", nonce="n"', "user", "pw", "/")
    assert told.keys() == {"username", "realm", "nonce", "uri", "response"}

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    assert told["response"] == md5(f"{md5('user:r:pw')}:n:{md5('GET:/')}")


def test_a_session_is_bound_to_its_first_nonces() -> None:
    def sha(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256-sess'
    transport = network(unauthorized(challenge), OK, OK)
    auth = DigestAuth("user", "pw")
    with Client(transport=transport, trust_env=False, auth=auth) as client:
        client.get("http://h/a")
        client.get("http://h/b")
    first, second = (fields(each) for each in authorizations(transport.wires[0].sent))
    assert (first["nc"], second["nc"]) == ("00000001", "00000002")
    a1 = sha(f"{sha('user:r:pw')}:n:{first['cnonce']}")
    for told, path in ((first, "/a"), (second, "/b")):
        middle = f"n:{told['nc']}:{told['cnonce']}:auth"
        assert told["response"] == sha(f"{a1}:{middle}:{sha('GET:' + path)}")


def test_what_is_quoted() -> None:
    told = answered(r'Digest realm="a\"b\\c, d", nonce="n, x=y", qop=auth', 'us"er', "pw", "/a?b,c")
    assert told["realm"] == r"a\"b\\c, d"
    assert told["username"] == r"us\"er"
    assert told["nonce"] == "n, x=y"
    assert told["uri"] == "/a?b,c"


def test_a_name_outside_ascii() -> None:
    assert answered('Digest realm="r", nonce="n", charset=UTF-8', "jäsøn")["username*"] == "UTF-8''j%C3%A4s%C3%B8n"


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_realm_outside_ascii(charset: str) -> None:
    """The hash is of the bytes that the server sent, whatever it meant by them."""
    realm = "Geschützt".encode(charset)
    told = answered(f'Digest realm="{realm.decode("latin-1")}", nonce="n"', "user", "pw", "/")
    secret = hashlib.md5(b"user:" + realm + b":pw").hexdigest()
    what = hashlib.md5(b"GET:/").hexdigest()
    assert told["response"] == hashlib.md5(f"{secret}:n:{what}".encode()).hexdigest()
    assert told["realm"].encode("latin-1") == realm


# Several challenges


@pytest.mark.parametrize(
    ("values", "nonce"),
    [
        (['Digest nonce="a"'], "a"),
        (["digest NONCE=a"], "a"),
        (['Basic realm="x", Digest nonce="a", realm="y"'], "a"),
        (['Digest realm="y", nonce="a", Basic realm="x"'], "a"),
        (["Negotiate, Digest nonce=a"], "a"),
        (["Negotiate YWJj==, Digest nonce=a"], "a"),
        (["Basic realm=x", "Digest nonce=a"], "a"),
        (['Digest nonce="a", algorithm=MD5', 'Digest nonce="b", algorithm=SHA-256'], "b"),
        (['Digest nonce="b", algorithm=SHA-256, Digest nonce="a", algorithm=MD5'], "b"),
        (['Digest nonce="a", algorithm="MD5", Digest nonce="c", algorithm=SHA-512-256, Digest nonce="b"'], "c"),
        (["Digest nonce=a, algorithm=SHA3-512", "Digest nonce=b"], "b"),
        (["Digest nonce=a, qop=auth-int", "Digest nonce=b"], "b"),
        (['Digest nonce=a, qop="auth-int,auth"'], "a"),
        (["Digest nonce=a, nonce=b"], "a"),
        ([", ,Digest  nonce = a ,"], "a"),
        (['Basic realm="Digest nonce=x", Digest nonce=a'], "a"),
        (["Basic realm=Digest nonce=x"], None),
        (["Basic realm=x"], None),
        (["Digest"], None),
        (["Digest realm=x"], None),
        (["Digest nonce=a, algorithm=token"], None),
        (["Digest nonce=a, qop=auth-int"], None),
        (["NotDigest nonce=a"], None),
        ([""], None),
        ([], None),
    ],
)
def test_which_is_answered(values: list[str], nonce: str | None) -> None:
    challenge = maybe_challenge(values)
    assert (challenge["nonce"] if challenge is not None else None) == nonce


@pytest.mark.parametrize(
    "value", ["Digest " * 20_000, "a=" * 50_000, 'Digest a="' + "\\" * 100_000, ", " * 50_000, "a " * 50_000]
)
def test_in_linear_time(value: str) -> None:
    began = time.process_time()
    maybe_challenge([value])
    assert time.process_time() - began < 1


@given(st.text('Digest nonce="\\,; a1', max_size=60))
def test_whatever_is_asked(value: str) -> None:
    challenge = maybe_challenge([value])
    assert challenge is None or "nonce" in challenge


# Nonces


CHALLENGE = 'Digest realm="r", nonce="{}", qop="auth"{}'


def test_the_first_request_alone_is_refused() -> None:
    transport = network(unauthorized(CHALLENGE.format("n", "")), OK, OK)
    with Client(transport=transport, trust_env=False, auth=DigestAuth("u", "p")) as client:
        assert [client.get("http://h/").status for _ in range(2)] == [200, 200]
    told = [fields(each) for each in authorizations(transport.wires[0].sent)]
    assert [each["nc"] for each in told] == ["00000001", "00000002"]
    assert told[0]["cnonce"] != told[1]["cnonce"]


@pytest.mark.parametrize("second", [CHALLENGE.format("m", ", stale=TRUE"), CHALLENGE.format("m", "")])
def test_a_nonce_that_has_grown_old(second: str) -> None:
    transport = network(unauthorized(CHALLENGE.format("n", "")), OK, unauthorized(second), OK)
    with Client(transport=transport, trust_env=False, auth=DigestAuth("u", "p")) as client:
        assert [client.get("http://h/").status for _ in range(2)] == [200, 200]
    assert [fields(each)["nonce"] for each in authorizations(transport.wires[0].sent)] == ["n", "n", "m"]


def test_a_wrong_password_is_not_sent_for_ever() -> None:
    refusal = unauthorized(CHALLENGE.format("n", ""))
    transport = network(*[refusal] * 9)
    with Client(transport=transport, trust_env=False, auth=DigestAuth("u", "p")) as client:
        assert client.get("http://h/").status == 401
        assert len(authorizations(transport.wires[0].sent)) == 1
        assert client.get("http://h/").status == 401
    assert len(authorizations(transport.wires[0].sent)) == 2


def test_each_origin_has_a_challenge_of_its_own() -> None:
    transport = ScriptedTransport(
        [
            Script([unauthorized(CHALLENGE.format("n", "")), OK, OK]),
            Script([unauthorized(CHALLENGE.format("m", "")), OK]),
        ]
    )
    with Client(transport=transport, trust_env=False, auth=DigestAuth("u", "p")) as client:
        assert client.get("http://a/").status == 200
        assert client.get("http://b/").status == 200
        assert client.get("http://a/").status == 200
    assert bytes(transport.wires[1].sent).split(b"\r\n\r\n")[0].count(b"Authorization") == 0
    assert [fields(each)["nonce"] for each in authorizations(transport.wires[0].sent)] == ["n", "n"]


def test_it_does_not_go_to_another_origin() -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n"
    transport = ScriptedTransport(
        [Script([unauthorized(CHALLENGE.format("n", "")), away]), Script([unauthorized(CHALLENGE.format("e", ""))])]
    )
    with Client(transport=transport, trust_env=False) as client:
        assert client.get("http://a/", auth=DigestAuth("u", "p")).status == 401
    assert authorizations(transport.wires[1].sent) == []


def test_a_body_is_sent_again() -> None:
    transport = network(unauthorized(CHALLENGE.format("n", "")), OK)
    with Client(transport=transport, trust_env=False) as client:
        client.post("http://a/", content=b"the body", auth=DigestAuth("u", "p"))
    assert transport.wires[0].sent.count(b"the body") == 2


def test_counts_are_never_given_twice() -> None:
    auth = DigestAuth("u", "p")
    request = Request("GET", parse_url("http://h/"), [])
    transport = network(unauthorized(CHALLENGE.format("n", "")))
    with Client(transport=transport, trust_env=False) as client:
        refused: Response = client.get("http://h/")
    assert auth.answer(request, refused) is not None
    counts: list[str] = []

    def ask() -> None:
        counts.extend(fields(auth.prepare(request).header("authorization") or "")["nc"] for _ in range(200))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(counts)) == 800


def test_names_that_cannot_be_sent() -> None:
    with pytest.raises(InvalidRequest):
        DigestAuth("a\r\nX: y", "p")
