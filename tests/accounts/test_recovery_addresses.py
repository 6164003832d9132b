"""Addresses of mail, over the interfaces for programs: there are none without a mailer, they count once they are
confirmed, and nobody is told of another's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from salver.accounts import links
from tests.accounts.conftest import PASSWORD, Post, Site
from tests.accounts.recovering import ADA, MAIL, NEW, age, error_of, me, send


def test_without_a_mailer_there_is_nothing_of_it(site: Site) -> None:
    client = site.logged_in()
    for path in ("forgotten", "reset", "email", "confirm"):
        assert client.post(f"/accounts/api/{path}", json={}).status == 404
        assert client.get(f"/accounts/{path}").status == 404
    assert set(client.get("/accounts/api/me").json()["user"]) == {"username", "nickname", "created"}
    for page in ("login", "register", "account"):
        answer = (site.client() if page != "account" else client).get(f"/accounts/{page}")
        assert "mail" not in answer.text.lower()
        assert "forgot" not in answer.text.lower()


def test_an_address_that_is_sent_all_the_same_is_left_alone(site: Site) -> None:
    assert send(site.client(), "register", **ADA, email=MAIL).json()["code"] == 0


def test_an_address_counts_once_it_is_confirmed(mailed: Site, post: Post) -> None:
    client = mailed.client()
    assert send(client, "register", **ADA, email=MAIL).json()["code"] == 0
    token = post.token("confirm")
    send(client, "login", **ADA)
    assert (me(client)["email"], me(client)["email_pending"]) == ("", MAIL)
    send(mailed.client(), "forgotten", account=MAIL)
    assert post.is_empty(mailed), "not an address yet"
    answer = send(mailed.client(), "confirm", token=token)
    assert answer.json() == {"message": "success", "code": 0, "email": MAIL}
    assert (me(client)["email"], me(client)["email_pending"]) == (MAIL, "")
    assert error_of(send(client, "confirm", token=token)) == (200, "void_link", ""), "once"
    user = mailed.accounts.registrar.user("ada")
    assert mailed.accounts.email_of(user) == MAIL


def test_an_address_is_set_changed_and_removed_with_the_password(mailed: Site, post: Post) -> None:
    client = mailed.logged_in()
    assert error_of(send(client, "email", email=MAIL)) == (200, "missing_field", "password")
    assert error_of(send(client, "email", email=MAIL, password="wrong")) == (200, "wrong_password", "password")
    assert post.is_empty(mailed)
    assert send(client, "email", email=MAIL, password=PASSWORD).json()["code"] == 0
    send(client, "confirm", token=post.token("confirm"))
    assert post.is_empty(mailed), "there was none before who could be told"

    send(client, "email", email="countess@example.org", password=PASSWORD)
    token = post.take("countess@example.org").text.split("token=")[1].split()[0]
    assert me(client)["email"] == MAIL, "until the new one is confirmed"
    send(client, "confirm", token=token)
    assert me(client)["email"] == "countess@example.org"
    told = post.take(MAIL)
    assert "does not have this address any more" in told.text
    assert "countess" not in told.text

    assert send(client, "email", email="", password=PASSWORD).json()["code"] == 0
    assert (me(client)["email"], me(client)["email_pending"]) == ("", "")
    assert "does not have this address any more" in post.take("countess@example.org").text


def test_another_spelling_of_the_same_address_tells_nobody(confirmed: Site, post: Post) -> None:
    client = confirmed.logged_in()
    send(client, "email", email="ADA@example.org", password=PASSWORD)
    send(client, "confirm", token=post.token("confirm"))
    assert me(client)["email"] == "ADA@example.org"
    assert post.is_empty(confirmed)


def test_only_the_newest_link_confirms(mailed: Site, post: Post) -> None:
    client = mailed.logged_in()
    tokens = []
    for name in ("one", "two"):
        send(client, "email", email=f"{name}@example.org", password=PASSWORD)
        tokens.append(post.token("confirm"))
    assert error_of(send(client, "confirm", token=tokens[0]))[1] == "void_link"
    assert send(client, "confirm", token=tokens[1]).json()["email"] == "two@example.org"


def test_removing_takes_back_what_waits(mailed: Site, post: Post) -> None:
    client = mailed.logged_in()
    send(client, "email", email=MAIL, password=PASSWORD)
    token = post.token("confirm")
    send(client, "email", email="", password=PASSWORD)
    assert error_of(send(client, "confirm", token=token))[1] == "void_link"


def test_a_link_to_confirm_holds_for_a_day_and_is_forgotten(mailed: Site, post: Post, tmp_path: Path) -> None:
    client = mailed.logged_in()
    send(client, "email", email=MAIL, password=PASSWORD)
    token = post.token("confirm")
    age(tmp_path, 86_400)
    assert me(client)["email_pending"] == ""
    assert error_of(send(client, "confirm", token=token))[1] == "void_link"
    send(client, "email", email="other@example.org", password=PASSWORD)
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection:
        assert connection.execute("SELECT email FROM salver_links").fetchall() == [("other@example.org",)]


def test_what_somebody_else_had_waiting_is_void_when_the_owner_sets_a_password(confirmed: Site, post: Post) -> None:
    """Who knew the old password may have asked for an address of theirs to be confirmed."""
    send(confirmed.logged_in(), "email", email="eve@example.org", password=PASSWORD)
    theirs = post.token("confirm")
    send(confirmed.client(), "forgotten", account="ada")
    send(confirmed.client(), "reset", token=post.token("reset"), password=NEW)
    assert error_of(send(confirmed.client(), "confirm", token=theirs))[1] == "void_link"
    client = confirmed.client()
    send(client, "login", username="ada", password=NEW)
    assert (me(client)["email"], me(client)["email_pending"]) == (MAIL, "")


@pytest.mark.parametrize(
    "email", ["ada", "a@b@c", "a@b\r\nBcc: eve@example.org", "a@b, c@d", "a@b\n", "x" * 300 + "@b"]
)
@pytest.mark.parametrize("path", ["register", "email"])
def test_what_is_no_address_is_refused_and_gets_no_letter(mailed: Site, post: Post, path: str, email: str) -> None:
    client = mailed.client() if path == "register" else mailed.logged_in()
    # Blanks around it are the keyboard's; a line that goes on is not.
    answer = send(
        client, path, **({"username": "bob"} if path == "register" else {}), password=PASSWORD, email=email + "x"
    )
    assert error_of(answer) == (200, "bad_email", "email")
    assert post.is_empty(mailed)
    assert [user.name for user in mailed.accounts.registrar.users()] in ([], ["ada"])


def test_registering_says_nothing_of_an_address_that_another_account_has(confirmed: Site, post: Post) -> None:
    answer = send(confirmed.client(), "register", username="bob", password=PASSWORD, email=MAIL)
    assert answer.json()["code"] == 0
    assert "bob" not in post.take(MAIL).text, "nothing that a stranger has typed"


def test_an_address_may_be_required(make_mailed: Callable[..., Site], post: Post) -> None:
    site = make_mailed(email_required=True)
    assert error_of(send(site.client(), "register", **ADA)) == (200, "missing_field", "email")
    assert error_of(send(site.client(), "register", **ADA, email="  ")) == (200, "missing_field", "email")
    assert site.accounts.registrar.users() == []
    assert send(site.client(), "register", **ADA, email=MAIL).json()["code"] == 0
    answer = send(site.logged_in(), "email", email="", password=PASSWORD)
    assert error_of(answer) == (200, "missing_field", "email")


def test_one_mailbox_gets_so_many_links_and_no_more(mailed: Site, post: Post) -> None:
    """Whoever asks for them; the account is there all the same."""
    for number in range(links.MOST + 2):
        answer = send(mailed.client(), "register", username=f"user {number}", password=PASSWORD, email=MAIL.upper())
        assert answer.json()["code"] == 0
    for _ in range(links.MOST):
        post.take(MAIL.upper())
    assert post.is_empty(mailed)
    answer = send(mailed.logged_in(), "email", email=MAIL, password=PASSWORD)
    assert error_of(answer) == (429, "too_many_tries", "")
    assert answer.headers["Retry-After"] == "3600"


def test_who_sets_and_removes_in_turn_sends_no_more_either(mailed: Site, post: Post) -> None:
    client = mailed.logged_in()
    for _ in range(links.MOST):
        assert send(client, "email", email=MAIL, password=PASSWORD).json()["code"] == 0
        assert send(client, "email", email="", password=PASSWORD).json()["code"] == 0
    assert send(client, "email", email=MAIL, password=PASSWORD).status == 429
