"""The pages of forgotten passwords, without a script: what is shown, that looking changes nothing, and that a link's
secret stays where it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from salver.accounts.letters import LETTERS
from salver.accounts.texts import CHINESE, ENGLISH
from salver.testing import TestClient
from tests.accounts.conftest import PASSWORD, Post, Site
from tests.accounts.recovering import ADA, MAIL, NEW, logs_in, me, send
from tests.accounts.test_pages import ENGLISH as IN_ENGLISH
from tests.accounts.test_pages import HOSTILE, Page

VOID = "This link holds no more: it was used, or is too old. Ask for another one."


def fill_in(client: TestClient, path: str, /, **fields: Any) -> Any:
    """As a browser sends a form of a page that sends no Referer: it comes from nowhere."""
    origin = {"Origin": "null"} if path in ("reset", "confirm") else {}
    return client.post(f"/accounts/{path}", data=fields, headers={**IN_ENGLISH, **origin})


def forgotten(site: Site, post: Post) -> str:
    assert fill_in(site.client(), "forgotten", account="ada").status == 303
    return post.token("reset")


def test_the_whole_way(confirmed: Site, post: Post) -> None:
    client = confirmed.client()
    login = Page(client.get("/accounts/login", headers=IN_ENGLISH).text)
    assert "/accounts/forgotten" in [each["href"] for each in login.all("a")]
    form = Page(client.get("/accounts/forgotten", headers=IN_ENGLISH).text)
    assert (form.input("account")["autocomplete"], form.input("account")["type"]) == ("username", "text")
    asked = fill_in(client, "forgotten", account="ada")
    assert (asked.status, asked.headers["Location"]) == (303, "/accounts/forgotten?changed=1")
    assert "a link is on its way" in client.get(asked.headers["Location"], headers=IN_ENGLISH).text
    token = post.token("reset")
    page = Page(client.get(f"/accounts/reset?token={token}", headers=IN_ENGLISH).text)
    assert (page.input("token")["type"], page.input("token")["value"]) == ("hidden", token)
    assert (page.input("username")["value"], page.input("username")["autocomplete"]) == ("ada", "username")
    assert page.input("password")["autocomplete"] == "new-password"
    weak = fill_in(client, "reset", token=token, username="ada", password="short")
    assert weak.status == 422
    assert Page(weak.text).texts["password-wrong"] == "A password has at least 10 characters."
    assert Page(weak.text).input("token")["value"] == token
    assert Page(weak.text).input("username")["value"] == "ada"
    done = fill_in(client, "reset", token=token, username="ada", password=NEW)
    assert (done.status, done.headers["Location"]) == (303, "/accounts/login?changed=1")
    assert "Log in with it" in client.get(done.headers["Location"], headers=IN_ENGLISH).text
    assert (logs_in(confirmed, NEW), logs_in(confirmed, PASSWORD)) == (True, False)
    again = fill_in(client, "reset", token=token, password=PASSWORD)
    assert (again.status, VOID in again.text) == (410, True)


@pytest.mark.parametrize("path", ["confirm", "reset"])
def test_looking_at_a_link_changes_nothing(confirmed: Site, post: Post, path: str) -> None:
    """Programs that look mail through open every link, often more than once."""
    if path == "confirm":
        send(confirmed.logged_in(), "email", email="new@example.org", password=PASSWORD)
    token = forgotten(confirmed, post) if path == "reset" else post.token("confirm")
    link = f"/accounts/{path}?token={token}"
    for method in ("GET", "HEAD", "GET", "PUT", "DELETE", "PATCH"):
        answer = confirmed.client().request(method, link)
        assert answer.status == (200 if method in ("GET", "HEAD") else 405), method
    assert me(confirmed.logged_in())["email"] == MAIL
    assert Page(confirmed.client().get(link).text).input("token")["value"] == token
    assert fill_in(confirmed.client(), path, token=token, password=NEW).status == 303


def test_registering_asks_for_an_address_and_confirming_is_a_button(mailed: Site, post: Post) -> None:
    client = mailed.client()
    form = Page(client.get("/accounts/register", headers=IN_ENGLISH).text)
    assert (form.input("email")["type"], form.input("email")["autocomplete"]) == ("email", "email")
    assert "required" not in form.input("email")
    bad = fill_in(client, "register", **ADA, email="a@b@c", nickname="", next="")
    assert (bad.status, Page(bad.text).texts["email-wrong"]) == (422, "This cannot be an e-mail address.")
    assert Page(bad.text).input("email")["value"] == "a@b@c"
    assert fill_in(client, "register", **ADA, email=MAIL, nickname="", next="").status == 303
    account = client.get("/accounts/account", headers=IN_ENGLISH).text
    assert re.search(rf"Not confirmed yet; a link was sent to\s*<strong[^>]*>{re.escape(MAIL)}</strong>", account)
    token = post.token("confirm")
    shown = client.get(f"/accounts/confirm?token={token}", headers=IN_ENGLISH)
    assert MAIL in shown.text
    done = fill_in(mailed.client(), "confirm", token=token)
    assert (done.status, done.headers["Location"]) == (303, "/accounts/confirm?changed=1")
    assert "The address is confirmed." in client.get(done.headers["Location"], headers=IN_ENGLISH).text
    assert "Confirmed:" in client.get("/accounts/account", headers=IN_ENGLISH).text


def test_an_address_may_be_required_on_the_page(make_mailed: Any) -> None:
    site = make_mailed(email_required=True)
    form = Page(site.client().get("/accounts/register", headers=IN_ENGLISH).text)
    assert "required" in form.input("email")
    refused = fill_in(site.client(), "register", **ADA, email="", nickname="", next="")
    assert Page(refused.text).texts["email-wrong"] == "Please fill this in."
    assert "required" in Page(site.logged_in().get("/accounts/account").text).input("email")


def test_the_account_has_two_forms_that_do_not_take_each_other_for_wrong(confirmed: Site, post: Post) -> None:
    client = confirmed.logged_in()
    wrong = fill_in(client, "account/email", email="new@example.org", password="wrong")
    page = Page(wrong.text)
    assert wrong.status == 422
    assert page.texts.get("proof-wrong") == "This is not your current password."
    assert page.texts.get("old-wrong", "") == ""
    assert page.input("email")["value"] == "new@example.org"
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    wrong = fill_in(client, "account/password", password="wrong", new_password=NEW)
    page = Page(wrong.text)
    assert page.texts.get("old-wrong") == "This is not your current password."
    assert page.texts.get("proof-wrong", "") == ""
    done = fill_in(client, "account/email", email="new@example.org", password=PASSWORD)
    assert (done.status, done.headers["Location"]) == (303, "/accounts/account?changed=email")
    shown = client.get(done.headers["Location"], headers=IN_ENGLISH).text
    assert MAIL in shown
    assert "new@example.org" in shown
    assert "Saved." in shown


@pytest.mark.parametrize("path", ["reset", "confirm"])
@pytest.mark.parametrize("token", ["", "x", "0" * 64, HOSTILE, "%00", "\u00fc", "x" * 7_000])
def test_links_that_nobody_was_sent(confirmed: Site, path: str, token: str) -> None:
    answer = confirmed.client().get(f"/accounts/{path}", params={"token": token}, headers=IN_ENGLISH)
    assert (answer.status, VOID in answer.text) == (410, True)
    assert "<script>alert" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["reset", "confirm", "forgotten"])
@pytest.mark.parametrize("token", ["", HOSTILE, "x" * 7_000])
def test_forms_that_nobody_was_shown(confirmed: Site, path: str, token: str) -> None:
    fields = {"token": token, "username": HOSTILE, "email": HOSTILE, "account": HOSTILE, "password": NEW}
    answer = fill_in(confirmed.client(), path, **fields)
    assert answer.status in (303, 400, 410)
    assert "<script>alert" not in answer.text


def test_the_pages_of_links_tell_nobody_where_they_are(confirmed: Site, post: Post) -> None:
    send(confirmed.logged_in(), "email", email="new@example.org", password=PASSWORD)
    token = post.token("confirm")
    for path in (f"reset?token={forgotten(confirmed, post)}", f"confirm?token={token}", "reset?token=x", "confirm"):
        answer = confirmed.client().get(f"/accounts/{path}")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r"https?://", answer.text)
    for path in ("reset", "confirm"):
        assert (
            fill_in(confirmed.client(), path, token="x", password="short").headers["Referrer-Policy"] == "no-referrer"
        )


def test_other_sites_forms_are_refused_where_the_session_counts(confirmed: Site, post: Post) -> None:
    client = confirmed.logged_in()
    fields = {"email": "eve@example.org", "password": PASSWORD, "account": "ada"}
    for path in ("account/email", "forgotten"):
        for origin in ("null", "https://evil.example"):
            assert client.post(f"/accounts/{path}", data=fields, headers={"Origin": origin}).status == 403
    assert post.is_empty(confirmed)


def test_in_chinese(confirmed: Site, post: Post) -> None:
    chinese = {"Accept-Language": "zh-CN"}
    client = confirmed.client()
    assert '<h1 id="title">忘记密码</h1>' in client.get("/accounts/forgotten", headers=chinese).text
    client.post("/accounts/forgotten", data={"account": "ada"}, headers=chinese)
    letter = post.take(MAIL)
    assert letter.subject == "Salver：设置新密码"
    assert "https://example.org/accounts/reset?token=" in letter.text


def test_letters_say_the_same_in_each_language() -> None:
    assert LETTERS[ENGLISH].keys() == LETTERS[CHINESE].keys()
    for key, text in LETTERS[ENGLISH].items():
        placeholders = set(re.findall(r"\{\w+\}", text))
        assert set(re.findall(r"\{\w+\}", LETTERS[CHINESE][key])) == placeholders, key
        assert re.search("[\u4e00-\u9fff]", LETTERS[CHINESE][key])
    for language in LETTERS:
        assert "{name}" not in LETTERS[language]["confirm"], "to somebody who may be a stranger"


def test_a_place_of_two_lines_has_subjects_of_one(make_mailed: Any, post: Post) -> None:
    site = make_mailed(name="The\r\nBcc: eve@example.org\n Notebook")
    send(site.client(), "register", **ADA, email=MAIL)
    assert post.take().subject == "The Bcc: eve@example.org Notebook: confirm your address"
