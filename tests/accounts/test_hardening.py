"""The hardening list's paragraph on accounts, sentence by sentence, over HTTP. What each comes to in detail is tested
beside the part that does it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from salver.accounts.passwords import Hashing
from tests.accounts.conftest import CHEAP, PASSWORD, Site

LOGIN = "/accounts/api/login"
ADA = {"username": "ada", "password": PASSWORD}


@pytest.mark.parametrize("path", [LOGIN, "/accounts/login"])
@pytest.mark.parametrize("strict", [False, True])
def test_unknown_user_and_wrong_password_have_the_same_status_and_body(
    make_site: Callable[..., Site], path: str, strict: bool
) -> None:
    """The same time: `test_registrar` counts the hashes, the benchmark "accounts-times" measures."""
    site = make_site(strict_status=strict)
    site.accounts.registrar.register("ada", PASSWORD)
    wrong = site.client().post(path, data={"username": "ada", "password": "not this one"})
    unknown = site.client().post(path, data={"username": "bob", "password": "not this one"})
    assert wrong.status == unknown.status
    assert wrong.text.replace("ada", "bob") == unknown.text.replace("ada", "bob")
    fields = [[(name, value) for name, value in each.headers.fields if name != "Date"] for each in (wrong, unknown)]
    assert fields[0] == fields[1]


def test_argon2id_with_19_mib_in_two_passes(make_site: Callable[..., Site], tmp_path: Path) -> None:
    make_site(hashing=None).client().post("/accounts/api/register", json=ADA)
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection:
        ((encoded,),) = connection.execute("SELECT password FROM salver_users").fetchall()
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_one_hash_a_core_and_past_that_503(make_site: Callable[..., Site]) -> None:
    """Whoever cannot have a turn in time is told to come back, and everything else stays up."""
    hashing = Hashing(**CHEAP, at_once=1, wait=0.05)
    site = make_site(hashing=hashing)
    site.accounts.registrar.register("ada", PASSWORD)
    holding, leave = threading.Event(), threading.Event()

    def hold() -> None:
        holding.set()
        leave.wait(20)

    holder = threading.Thread(target=lambda: hashing.verify(None, b"x", hold))
    holder.start()
    try:
        assert holding.wait(20)
        answer = site.client().post(LOGIN, json=ADA)
        assert (answer.status, answer.headers["Retry-After"], answer.json()["error"]) == (503, "2", "busy")
        assert site.client().get("/").status == 200
    finally:
        leave.set()
        holder.join()
    assert site.client().post(LOGIN, json=ADA).json()["code"] == 0


def test_a_password_too_long_to_hash_is_400_and_none_is_cut(site: Site) -> None:
    longest = "long enough, " + "x" * 1_010 + "a"
    client = site.client()
    assert client.post("/accounts/api/register", json={"username": "ada", "password": longest + "b"}).status == 400
    assert client.post("/accounts/api/register", json={"username": "ada", "password": longest}).json()["code"] == 0
    assert client.post(LOGIN, json={"username": "ada", "password": longest[:-1] + "b"}).json()["code"] == -1
    assert client.post(LOGIN, json={"username": "ada", "password": longest}).json()["code"] == 0


def test_passwords_are_compared_as_nfc(site: Site) -> None:
    client = site.client()
    client.post("/accounts/api/register", json={"username": "ada", "password": "fu\u0308nf Ma\u0308use tanzen"})
    assert client.post(LOGIN, json={"username": "ada", "password": "f\u00fcnf M\u00e4use tanzen"}).json()["code"] == 0


@pytest.mark.parametrize("name", ["ADA", "Ａda", "a\u200bda", "ada ", "\ufeffada", "ada\u00a0"])
def test_variants_of_case_form_width_and_blanks_are_one_name(site: Site, name: str) -> None:
    site.accounts.registrar.register("ada", PASSWORD)
    sent = {"username": name, "password": PASSWORD}
    assert site.client().post("/accounts/api/register", json=sent).json()["error"] == "name_taken"
    assert site.client().post(LOGIN, json=sent).json()["user"]["username"] == "ada"


def test_the_session_id_is_256_random_bits_and_stored_hashed(site: Site, tmp_path: Path) -> None:
    ids = {site.logged_in().cookies["salver"] for _ in range(8)}
    assert {len(each) for each in ids} == {43}
    assert len(ids) == 8
    site.accounts.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("accounts.db*"))
    assert [each for each in ids if each.encode() in stored] == []


def test_the_session_id_changes_at_login_and_is_gone_after_logout(site: Site) -> None:
    client = site.logged_in()
    held = [client.cookies["salver"]]
    client.post(LOGIN, json=ADA)
    held.append(client.cookies["salver"])
    assert held[0] != held[1]
    client.post("/accounts/api/logout")
    for each in held:
        assert site.client().get("/mine", headers={"Cookie": f"salver={each}"}).status == 401


def test_a_clients_own_session_id_is_never_adopted(site: Site) -> None:
    site.accounts.registrar.register("ada", PASSWORD)
    client = site.client()
    client.cookies["salver"] = own = "A" * 43
    assert client.post(LOGIN, json=ADA).json()["code"] == 0
    assert client.cookies["salver"] != own
    assert site.client().get("/mine", headers={"Cookie": f"salver={own}"}).status == 401


def test_the_cookie_belongs_to_this_host_and_to_no_script(site: Site) -> None:
    site.accounts.registrar.register("ada", PASSWORD)
    for scheme, begins, ends in [
        ("https", "__Host-salver=", "; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ("http", "salver=", "; Path=/; HttpOnly; SameSite=Lax"),
    ]:
        (field,) = site.client(scheme=scheme).post(LOGIN, json=ADA).headers.get_all("set-cookie")
        assert field.startswith(begins)
        assert field.endswith(ends)
        assert "Domain" not in field


@pytest.mark.parametrize("path", ["api/login", "api/register", "api/logout", "login", "register", "logout"])
def test_a_post_with_a_foreign_origin_is_403(site: Site, path: str) -> None:
    client = site.logged_in()
    answer = client.post(f"/accounts/{path}", json=ADA, headers={"Origin": "https://evil.example"})
    assert answer.status == 403
    assert client.get("/mine").status == 200


@pytest.mark.parametrize("path", ["api/logout", "logout"])
def test_logout_by_get_is_405(site: Site, path: str) -> None:
    client = site.logged_in()
    assert client.get(f"/accounts/{path}").status == 405
    assert client.get("/mine").status == 200


def test_the_eleventh_failure_a_minute_is_429_and_never_a_lock_out(site: Site) -> None:
    site.accounts.registrar.register("ada", PASSWORD)
    client = site.client()
    statuses = [client.post(LOGIN, json={**ADA, "password": "wrong"}).status for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    answer = client.post(LOGIN, json=ADA)
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    elsewhere = site.client(scheme="https", client=("192.0.2.1", 1))
    assert elsewhere.post(LOGIN, json=ADA).json()["code"] == 0, "the account's owner gets in from where they are"


@pytest.mark.parametrize("wanted", ["//evil", "/\\evil", "https:evil"])
def test_next_leads_nowhere_else(site: Site, wanted: str) -> None:
    site.accounts.registrar.register("ada", PASSWORD)
    answer = site.client().post("/accounts/login", data={**ADA, "next": wanted})
    assert (answer.status, answer.headers["Location"]) == (303, "/accounts/account")
