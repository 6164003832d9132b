"""The interfaces for programs: each route, JSON and forms, statuses as the tutorials have them and strict ones."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from salver.accounts.errors import StoreUnavailable
from salver.accounts.tries import MemoryCounter
from tests.accounts.conftest import PASSWORD, Site

ADA = {"username": "ada", "password": PASSWORD}
NEW = "analytical engine"


@pytest.fixture
def strict(make_site: Callable[..., Site]) -> Site:
    return make_site(strict_status=True)


def error_of(answer: Any) -> tuple[int, str, str]:
    said = answer.json()
    assert (said["message"], said["code"]) == ("failed", -1)
    assert said["detail"]
    return answer.status, said["error"], said.get("field", "")


def test_from_registration_to_logging_out(site: Site) -> None:
    client = site.client()
    made = client.post("/accounts/api/register", json={**ADA, "nickname": "Lady L"})
    assert (made.status, made.json()["message"], made.json()["code"]) == (200, "success", 0)
    assert made.json()["user"] == {"username": "ada", "nickname": "Lady L", "created": made.json()["user"]["created"]}
    assert "set-cookie" not in made.headers, "registering is no login"
    assert client.get("/mine").status == 401
    begun = client.post("/accounts/api/login", json=ADA)
    assert (begun.status, begun.json()["message"], begun.json()["code"]) == (200, "success", 0)
    assert client.get("/accounts/api/me").json()["user"]["nickname"] == "Lady L"
    assert client.get("/mine").text == "Hello, Lady L"
    held = client.cookies["salver"]
    assert client.post("/accounts/api/logout").json() == {"message": "success", "code": 0}
    assert client.get("/accounts/api/me").status == 401
    assert client.get("/mine", headers={"Cookie": f"salver={held}"}).status == 401, "gone, not only forgotten"
    assert client.post("/accounts/api/logout").json()["code"] == 0, "twice is once"


@pytest.mark.parametrize("form", [{"data": ADA}, {"data": ADA, "files": {"picture": b"x"}}])
def test_forms_are_taken_as_well(site: Site, form: dict[str, Any]) -> None:
    client = site.client()
    assert client.post("/accounts/api/register", **form).json()["code"] == 0
    assert client.post("/accounts/api/login", **form).json()["code"] == 0
    assert client.get("/mine").status == 200


CASES = [
    ("register", {"username": "", "password": PASSWORD}, 400, "missing_field", "username"),
    ("register", {"username": "   ", "password": PASSWORD}, 400, "missing_field", "username"),
    ("register", {"username": "bob"}, 400, "missing_field", "password"),
    ("register", {"username": 7, "password": PASSWORD}, 400, "missing_field", "username"),
    ("register", {"username": None, "password": PASSWORD}, 400, "missing_field", "username"),
    ("register", {"username": ["bob"], "password": {"a": [PASSWORD]}}, 400, "missing_field", "username"),
    ("register", {"username": "bob", "password": True}, 400, "missing_field", "password"),
    ("register", {"username": "bob", "password": PASSWORD, "nickname": 1}, 400, "missing_field", "nickname"),
    ("register", {"username": "a\nb", "password": PASSWORD}, 422, "bad_name", "username"),
    ("register", {"username": "ada", "password": PASSWORD}, 409, "name_taken", "username"),
    ("register", {"username": " ＡDA\u200b", "password": PASSWORD}, 409, "name_taken", "username"),
    ("register", {"username": "bob", "password": "short"}, 422, "weak_password", "password"),
    ("register", {"username": "bob", "password": "password123"}, 422, "weak_password", "password"),
    ("register", {"username": "bob", "password": PASSWORD, "nickname": "x" * 65}, 422, "bad_nickname", "nickname"),
    ("login", {"username": "ada", "password": "wrong"}, 401, "wrong_credentials", "password"),
    ("login", {"username": "nobody", "password": PASSWORD}, 401, "wrong_credentials", "password"),
    ("login", {"username": "a\0b", "password": PASSWORD}, 401, "wrong_credentials", "password"),
    ("login", {"username": "x" * 5_000, "password": PASSWORD}, 401, "wrong_credentials", "password"),
    ("login", {"username": "ada", "password": "a\0b"}, 401, "wrong_credentials", "password"),
    ("login", {"username": "ada"}, 400, "missing_field", "password"),
    ("login", {}, 400, "missing_field", "username"),
]


@pytest.mark.parametrize(("path", "sent", "status", "code", "field"), CASES)
def test_what_is_refused(
    make_site: Callable[..., Site], path: str, sent: dict[str, Any], status: int, code: str, field: str
) -> None:
    """With 200 as the tutorials' pages expect it, and with a status of its own where that was asked for."""
    for strict_status in (False, True):
        site = make_site(strict_status=strict_status)
        site.logged_in()
        answer = site.client().post(f"/accounts/api/{path}", json=sent)
        assert error_of(answer) == (status if strict_status else 200, code, field)
        assert "set-cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert ("www-authenticate" in answer.headers) is (answer.status == 401)


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"", "application/json", 400, "malformed"),
        (b"{", "application/json", 400, "malformed"),
        (b"[]", "application/json", 400, "malformed"),
        (b'"ada"', "application/json", 400, "malformed"),
        (b"null", "application/json", 400, "malformed"),
        (b'{"username": NaN}', "application/json", 400, "malformed"),
        (b'{"username": "\\ud800", "password": "x"}', "application/json", 400, "malformed"),
        (b'{"username": "a", "username": "b"}', "application/json", 400, "malformed"),
        (b"\xff\xfe", "application/json", 400, "malformed"),
        (b"[" * 16_000, "application/json", 400, "malformed"),
        (b'{"username": "ada", "password": "x"}', "text/plain", 415, "malformed"),
        (b'{"username": "ada", "password": "x"}', "", 415, "malformed"),
        (b"username=ada", "multipart/form-data", 400, "malformed"),
        (b"username=%ff%00&password=x", "application/x-www-form-urlencoded", 200, "wrong_credentials"),
    ],
)
def test_what_cannot_be_read(site: Site, content: bytes, media_type: str, status: int, code: str) -> None:
    fields = {"Content-Type": media_type} if media_type else {}
    answer = site.client().post("/accounts/api/login", content=content, headers=fields)
    assert error_of(answer)[:2] == (status, code)


