"""The pages, as a browser without JavaScript uses them: forms that go to themselves, and lead on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from salver.accounts.errors import StoreUnavailable
from salver.testing import TestClient
from tests.accounts.conftest import PASSWORD, Site

ADA = {"username": "ada", "password": PASSWORD}
ENGLISH = {"Accept-Language": "en"}
PAGES = ["/accounts/login", "/accounts/register"]


class Page(HTMLParser):
    """What a page has: its elements with their attributes, and the text beside each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in ("input", "meta", "link", "br"):
            self._ids.append(dict(attributes).get("id") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._ids:
            self._ids.pop()

    def handle_data(self, data: str) -> None:
        if self._ids and self._ids[-1]:
            self.texts[self._ids[-1]] = self.texts.get(self._ids[-1], "") + data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.elements if each == tag]

    def input(self, name: str) -> dict[str, str | None]:
        (found,) = [each for each in self.all("input") if each.get("name") == name]
        return found


def send(client: TestClient, path: str, fields: Mapping[str, Any]) -> Any:
    return client.post(path, data=fields, headers=ENGLISH)


# The forms


@pytest.mark.parametrize("path", PAGES)
def test_a_form_goes_to_its_own_page_and_says_what_it_is_for(site: Site, path: str) -> None:
    answer = site.client().get(path + "?next=/mine", headers=ENGLISH)
    page = Page(answer.text)
    (form,) = page.all("form")
    assert (form["method"], form["action"]) == ("post", path)
    assert page.input("next")["value"] == "/mine"
    assert (page.input("username")["autocomplete"], page.input("username")["autocapitalize"]) == ("username", "none")
    kind = "current-password" if path.endswith("login") else "new-password"
    assert (page.input("password")["autocomplete"], page.input("password")["type"]) == (kind, "password")
    assert "required" in page.input("username")
    assert "required" in page.input("password")
    ids = {each["id"] for each in page.all("input") if each["type"] != "hidden"}
    assert {each["for"] for each in page.all("label")} == ids, "each has its label"
    assert page.all("html")[0]["lang"] == "en"


@pytest.mark.parametrize("path", [*PAGES, "/accounts/account"])
def test_nothing_comes_from_elsewhere(site: Site, path: str) -> None:
    answer = site.logged_in().get(path) if path.endswith("account") else site.client().get(path)
    page = Page(answer.text)
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")], "no script in an attribute"
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "/").startswith(("/accounts/", "/", "data:,")), attributes
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*src=)", answer.text)
    assert not re.search(r"https?://", answer.text)


def test_from_registration_to_logging_out(site: Site) -> None:
    client = site.client()
    refused = client.get("/mine?a=1", headers={"Accept": "text/html", **ENGLISH})
    login = client.get(refused.headers["Location"], headers=ENGLISH)
    wanted = Page(login.text).input("next")["value"]
    assert wanted == "/mine?a=1"
    links = [each["href"] for each in Page(login.text).all("a")]
    assert links == ["/accounts/register?next=/mine%3Fa%3D1"]
    made = send(client, "/accounts/register", {**ADA, "nickname": "Lady L", "next": wanted})
    assert (made.status, made.headers["Location"]) == (303, "/mine?a=1")
    assert client.get("/mine?a=1").text == "Hello, Lady L"
    account = client.get("/accounts/account", headers=ENGLISH)
    assert "Lady L" in account.text
    out = send(client, "/accounts/logout", {})
    assert (out.status, out.headers["Location"]) == (303, "/accounts/login")
    assert client.get("/mine").status == 401
    again = send(client, "/accounts/login", {**ADA, "next": ""})
    assert (again.status, again.headers["Location"]) == (303, "/accounts/account")


