"""R1: `GET /register.do?p={…}` as the first programs did it: off unless asked for, and in no log with its password."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.accounts.conftest import PASSWORD, Site
from tests.cli.commands import salver

ADA = {"username": "ada", "nickname": "Lady L", "password": PASSWORD}


def target(sent: Any, more: str = "") -> str:
    text = sent if isinstance(sent, str) else json.dumps(sent, ensure_ascii=False)
    return f"/accounts/register.do?p={quote(text)}{more}"


@pytest.fixture
def by_get(make_site: Callable[..., Site]) -> Site:
    return make_site(register_by_get=True)


def test_it_makes_an_account(by_get: Site) -> None:
    client = by_get.client()
    answer = client.get(target(ADA))
    assert (answer.status, answer.content) == (200, b'{"code": 0, "msg": "ok"}')
    assert answer.headers["Content-Length"] == "24"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.post("/accounts/api/login", json=ADA).json()["user"]["nickname"] == "Lady L"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("sent", [ADA, {**ADA, "password": "short"}])
def test_the_percent_encoded_reply(by_get: Site, sent: dict[str, str], language: str) -> None:
    client = by_get.client(headers={"Accept-Language": language})
    plain = by_get.client(headers={"Accept-Language": language}).get(target({**sent, "username": "bob"}))
    answer = client.get(target(sent, "&encoded=1"))
    assert answer.content.isascii()
    assert json.loads(unquote(answer.text)) == plain.json()
    for each in (answer, plain):
        assert int(each.headers["Content-Length"]) == len(each.content)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({**ADA, "password": "short"}, 200, "weak_password"),
        ({**ADA, "username": ""}, 200, "missing_field"),
        ({"password": PASSWORD}, 200, "missing_field"),
        ({**ADA, "username": 7}, 200, "missing_field"),
        ({**ADA, "password": "x" * 2_000}, 400, "password_too_long"),
        ("[]", 400, "malformed"),
        ("{", 400, "malformed"),
        ("", 400, "malformed"),
        ("\x00", 400, "malformed"),
        ("[" * 2_000, 400, "malformed"),
        ('{"username": "\\ud800"}', 400, "malformed"),
    ],
)
def test_what_is_refused(by_get: Site, sent: Any, status: int, code: str) -> None:
    answer = by_get.client().get(target(sent))
    assert answer.status == status
    said = answer.json()
    assert (said["code"], said["error"]) == (-1, code)
    assert said["msg"]
    assert by_get.accounts.registrar.users() == []


def test_without_a_query(by_get: Site) -> None:
    assert by_get.client().get("/accounts/register.do").json()["code"] == -1
    assert by_get.client().get("/accounts/register.do?" + "&" * 2_000).status == 413


def test_a_name_that_is_taken(by_get: Site, make_site: Callable[..., Site]) -> None:
    assert by_get.client().get(target(ADA)).json()["code"] == 0
    answer = by_get.client().get(target(ADA))
    assert (answer.status, answer.json()["code"], answer.json()["error"]) == (200, -1, "name_taken")
    strict = make_site(register_by_get=True, strict_status=True)
    assert strict.client().get(target(ADA)).status == 409


def test_a_letter_or_a_cache_does_not_register(by_get: Site) -> None:
    """HEAD asks what GET would say: it makes no account, and neither does any other method."""
    for method in ("HEAD", "POST", "PUT", "DELETE"):
        answer = by_get.client().request(method, target(ADA))
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert by_get.accounts.registrar.users() == []


def test_it_is_off_unless_asked_for(site: Site) -> None:
    assert site.client().get(target(ADA)).status == 404
    assert site.accounts.registrar.users() == []


def test_closed_registration_is_closed_here_too(make_site: Callable[..., Site]) -> None:
    site = make_site(register_by_get=True, registration=False)
    answer = site.client().get(target(ADA))
    assert (answer.status, answer.json()["error"]) == (403, "registration_closed")


@pytest.mark.slow
@pytest.mark.parametrize("on", ["1", "0"])
@pytest.mark.parametrize("log_format", ["combined", "json"])
def test_its_password_is_in_no_log(tmp_path: Path, database: str, on: str, log_format: str) -> None:
    """Neither in the access log nor among the debug lines of everything else: whether it is on or
    off, with any method, and with a query that cannot be read. The form of the pages and the JSON leave none, too."""
    log = tmp_path / "access.log"
    secrets = [PASSWORD, "difference%20engine", "difference+engine", "short-secret"]
    arguments = ["--access-log", str(log), "--log-format", log_format]
    env: dict[str, Any] = {"SALVER_DATABASE": database, "BY_GET": on, "CHEAP": "1", "LOG": str(tmp_path / "log")}
    weak = {**ADA, "password": "short-secret"}
    login = json.dumps(ADA).encode()
    form = f"username=ada&password={quote(PASSWORD)}".encode()
    with salver("run", "tests.accounts.served_app:app", *arguments, cwd=Path(__file__).parents[2], **env) as server:
        host, _, port = server.urls[0].removeprefix("http://").rstrip("/").rpartition(":")
        sent = [(method, target(each), b"", "") for each in (ADA, weak) for method in ("GET", "HEAD", "POST", "PATCH")]
        sent += [("GET", f"http://{host}:{port}{target(ADA)}", b"", ""), ("GET", target(ADA) + "&" * 2_000, b"", "")]
        sent += [("POST", f"/accounts/{path}", login, "application/json") for path in ("api/register", "api/login")]
        sent += [("POST", "/accounts/login", form, "application/x-www-form-urlencoded")]
        answers = [ask(host, int(port), *each) for each in sent]
    written = log.read_text() + (tmp_path / "log").read_text()
    assert written.count("register.do") >= len(sent) - 3
    for secret in secrets:
        assert secret not in written
    cookies = [line.partition("=")[2][:43] for answer in answers for line in answer.split("\r\n") if "-Cookie:" in line]
    assert cookies
    assert [cookie for cookie in cookies if cookie in written] == []


def ask(host: str, port: int, method: str, path: str, body: bytes, media_type: str) -> str:
    """The answer as it came; the target may be any, which other clients would mend."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    head += f"Content-Type: {media_type}\r\n" if media_type else ""
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