@pytest.mark.parametrize("path", ["api/register", "api/login", "api/password", "login", "register", "account/password"])
def test_bodies_have_a_bound(site: Site, path: str) -> None:
    answer = site.client().post(f"/accounts/{path}", json={**ADA, "padding": "x" * 20_000})
    assert answer.status == 413


def test_a_megabyte_of_password_is_400(make_site: Callable[..., Site]) -> None:
    """Whatever part of it arrives: past the body's bound it is refused unread, below it before it is hashed."""
    site = make_site()
    for length, status in ((1_025, 400), (10_000, 400), (1_000_000, 413)):
        answer = site.client().post("/accounts/api/login", json={"username": "ada", "password": "x" * length})
        assert answer.status == status, length
    answer = site.client().post("/accounts/api/login", json={"username": "ada", "password": "x" * 1_025})
    assert error_of(answer) == (400, "password_too_long", "password")


@pytest.mark.parametrize("path", ["login", "register", "logout", "password", "sessions/end"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_what_changes_something_is_a_post(site: Site, path: str, method: str) -> None:
    client = site.logged_in()
    answer = client.request(method, f"/accounts/api/{path}")
    assert (answer.status, "POST" in answer.headers["Allow"]) == (405, True)
    assert client.get("/mine").status == 200


@pytest.mark.parametrize("path", ["me", "sessions"])
def test_what_only_reads_is_a_get(site: Site, path: str) -> None:
    assert site.logged_in().post(f"/accounts/api/{path}").status == 405


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "me"), ("GET", "sessions"), ("POST", "password"), ("POST", "sessions/end")]
)
def test_what_needs_a_session(site: Site, method: str, path: str) -> None:
    """401 in either case: it is no answer to a form that somebody filled in."""
    answer = site.client().request(method, f"/accounts/api/{path}")
    assert error_of(answer) == (401, "not_logged_in", "")
    assert answer.headers["WWW-Authenticate"] == 'Session realm="Salver"'