@pytest.mark.parametrize(
    ("path", "fields", "status", "field", "said"),
    [
        ("login", {**ADA, "password": "wrong"}, 422, "password", "User name or password is wrong."),
        ("login", {"username": "ada", "password": ""}, 400, "password", "Please fill this in."),
        ("login", {"username": "", "password": PASSWORD}, 400, "username", "Please fill this in."),
        ("login", {}, 400, "username", "Please fill this in."),
        ("login", {"username": "ada", "password": "x" * 2_000}, 400, "password", "A password has at most 1024 bytes."),
        ("register", {**ADA, "password": "short"}, 422, "password", "A password has at least 10 characters."),
        ("register", {**ADA, "username": "bob"}, 409, "username", "This user name is taken. Choose another one."),
        ("register", {**ADA, "nickname": "x" * 65}, 422, "nickname", "This cannot be a nickname."),
        ("register", {**ADA, "username": "x" * 65}, 422, "username", "A user name has at most 64 characters."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    site: Site, path: str, fields: dict[str, str], status: int, field: str, said: str
) -> None:
    site.accounts.registrar.register("bob", PASSWORD)
    answer = send(site.client(), f"/accounts/{path}", {"next": "/mine?x=<", **fields})
    page = Page(answer.text)
    assert answer.status == status
    assert page.texts[f"{field}-wrong"].startswith(said)
    wrong = page.input(field)
    assert wrong["aria-invalid"] == "true"
    assert f"{field}-wrong" in (wrong["aria-describedby"] or "")
    assert "autofocus" in wrong
    assert [each.get("aria-invalid") for each in page.all("input")].count("true") == 1
    assert page.input("username")["value"] == fields.get("username", ""), "the name is kept"
    assert page.input("password")["value"] == "", "the password is not"
    assert page.input("next")["value"] == "/mine?x=<"


def test_what_is_wrong_with_no_field_stands_above_the_button(site: Site) -> None:
    client = site.client()
    for _ in range(10):
        send(client, "/accounts/login", ADA)
    answer = send(client, "/accounts/login", ADA)
    assert answer.status == 429
    assert re.search(r'salver-general" role="alert"[^>]*>Too many tries\. Wait \d+ seconds', answer.text)
    assert int(answer.headers["Retry-After"]) <= 60
    assert Page(answer.text).input("username")["value"] == "ada"


HOSTILE = "\"><script>alert(1)</script>{{ 7 * 7 }}'"


@pytest.mark.parametrize("path", PAGES)
def test_what_was_sent_is_shown_as_text(site: Site, path: str) -> None:
    client = site.client()
    sent = send(client, path, {"username": HOSTILE, "nickname": HOSTILE, "next": HOSTILE})
    shown = client.get(path, params={"next": HOSTILE})
    for answer in (sent, shown):
        assert "<script>alert" not in answer.text
        assert "49" not in answer.text
        assert Page(answer.text).input("next")["value"] == HOSTILE


def test_people_may_be_called_anything(site: Site) -> None:
    client = site.client(headers={"User-Agent": HOSTILE})
    send(client, "/accounts/register", {**ADA, "nickname": HOSTILE[:64]})
    answer = client.get("/accounts/account")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize(
    "content",
    [b"", b"%ff=%ff&username=%00", b'{"username": {"a": 1}, "password": [1], "next": {"x": []}}', b"[1]", b"\xff\x00"],
)
@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "application/json", "image/png"])
@pytest.mark.parametrize("path", ["login", "register", "logout", "account/password", "account/sessions"])
def test_forms_that_no_browser_sends(site: Site, path: str, media_type: str, content: bytes) -> None:
    client = site.logged_in()
    answer = client.post(f"/accounts/{path}", content=content, headers={"Content-Type": media_type})
    assert answer.status in (303, 400, 415, 422)


# Where it leads on


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil",
        "//evil.example/",
        "/\\evil",
        "\\\\evil",
        "/\t/evil",
        "/\n/evil",
        "\t//evil",
        " //evil",
        "https:evil",
        "https://evil.example/",
        "http:/evil",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil",
        "?evil",
        "/%0d%0aX: y\r\nX-Evil: 1",
        "",
    ],
)
def test_next_is_of_this_origin(site: Site, wanted: str) -> None:
    """`?next=//evil`, `/\\evil`, `https:evil` → same origin only, logging in, registering and when logged in."""
    client = site.client()
    answer = send(client, "/accounts/register", {**ADA, "next": wanted})
    assert (answer.status, answer.headers["Location"]) == (303, "/accounts/account")
    answer = send(client, "/accounts/login", {**ADA, "next": wanted})
    assert (answer.status, answer.headers["Location"]) == (303, "/accounts/account")
    answer = client.get("/accounts/login", params={"next": wanted})
    assert (answer.status, answer.headers["Location"]) == (303, "/accounts/account")
    assert "x-evil" not in answer.headers


def test_next_may_be_any_page_of_here(site: Site) -> None:
    client = site.logged_in()
    for wanted in ("/", "/mine", "/mine?a=b#c", "/%2f/x", "/a//b", "/search?q=https://example.org/"):
        answer = client.get("/accounts/login", params={"next": wanted})
        assert (answer.status, answer.headers["Location"]) == (303, wanted)


def test_pages_for_who_is_logged_in_and_who_is_not(make_site: Callable[..., Site]) -> None:
    site = make_site(registration=False)
    out = site.client()
    assert out.get("/accounts/").headers["Location"] == "/accounts/login"
    assert out.get("/accounts/account").headers["Location"] == "/accounts/login?next=/accounts/account"
    assert out.get("/accounts/register").headers["Location"] == "/accounts/login"
    assert "register" not in out.get("/accounts/login").text
    assert send(out, "/accounts/register", ADA).status == 403
    assert site.logged_in().get("/accounts/").headers["Location"] == "/accounts/account"


# One's account


