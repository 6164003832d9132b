"""Forgotten passwords on a server of its own, with letters over SMTP: the whole way, that nothing secret is in a log,
and that a mail server that hangs holds up nobody."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from salver.accounts import Accounts
from tests.accounts.mail_server import MailServer
from tests.accounts.servers import salvers, until
from tests.accounts.visitors import PASSWORD, ask
from tests.cli.commands import salver

NEW = "analytical engine"
MAIL = "ada@example.org"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "page.txt").write_text("a page\n")
    return folder


@pytest.fixture
def mail_server(tls_pair: tuple[Path, Path]) -> Iterator[MailServer]:
    """One that wants TLS, and a password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_pair)
    with MailServer(tls=context, login=("salver", "p@ss word")) as server:
        yield server


def options(database: str, server: MailServer, *more: str, user: str = "salver@") -> list[str]:
    return [
        *("--accounts", database, "--accounts-registration"),
        *("--accounts-mailer", f"smtp://{user}localhost:{server.port}"),
        *("--accounts-mail-from", "The site <no-reply@example.org>", "--accounts-public-url", "https://example.org"),
        *more,
    ]


def post(address: str, path: str, **fields: str) -> Any:
    return ask(address, "POST", f"/accounts/api/{path}", fields).json


def test_the_whole_way_and_what_the_logs_say_of_it(
    site: Path, database: str, mail_server: MailServer, tls_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    password_file, log = tmp_path / "password", tmp_path / "access.log"
    password_file.write_text("p@ss word\n")
    arguments = options(database, mail_server, "--accounts-mail-password-file", str(password_file))
    with salver(
        str(site), *arguments, "--access-log", str(log), "--log-format", "json", SSL_CERT_FILE=str(tls_pair[0])
    ) as server:
        address = server.urls[0].removeprefix("http://").rstrip("/")
        sent = {"username": "ada", "password": PASSWORD, "email": MAIL}
        assert post(address, "register", **sent)["code"] == 0
        letter = mail_server.take()
        assert (letter.sender, letter.to) == ("no-reply@example.org", MAIL)
        assert letter.link.startswith("https://example.org/accounts/confirm?token=")
        tokens = [letter.link.partition("=")[2]]
        assert ask(address, "GET", f"/accounts/confirm?token={tokens[0]}").status == 200
        assert post(address, "confirm", token=tokens[0])["email"] == MAIL
        assert post(address, "forgotten", account=MAIL)["code"] == 0
        tokens.append(mail_server.take().link.partition("=")[2])
        for method in ("GET", "HEAD", "PUT"):
            ask(address, method, f"/accounts/reset?token={tokens[1]}")
        absolute = f"GET http://{address}/accounts/reset?token={tokens[1]} HTTP/1.1\r\nHost: {address}\r\n"
        assert raw(address, absolute).startswith(b"HTTP/1.1 200 ")
        assert post(address, "reset", token=tokens[1], password=NEW)["code"] == 0
        assert "was changed" in mail_server.take().text
        assert post(address, "login", username="ada", password=PASSWORD)["code"] == -1
        assert post(address, "login", username="ada", password=NEW)["code"] == 0
    written = log.read_text()
    paths = {json.loads(line)["target"] for line in written.splitlines()}
    assert {"/accounts/reset", "/accounts/confirm"} <= paths
    for secret in (*tokens, "token", MAIL, quote(MAIL), PASSWORD, NEW, "p@ss"):
        assert secret not in written
    assert b"AUTH" in b"".join(mail_server.said)


def raw(address: str, head: str) -> bytes:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_the_environment_may_have_the_password(
    site: Path, database: str, mail_server: MailServer, tls_pair: tuple[Path, Path]
) -> None:
    env: dict[str, Any] = {"SALVER_MAIL_PASSWORD": "p@ss word", "SSL_CERT_FILE": str(tls_pair[0])}
    with salver(str(site), *options(database, mail_server), "--workers", "2", **env) as server:
        address = server.urls[0].removeprefix("http://").rstrip("/")
        post(address, "register", username="ada", password=PASSWORD, email=MAIL)
        assert mail_server.take().to == MAIL


def test_a_mail_server_that_hangs_holds_up_nobody(database: str) -> None:
    with closing(Accounts(database)) as accounts:
        user = accounts.registrar.register("ada", PASSWORD)
        accounts.links.set_email(user.id, MAIL, MAIL, 1_000)
    hanging = MailServer(drips=True)
    app: dict[str, Any] = {"app": "tests.accounts.served_app:app", "MAIL_SERVER": f"smtp://127.0.0.1:{hanging.port}"}
    with salvers(1, database, **app) as (server,):
        with hanging:
            began = time.monotonic()
            for account in ("ada", "nobody", "ada", "nobody"):
                answer = ask(server.address, "POST", "/mailed/api/forgotten", {"account": account})
                assert answer.json["code"] == 0
            assert post(server.address, "login", username="ada", password=PASSWORD)["code"] == 0
            assert time.monotonic() - began < 25, "and not the mailer's 30 seconds each"
        until(lambda: "a letter was not sent" in server.said)
        assert MAIL not in server.said


def test_a_letter_that_was_promised_is_sent_by_a_server_that_is_told_to_stop(site: Path, database: str) -> None:
    with MailServer() as mail:
        with salver(str(site), *options(database, mail, user="")) as server:
            address = server.urls[0].removeprefix("http://").rstrip("/")
            assert post(address, "register", username="ada", password=PASSWORD, email=MAIL)["code"] == 0
        assert mail.letters.get_nowait().to == MAIL, "before it has ended"