def test_too_many_tries(site: Site) -> None:
    client = site.client()
    for _ in range(10):
        assert error_of(client.post("/accounts/api/login", json=ADA))[0] == 200
    answer = client.post("/accounts/api/login", json=ADA)
    assert error_of(answer) == (429, "too_many_tries", "")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Retry-After"] in answer.json()["detail"]


def test_registration_may_be_closed(make_site: Callable[..., Site]) -> None:
    site = make_site(registration=False)
    assert error_of(site.client().post("/accounts/api/register", json=ADA)) == (403, "registration_closed", "")
    assert site.accounts.registrar.users() == []


def test_what_is_said_is_in_the_readers_language(site: Site) -> None:
    answer = site.client().post("/accounts/api/login", json={}, headers={"Accept-Language": "zh-CN"})
    assert answer.json()["detail"] == "请填写此项。"


# One's own account


def test_changing_the_password(strict: Site) -> None:
    here, there = strict.logged_in(), strict.logged_in()
    path = "/accounts/api/password"
    assert error_of(here.post(path, json={"password": "wrong", "new_password": NEW})) == (
        401,
        "wrong_password",
        "password",
    )
    weak = here.post(path, json={"password": PASSWORD, "new_password": "short"})
    assert error_of(weak) == (422, "weak_password", "new_password")
    long = here.post(path, json={"password": PASSWORD, "new_password": "x" * 2_000})
    assert error_of(long) == (400, "password_too_long", "new_password")
    assert error_of(here.post(path, json={"password": PASSWORD})) == (400, "missing_field", "new_password")
    assert here.post(path, json={"password": PASSWORD, "new_password": NEW}).json()["code"] == 0
    assert here.get("/mine").status == 200
    assert there.get("/mine").status == 401
    assert strict.client().post("/accounts/api/login", json=ADA).status == 401
    assert strict.client().post("/accounts/api/login", json={**ADA, "password": NEW}).status == 200


def test_listing_and_ending_ones_sessions(site: Site) -> None:
    here = site.logged_in(headers={"User-Agent": "Here/1.0"})
    there = site.logged_in(headers={"User-Agent": "There/1.0"}, client=("192.0.2.9", 1), scheme="https")
    bob = site.logged_in("bob")
    listed = here.get("/accounts/api/sessions").json()["sessions"]
    assert {each["agent"]: each["current"] for each in listed} == {"Here/1.0": True, "There/1.0": False}
    assert {each["address"] for each in listed} == {"127.0.0.1", "192.0.2.9"}
    assert here.cookies["salver"] not in json.dumps(listed)
    (other,) = [each["id"] for each in listed if not each["current"]]
    end = "/accounts/api/sessions/end"
    assert bob.post(end, json={"id": other}).json()["ended"] == 0, "another one's"
    assert there.get("/mine").status == 200
    for wrong in ({}, {"id": 7}, {"id": ""}, {"id": [other]}):
        assert here.post(end, json=wrong).json()["error"] == "missing_field"
    assert here.post(end, json={"id": "nothing' OR '1'='1"}).json()["ended"] == 0
    assert here.post(end, json={"id": other}).json()["ended"] == 1
    assert there.get("/mine").status == 401
    site.logged_in()
    site.logged_in()
    assert here.post(end, json={"others": True}).json()["ended"] == 2
    assert here.get("/mine").status == 200
    assert bob.get("/mine").status == 200


def test_logging_in_again_ends_the_session_before(site: Site, tmp_path: Path) -> None:
    """Its id changes, and the old one is of no use: nobody who has planted or seen it goes on with it."""
    client = site.logged_in()
    before = client.cookies["salver"]
    client.post("/accounts/api/login", json=ADA)
    assert client.cookies["salver"] != before
    assert client.get("/mine", headers={"Cookie": f"salver={before}"}).status == 401
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection:
        assert connection.execute("SELECT count(*) FROM salver_sessions").fetchone() == (1,)


