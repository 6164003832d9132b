"""The tutorial's servers, each run as it says: echo, hello, the login's interface, and registration."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.examples.running import ROOT, SECONDS, TUTORIAL, Tutorial, running

USER = {"SALVER_USER": "ada", "SALVER_PASSWORD": "Königin"}
SECRET = "plain secret"


@pytest.mark.parametrize("path", sorted(TUTORIAL.glob("*.py")), ids=lambda path: path.name)
def test_a_tutorial_is_short_and_tested(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60
    assert f'running("{path.name}"' in Path(__file__).read_text()


# T7


def test_five_clients_are_echoed_at_once() -> None:
    with running("echo.py") as tutorial:
        echoed: dict[str, float] = {}

        def send(line: str) -> None:
            with socket.create_connection(("127.0.0.1", tutorial.port), timeout=SECONDS) as client:
                client.sendall(line.encode() + b"\n")
                received = client.makefile("rb").read().decode()
            echoed[received] = time.monotonic() - begun

        clients = [threading.Thread(target=send, args=(f"Grüße {number}",)) for number in range(5)]
        begun = time.monotonic()
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        assert set(echoed) == {f"Grüße {number}\n" for number in range(5)}
        assert min(echoed.values()) >= 1.0
        assert max(echoed.values()) < 1.9  # one after the other would take 5


# H8


def test_hello() -> None:
    with running("hello.py") as tutorial:
        for path in ("/", "/anything?at=all"):
            response, body = tutorial.ask("GET", path)
            assert (response.status, body) == (200, b"<h1>Hello World</h1>")
            assert response.getheader("Content-Type") == "text/html; charset=utf-8"
        response, body = tutorial.ask("POST", "/", "grün".encode())
        assert (response.status, body.decode()) == (200, "You said: grün\n")
        assert response.getheader("Content-Length") == str(len(body))


# S4


def log_in(tutorial: Tutorial, **credentials: object) -> tuple[int, object]:
    response, body = tutorial.ask("POST", "/api/login", json.dumps(credentials).encode())
    assert response.getheader("Access-Control-Allow-Origin") == "*"
    assert response.getheader("Content-Type") == "application/json"
    return response.status, json.loads(body)


SUCCESS = 200, {"message": "success", "code": 0}
FAILED = 200, {"message": "failed", "code": -1}


def test_logging_in() -> None:
    with running("login.py", **USER) as tutorial:
        assert log_in(tutorial, username="ada", password="Königin") == SUCCESS
        for name, password in (("ada", "x"), ("eve", "Königin"), ("", ""), ("ädä", "Ko\u0308nigin"), ("ada", "\ud800")):
            assert log_in(tutorial, username=name, password=password) == FAILED
    assert "nigin" not in tutorial.log


def test_a_login_that_is_none_is_told_so() -> None:
    with running("login.py", **USER) as tutorial:
        for wrong in (
            {},
            {"username": "ada"},
            {"username": 1, "password": None},
            {"username": ["ada"], "password": {}},
        ):
            status, answer = log_in(tutorial, **wrong)
            assert status == 400
            assert isinstance(answer, dict)
            assert answer["code"] == -1
            assert "username" in answer["message"]
        for garbage in (b"", b"{", b"\xff", b"[]", b"[" * 100_000, b'"text"', b"7"):
            assert tutorial.ask("POST", "/api/login", garbage)[0].status == 400
        for elsewhere in ("/", "/login", "/api/login/", "/api/login.html"):
            assert tutorial.ask("POST", elsewhere, b"{}")[0].status == 404
        assert log_in(tutorial, username="ada", password="Königin") == SUCCESS


def test_a_page_from_elsewhere_asks_first() -> None:
    with running("login.py", **USER) as tutorial:
        response, body = tutorial.ask(
            "OPTIONS",
            "/api/login",
            Origin="http://elsewhere",
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="content-type",
        )
    assert (response.status, body) == (204, b"")
    assert response.getheader("Access-Control-Allow-Origin") == "*"
    assert response.getheader("Access-Control-Allow-Methods") == "POST"
    assert response.getheader("Access-Control-Allow-Headers") == "Content-Type"
    assert response.getheader("Content-Length") is None  # RFC 9110 §8.6


def test_the_user_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("grace\ncobol 60\n")
    with running("login.py", str(tmp_path / "user"), **USER) as tutorial:
        assert log_in(tutorial, username="grace", password="cobol 60") == SUCCESS
        assert log_in(tutorial, username="ada", password="Königin") == FAILED
        assert tutorial.ask("GET", "/")[0].getheader("Content-Type", "").startswith("text/html")
        assert tutorial.ask("GET", "/../login.py")[0].status == 404


@pytest.mark.parametrize("user", [{}, {"SALVER_USER": "ada"}, {"SALVER_USER": "ada", "SALVER_PASSWORD": ""}])
def test_without_a_user_nobody_serves(user: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SALVER_")}
    done = subprocess.run(
        [sys.executable, str(TUTORIAL / "login.py"), "0"],
        env={**environment, "PYTHONPATH": str(ROOT / "src"), **user},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "SALVER_PASSWORD" in done.stderr


# R1


def account(username: str, password: str = SECRET, nickname: str = "Nick") -> str:
    return json.dumps({"username": username, "nickname": nickname, "password": password}, ensure_ascii=False)


def test_registering_by_a_url() -> None:
    with running("register.py") as tutorial:
        for name in ("ada", "grâce & co", "+%2F"):
            response, body = tutorial.ask("GET", "/register.do?p=" + quote(account(name)))
            assert (response.status, json.loads(body)) == (200, {"code": 0, "msg": "ok"})
            assert response.getheader("Content-Length") == str(len(body))
        response, body = tutorial.ask("GET", f"/register.do?p={quote(account('eve'))}&encoded=1")
        assert body.isascii()
        assert b"{" not in body
        assert json.loads(unquote(body.decode())) == {"code": 0, "msg": "ok"}
        assert response.getheader("Content-Length") == str(len(body))
        response, body = tutorial.ask("GET", "/register.do?p=" + quote(account("ada")))
        assert (response.status, json.loads(body)) == (409, {"code": -1, "msg": "this username is taken"})
    assert tutorial.log.count("GET /register.do 200") == 4
    assert "plain" not in tutorial.log


def test_registering_by_a_body() -> None:
    with running("register.py") as tutorial:
        response, body = tutorial.ask("POST", "/api/register", account("ada", "pä ss+&").encode())
        assert (response.status, json.loads(body)) == (200, {"code": 0, "msg": "ok"})
        assert tutorial.ask("POST", "/api/register", account("ada").encode())[0].status == 409
        assert tutorial.ask("POST", "/register.do", account("eve").encode())[0].status == 404
        assert tutorial.ask("GET", "/api/register?p=" + quote(account("eve")))[0].status == 404
    assert SECRET not in tutorial.log


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "{",
        "[]",
        "7",
        '"x"',
        "{}",
        '{"username": "ada"}',
        '{"username": 1, "nickname": 2, "password": 3}',
        "[" * 2_000,
    ],
)
def test_what_is_no_account_is_told_so(sent: str) -> None:
    with running("register.py") as tutorial:
        for response, body in (
            tutorial.ask("GET", "/register.do?p=" + quote(sent)),
            tutorial.ask("POST", "/api/register", sent.encode()),
        ):
            assert response.status == 400
            answer = json.loads(body)
            assert answer["code"] == -1
            assert "username" in answer["msg"]


def test_an_empty_name_or_password_is_told_so() -> None:
    with running("register.py") as tutorial:
        for sent in (account(""), account("  "), account("ada", "")):
            response, body = tutorial.ask("POST", "/api/register", sent.encode())
            assert (response.status, "empty" in json.loads(body)["msg"]) == (400, True)


def test_a_password_in_a_malformed_request_is_in_no_log() -> None:
    with running("register.py") as tutorial:
        for target in (
            "/register.do?p=plain secret",
            "/register.do?p=plain\x01secret",
            "/register.do?p=" + "plain" * 9_999,
        ):
            with socket.create_connection(("127.0.0.1", tutorial.port), timeout=SECONDS) as client:
                client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert client.recv(100).startswith(b"HTTP/1.1 4")
        response, _ = tutorial.ask("GET", "/elsewhere?p=plain")
        assert response.status == 404
    assert "plain" not in tutorial.log
