"""Who is trusted and who is not, with an authority of the test's own, and what people are told to do about it."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from salver.client import BrokenResponse, Client, ClientError, InvalidRequest, TLSFailed
from salver.client.tls import TLSSettings
from tests.client.raw_server import Connection, RawServer, answering
from tests.client.scripted import OK

CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server_of(certificate: trustme.LeafCert, *, client_authority: trustme.CA | None = None) -> RawServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if client_authority is not None:
        client_authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return RawServer(answering(OK, OK, OK), context)


def client_of(**settings: object) -> Client:
    return Client(trust_env=False, timeout=10, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_an_authority_that_is_trusted(host: str, authority: trustme.CA, authority_file: Path) -> None:
    with (
        server_of(authority.issue_cert("localhost", "127.0.0.1")) as server,
        client_of(verify=authority_file) as client,
    ):
        url = f"https://{host}:{server.port}/"
        assert [client.get(url).text, client.get(url).text] == ["ok", "ok"]
        assert server.accepted == 1


def test_the_dot_of_the_root_is_not_in_a_certificate(authority: trustme.CA, authority_file: Path) -> None:
    with server_of(authority.issue_cert("localhost")) as server:
        sock = socket.create_connection(("127.0.0.1", server.port))
        TLSSettings(authority_file).secure(sock, "localhost.", 5).close()


def test_a_folder_of_authorities(authority: trustme.CA, tmp_path: Path) -> None:
    """As OpenSSL wants it: named by the hash of the subject. An empty one trusts nobody."""
    with (
        server_of(authority.issue_cert("127.0.0.1")) as server,
        client_of(verify=tmp_path) as client,
        pytest.raises(TLSFailed, match="verify=PATH"),
    ):
        client.get(server.url)


def test_a_context_as_it_is(authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    with server_of(authority.issue_cert("127.0.0.1")) as server, client_of(verify=context) as client:
        assert client.get(server.url).status == 200


def test_nobody_is_asked(authority: trustme.CA) -> None:
    with server_of(authority.issue_cert("elsewhere.example")) as server, client_of(verify=False) as client:
        assert client.get(server.url).status == 200


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))


def wrong_name(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("elsewhere.example")


def foreign(authority: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (expired, "expired; it is over"),
        (wrong_name, "mismatch.*another name"),
        (foreign, "(unable to get local issuer|self-signed).*verify=PATH"),
    ],
)
def test_who_is_not_trusted(
    make: Callable[[trustme.CA], trustme.LeafCert], why: str, authority: trustme.CA, authority_file: Path
) -> None:
    with server_of(make(authority)) as server, client_of(verify=authority_file) as client:
        with pytest.raises(TLSFailed, match=f"(?s)127.0.0.1 is not to be trusted.*({why})") as caught:
            client.get(server.url)
        assert caught.value.url == f"{server.url}/"
        assert server.accepted == 1  # no second try


def test_the_systems_authorities_do_not_know_ours(authority: trustme.CA) -> None:
    with (
        server_of(authority.issue_cert("127.0.0.1")) as server,
        client_of() as client,
        pytest.raises(TLSFailed, match="verify=PATH"),
    ):
        client.get(server.url)


class TestOurOwnCertificate:
    def test_is_shown(self, authority: trustme.CA, authority_file: Path, tmp_path: Path) -> None:
        ours = authority.issue_cert("me@example.com")
        certificate, key = tmp_path / "me.pem", tmp_path / "me.key"
        ours.cert_chain_pems[0].write_to_path(str(certificate))
        ours.private_key_pem.write_to_path(str(key))
        both = tmp_path / "both.pem"
        ours.private_key_and_cert_chain_pem.write_to_path(str(both))
        with server_of(authority.issue_cert("127.0.0.1"), client_authority=authority) as server:
            for given in ((str(certificate), str(key)), str(both), both):
                with client_of(verify=authority_file, cert=given) as client:
                    assert client.get(server.url).status == 200

    def test_is_missed(self, authority: trustme.CA, authority_file: Path) -> None:
        with (
            server_of(authority.issue_cert("127.0.0.1"), client_authority=authority) as server,
            client_of(verify=authority_file) as client,
            pytest.raises((TLSFailed, ClientError)) as caught,
        ):
            client.get(server.url)
        assert "certificate" in str(caught.value) or "connection" in str(caught.value)

    def test_cannot_be_read(self, tmp_path: Path, authority: trustme.CA, authority_file: Path) -> None:
        with (
            server_of(authority.issue_cert("127.0.0.1")) as server,
            client_of(verify=authority_file, cert=tmp_path / "none.pem") as client,
            pytest.raises(TLSFailed, match=r"none\.pem: No such file"),
        ):
            client.get(server.url)

    def test_beside_a_context(self) -> None:
        with pytest.raises(InvalidRequest, match="into the context"):
            client_of(verify=ssl.create_default_context(), cert="me.pem")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with (
        RawServer(answering(OK)) as server,
        client_of(verify=path) as client,
        pytest.raises(TLSFailed, match=r"cannot use the authorities in .*ca\.pem"),
    ):
        client.get(server.url.replace("http:", "https:"))


def test_https_spoken_to_http() -> None:
    def greets(connection: Connection, number: int) -> None:
        connection.exactly(1)
        connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with (
        RawServer(greets) as server,
        client_of(verify=False) as client,
        pytest.raises(TLSFailed, match="is it http:// that is meant"),
    ):
        client.get(server.url.replace("http:", "https:"))


def test_http_spoken_to_https(authority: trustme.CA) -> None:
    """A server that says it in TLS, by an alert; others say it in HTTP, by a 400."""

    def alerts(connection: Connection, number: int) -> None:
        connection.head()
        connection.send(b"\x15\x03\x01\x00\x02\x02\x46")

    with (
        RawServer(alerts) as server,
        client_of() as client,
        pytest.raises(BrokenResponse, match="is it https:// that is meant"),
    ):
        client.get(server.url)


def test_a_server_that_leaves_in_the_handshake() -> None:
    def leaves(connection: Connection, number: int) -> None:
        connection.exactly(100)

    with (
        RawServer(leaves) as server,
        client_of(verify=False) as client,
        pytest.raises(TLSFailed, match="ended the connection during the TLS handshake"),
    ):
        client.get(server.url.replace("http:", "https:"))


def test_an_old_protocol() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with RawServer(answering(OK), context) as server, client_of(verify=False) as client, pytest.raises(TLSFailed):
        client.get(server.url)


def test_a_body_that_is_cut_under_tls(authority: trustme.CA, authority_file: Path) -> None:
    """To the end of the connection, and that comes without a close_notify: it may be a part of what was sent."""

    def cuts(connection: Connection, number: int) -> None:
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\npay 100")  # the socket is closed without a word, as Python does it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with (
        RawServer(cuts, context) as server,
        client_of(verify=authority_file, retries=0) as client,
        pytest.raises(ClientError, match="connection"),
    ):
        client.get(server.url)