@pytest.mark.parametrize("cookie", ["x", "A" * 43, "ü" * 43, '"' + "A" * 43 + '"', "=", "A" * 8_000])
@pytest.mark.parametrize("path", ["api/logout", "api/me", "api/login", "login", "account", "logout"])
def test_cookies_that_nobody_gave(site: Site, cookie: str, path: str) -> None:
    client = site.client()
    method = "GET" if path in ("api/me", "account") else "POST"
    sent: dict[str, Any] = {"json": ADA} if method == "POST" else {}
    site.accounts.registrar.register("ada", PASSWORD)
    answer = client.request(method, f"/accounts/{path}", headers={"Cookie": f"salver={cookie}"}, **sent)
    assert answer.status in (200, 303, 401)
    assert client.get("/mine", headers={"Cookie": f"salver={cookie}"}).status == 401


# From pages elsewhere

THERE = {"Origin": "https://app.example"}
PREFLIGHT = {**THERE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def test_pages_that_were_named_may_ask(make_site: Callable[..., Site]) -> None:
    client = make_site(origins=["https://app.example"]).client(scheme="https", host="example.org")
    asked = client.options("/accounts/api/login", headers=PREFLIGHT)
    assert asked.status in (200, 204)
    assert asked.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert asked.headers["Access-Control-Allow-Credentials"] == "true"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "content-type" in asked.headers["Access-Control-Allow-Headers"].lower()
    for path in ("register", "login"):
        answer = client.post(f"/accounts/api/{path}", json=ADA, headers=THERE)
        assert answer.json()["code"] == 0
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Origin" in answer.headers["Vary"]
    wrong = client.post("/accounts/api/login", json={}, headers=THERE)
    assert wrong.headers["Access-Control-Allow-Origin"] == "https://app.example", "a refusal can be read, too"


def test_other_pages_may_not(make_site: Callable[..., Site]) -> None:
    evil = {"Origin": "https://evil.example"}
    for site in (make_site(origins=["https://app.example"]), make_site()):
        client = site.client(scheme="https", host="example.org")
        asked = client.options("/accounts/api/login", headers={**PREFLIGHT, **evil})
        assert "access-control-allow-origin" not in asked.headers
        answer = client.post("/accounts/api/login", json=ADA, headers=evil)
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


# The database


def test_a_database_that_fails_is_503_everywhere(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site()
    client = site.logged_in()
    client.cookies.clear()
    for path in tmp_path.glob("accounts.db*"):
        path.unlink()
    for name in ("register", "login"):
        answer = client.post(f"/accounts/api/{name}", json=ADA)
        assert error_of(answer) == (503, "store_unavailable", "")
        assert answer.headers["Retry-After"] == "2"
        assert "Try again in 2 seconds" in answer.json()["detail"]
    assert client.get("/").text == "for everybody"
    assert client.get("/accounts/login").status == 200


def test_a_log_out_that_was_not_written_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.logged_in()

    def end_session(token: bytes) -> None:
        raise StoreUnavailable("locked", retry_after=2)

    monkeypatch.setattr(site.accounts._store, "end_session", end_session)
    answer = client.post("/accounts/api/logout")
    assert error_of(answer)[0] == 503
    assert "set-cookie" not in answer.headers
    monkeypatch.undo()
    assert client.post("/accounts/api/logout").status == 200


def test_counts_may_be_kept_elsewhere(make_site: Callable[..., Site]) -> None:
    counter = MemoryCounter()
    one, other = make_site(tries=counter), make_site(tries=counter)
    for number in range(10):
        (one, other)[number % 2].client().post("/accounts/api/login", json=ADA)
    assert one.client().post("/accounts/api/login", json=ADA).status == 429
    assert other.client().post("/accounts/api/login", json=ADA).status == 429


def test_settings_that_are_none(make_site: Callable[..., Site]) -> None:
    with pytest.raises(TypeError):
        make_site(registration_open=True)
