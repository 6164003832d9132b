"""Basic, Bearer and netrc: what is sent, to whom, and that no secret is said anywhere else."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from salver.client import (
    BasicAuth,
    BearerAuth,
    Client,
    ClientError,
    ConnectFailed,
    DigestAuth,
    InvalidRequest,
    Timeout,
)
from salver.client.auth import AuthLike, Netrc, as_auth
from tests.client.scripted import OK, Script, ScriptedTransport, network

SECRET = "s3cret"


def authorization(url: str = "http://h/", *, auth: AuthLike = None, trust_env: bool = False) -> str | None:
    transport = network(OK)
    with Client(transport=transport, trust_env=trust_env) as client:
        if auth is None:
            client.get(url)
        else:
            client.get(url, auth=auth)
    lines = [line for line in bytes(transport.wires[0].sent).split(b"\r\n") if line.startswith(b"Authorization: ")]
    assert len(lines) <= 1
    return lines[0][15:].decode() if lines else None


@pytest.mark.parametrize(
    ("user", "password", "value"),
    [
        ("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 §2
        ("test", "123\u00a3", "dGVzdDoxMjPCow=="),  # §2.1
        ("", "", "Og=="),
        ("u", "a:b", base64.b64encode(b"u:a:b").decode()),
    ],
)
def test_basic(user: str, password: str, value: str) -> None:
    assert authorization(auth=(user, password)) == f"Basic {value}"
    assert authorization(auth=BasicAuth(user, password)) == f"Basic {value}"


@pytest.mark.parametrize("kind", [BasicAuth, DigestAuth, lambda *pair: as_auth(pair)])
@pytest.mark.parametrize("pair", [("me", None), (None, "pw"), (b"me", "pw"), ("me", b"pw"), ("me", 1)])
def test_what_is_no_text(kind: Callable[..., object], pair: tuple[object, object]) -> None:
    """As when a variable of the environment is not set: no password of "None" is sent."""
    with pytest.raises(TypeError, match="are str"):
        kind(*pair)


def test_in_the_url() -> None:
    assert authorization("http://us%40er:p%3Aw%C3%BC@h/") == "Basic " + base64.b64encode("us@er:p:wü".encode()).decode()
    assert authorization("http://user@h/") == "Basic " + base64.b64encode(b"user:").decode()
    assert authorization("http://h/") is None
    assert authorization("http://a:b@h/", auth=("c", "d")) == "Basic Yzpk"


def test_bearer() -> None:
    assert authorization(auth=BearerAuth("mF_9.B5f-4.1JqM")) == "Bearer mF_9.B5f-4.1JqM"


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (BasicAuth, ("a:b", SECRET)),
        (BasicAuth, ("a", f"{SECRET}\r\nX: y")),
        (BasicAuth, ("a", f"{SECRET}\0")),
        (BasicAuth, ("a", f"{SECRET}\ud800")),
        (BearerAuth, (f"{SECRET}\r\nX: y",)),
        (BearerAuth, (f"{SECRET}ü",)),
    ],
)
def test_what_cannot_be_sent(kind: type, arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        kind(*arguments)
    assert SECRET not in str(caught.value) + repr(caught.value)


def test_what_is_no_auth() -> None:
    with pytest.raises(TypeError, match=r"\(user, password\)"):
        as_auth("user:pw")  # type: ignore[arg-type]


# netrc


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    return path


def test_netrc(netrc: Path) -> None:
    netrc.write_text(f"machine h login me password {SECRET}\n")
    assert authorization(trust_env=True) == "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert authorization("http://other/", trust_env=True) is None
    assert authorization("http://sub.h/", trust_env=True) is None
    assert authorization("http://u:p@h/", trust_env=True) == "Basic dTpw"
    assert authorization(auth=("u", "p"), trust_env=True) == "Basic dTpw"
    assert authorization(trust_env=False) is None


def test_a_field_of_the_callers_own_stays(netrc: Path) -> None:
    netrc.write_text("default login me password x\n")
    for auth in (None, ("client", "x")):
        transport = network(OK, OK)
        with Client(transport=transport, auth=auth) as client:
            client.get("http://u:p@h/", headers={"authorization": "Own x"})
            client.headers["Authorization"] = "Own y"
            client.get("http://h/")
        sent = [line for line in bytes(transport.wires[0].sent).split(b"\r\n") if line.lower().startswith(b"authori")]
        assert sent == [b"authorization: Own x", b"Authorization: Own y"]


def test_netrc_by_default(netrc: Path) -> None:
    netrc.write_text("default login anonymous password x\n")
    assert authorization("http://any/", trust_env=True) is not None


@pytest.mark.parametrize("content", [b"machine", b"machine h login", b"\xff\xfe", b"nonsense here", b"\0"])
def test_a_netrc_that_is_none(netrc: Path, content: bytes) -> None:
    netrc.write_bytes(content)
    assert authorization(trust_env=True) is None


def test_no_netrc(netrc: Path) -> None:
    assert Netrc().credentials("h") is None
    netrc.mkdir()
    assert Netrc().credentials("h") is None


def test_netrc_of_one_host_does_not_go_to_another(netrc: Path) -> None:
    netrc.write_text(f"machine a login me password {SECRET}\n")
    away = b"HTTP/1.1 302 Found\r\nLocation: http://b/\r\nContent-Length: 0\r\n\r\n"
    transport = ScriptedTransport([Script([away]), Script([OK])])
    with Client(transport=transport) as client:
        client.get("http://a/")
    assert b"Authorization" in transport.wires[0].sent
    assert b"Authorization" not in transport.wires[1].sent


# Silence


def test_no_repr_says_a_secret() -> None:
    for auth in (BasicAuth("u", SECRET), BearerAuth(SECRET), DigestAuth("u", SECRET)):
        assert SECRET not in repr(auth) + str(auth)
    transport = network(OK)
    with Client(transport=transport, trust_env=False) as client:
        response = client.get(f"http://u:{SECRET}@h/", headers={"X-Api-Key": SECRET})
        assert SECRET not in repr(client) + repr(response) + str(response.url) + repr(response.request)


@pytest.mark.parametrize("url", ["http://u:{}@127.0.0.1:1/", "http://u:{}@h", "http://u:{}@[::1]:1/"])
def test_no_error_and_no_log_says_a_secret(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = None if "1/" in url else network(b"garbage\r\n\r\n")
    client = Client(transport=transport, trust_env=False, timeout=Timeout(connect=2))
    with client, pytest.raises(ClientError) as caught:
        client.get(url.format(SECRET))
    assert SECRET not in str(caught.value) + repr(caught.value) + caught.value.url + caplog.text
    if transport is None:
        assert isinstance(caught.value, ConnectFailed)