def test_changing_the_password(site: Site) -> None:
    client = site.logged_in()
    path = "/accounts/account/password"
    wrong = send(client, path, {"password": "wrong", "new_password": "analytical engine"})
    assert (wrong.status, Page(wrong.text).texts["old-wrong"]) == (422, "This is not your current password.")
    weak = send(client, path, {"password": PASSWORD, "new_password": "short"})
    assert Page(weak.text).texts["new_password-wrong"] == "A password has at least 10 characters."
    assert (Page(weak.text).input("username")["value"], Page(weak.text).input("username")["autocomplete"]) == (
        "ada",
        "username",
    ), "for the password manager"
    done = send(client, path, {"password": PASSWORD, "new_password": "analytical engine"})
    assert (done.status, done.headers["Location"]) == (303, "/accounts/account?changed=1")
    assert "The password is changed." in client.get(done.headers["Location"], headers=ENGLISH).text
    assert client.get("/mine").status == 200


def test_ending_sessions(site: Site) -> None:
    here, there, third = (site.logged_in(headers={"User-Agent": name}) for name in ("Here", "There", "Third"))
    page = here.get("/accounts/account", headers=ENGLISH)
    assert all(name in page.text for name in ("Here", "There", "Third"))
    ids = [each["value"] for each in Page(page.text).all("button") if each.get("name") == "id"]
    assert len(ids) == 2, "one's own is ended by logging out"
    ended = send(here, "/accounts/account/sessions", {"id": ids[0]})
    assert (ended.status, ended.headers["Location"]) == (303, "/accounts/account")
    assert sorted(each.get("/mine").status for each in (here, there, third)) == [200, 200, 401]
    send(here, "/accounts/account/sessions", {"others": "1"})
    assert [each.get("/mine").status for each in (here, there, third)] == [200, 401, 401]


@pytest.mark.parametrize("path", ["account/password", "account/sessions"])
def test_who_is_logged_in_no_more_is_told(site: Site, path: str) -> None:
    answer = site.client().post(f"/accounts/{path}", data={"id": "x"}, headers={"Accept": "text/html", **ENGLISH})
    assert (answer.status, "Please log in." in answer.text) == (401, True)


def test_logging_out_is_a_post_and_clears_what_was_kept(site: Site) -> None:
    client = site.logged_in()
    assert client.get("/accounts/logout").status == 405
    assert client.get("/mine").status == 200
    assert send(client, "/accounts/logout", {}).headers["Clear-Site-Data"] == '"cache"'


# Languages, connections, files


@pytest.mark.parametrize("path", PAGES)
def test_chinese(site: Site, path: str) -> None:
    answer = site.client().get(path, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    page = Page(answer.text)
    assert page.all("html")[0]["lang"] == "zh"
    assert answer.headers["Content-Language"] == "zh"
    assert "Accept-Language" in answer.headers["Vary"]
    assert "用户名" in answer.text
    assert "Password" not in re.sub(r"<[^>]*>", "", answer.text)


def test_a_connection_on_which_no_session_would_be_kept_says_so(site: Site) -> None:
    said = "This connection is not encrypted."
    assert said in site.client(host="example.org", client=("192.0.2.1", 1)).get("/accounts/login").text
    assert said not in site.client().get("/accounts/login").text
    assert said not in site.client(scheme="https", host="example.org").get("/accounts/login").text


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("accounts.css", "text/css; charset=utf-8"), ("accounts.js", "text/javascript; charset=utf-8")],
)
def test_what_the_pages_are_made_with(site: Site, name: str, media_type: str) -> None:
    client = site.client()
    answer = client.get(f"/accounts/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
    assert len(answer.content) > 1_000
    again = client.get(f"/accounts/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.content) == (304, b"")
    assert "://" not in answer.text.replace("http://www.w3.org", "")


def test_a_database_that_fails_is_said_on_the_page(site: Site, tmp_path: Path) -> None:
    held = site.logged_in().cookies["salver"]
    for file in tmp_path.glob("accounts.db*"):
        file.unlink()
    sent = {**ADA, "new_password": "analytical engine", "next": "/mine"}
    # With a cookie the page itself asks the database, too.
    asked = [("", "login"), ("", "register")]
    asked += [(f"salver={held}", path) for path in ("login", "register", "logout", "account/password")]
    for cookie, path in asked:
        answer = site.client().post(f"/accounts/{path}", data=sent, headers={"Cookie": cookie, **ENGLISH})
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2"), path
        assert "cannot be reached at the moment" in answer.text
    assert site.client().get("/accounts/login").status == 200


def test_a_page_fails_when_its_database_fails_in_between(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.logged_in()

    def sessions_of(*_: object) -> None:
        raise StoreUnavailable("gone", retry_after=2)

    monkeypatch.setattr(site.accounts._store, "sessions_of", sessions_of)
    assert client.get("/accounts/account").status == 503
    assert send(client, "/accounts/account/password", {"password": "x", "new_password": "y"}).status == 503
