"""A forgotten password, over the interfaces for programs: what a link may do, how often, and how long."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.accounts.conftest import PASSWORD, Post, Site
from tests.accounts.recovering import MAIL, NEW, age, error_of, logs_in, send


@pytest.mark.parametrize("account", ["ada", "ADA", " ada ", MAIL, "Ada@EXAMPLE.org"])
def test_a_forgotten_password_is_set_by_a_link(confirmed: Site, post: Post, account: str) -> None:
    here, there = confirmed.logged_in(), confirmed.logged_in()
    assert send(confirmed.client(), "forgotten", account=account).json()["code"] == 0
    token = post.token("reset")
    assert here.get("/mine").status == 200, "asking ends nothing"
    client = confirmed.client()
    assert send(client, "reset", token=token, password=NEW).json() == {"message": "success", "code": 0}
    assert client.get("/mine").status == 401, "a link is no login"
    assert (here.get("/mine").status, there.get("/mine").status) == (401, 401)
    assert (logs_in(confirmed, PASSWORD), logs_in(confirmed, NEW)) == (False, True)
    told = post.take(MAIL)
    assert "was changed" in told.text
    assert "token" not in told.text
    assert error_of(send(client, "reset", token=token, password=PASSWORD)) == (200, "void_link", ""), "once"
    assert logs_in(confirmed, NEW)


def test_everybody_who_changes_a_password_is_told(confirmed: Site, post: Post) -> None:
    client = confirmed.logged_in()
    assert send(client, "password", password=PASSWORD, new_password=NEW).json()["code"] == 0
    assert "was changed" in post.take(MAIL).text


def test_each_account_of_an_address_has_a_letter(confirmed: Site, post: Post) -> None:
    user = confirmed.accounts.registrar.register("countess", PASSWORD)
    confirmed.accounts.links.set_email(user.id, "Ada@Example.org", MAIL, 1_000)
    send(confirmed.client(), "forgotten", account=MAIL)
    said = sorted(letter.text for letter in (post.take(), post.take()))
    assert "your account ada at" in said[0]
    assert "your account countess at" in said[1]


def test_a_name_that_looks_like_the_address_of_another_gets_nothing_of_it(confirmed: Site, post: Post) -> None:
    """Each letter goes to the address of the account that it is about."""
    eve = confirmed.accounts.registrar.register(MAIL, PASSWORD)
    confirmed.accounts.links.set_email(eve.id, "eve@example.org", "eve@example.org", 1_000)
    send(confirmed.client(), "forgotten", account=MAIL)
    said = {letter.to: letter.text for letter in (post.take(), post.take())}
    assert f"your account {MAIL} at" in said["eve@example.org"]
    assert "your account ada at" in said[MAIL]


def void_by_time(site: Site, folder: Path) -> None:
    age(folder, 3_600)


def void_by_another_password(site: Site, folder: Path) -> None:
    site.accounts.registrar.set_password("ada", "another password")


def void_by_another_address(site: Site, folder: Path) -> None:
    user = site.accounts.registrar.user("ada")
    site.accounts.links.set_email(user.id, "other@example.org", "other@example.org", 1_000)


def void_by_no_address(site: Site, folder: Path) -> None:
    site.accounts.links.set_email(site.accounts.registrar.user("ada").id, "", "", 1_000)


def void_by_disabling(site: Site, folder: Path) -> None:
    site.accounts.registrar.set_disabled("ada", disabled=True)


@pytest.mark.parametrize(
    "change",
    [void_by_time, void_by_another_password, void_by_another_address, void_by_no_address, void_by_disabling],
)
def test_a_link_holds_no_longer_than_what_it_was_made_for(
    confirmed: Site, post: Post, tmp_path: Path, change: Callable[[Site, Path], None]
) -> None:
    send(confirmed.client(), "forgotten", account="ada")
    token = post.token("reset")
    change(confirmed, tmp_path)
    assert confirmed.client().get(f"/accounts/reset?token={token}").status == 410
    assert error_of(send(confirmed.client(), "reset", token=token, password=NEW)) == (200, "void_link", "")
    confirmed.accounts.registrar.set_disabled("ada", disabled=False)
    assert not logs_in(confirmed, NEW)


def test_every_link_is_void_when_one_was_used(confirmed: Site, post: Post) -> None:
    tokens = []
    for _ in range(3):
        send(confirmed.client(), "forgotten", account="ada")
        tokens.append(post.token("reset"))
    assert send(confirmed.client(), "reset", token=tokens[1], password=NEW).json()["code"] == 0
    for token in tokens:
        assert error_of(send(confirmed.client(), "reset", token=token, password=PASSWORD))[1] == "void_link"


def test_of_many_who_come_at_once_with_one_link_one_wins(confirmed: Site, post: Post) -> None:
    send(confirmed.client(), "forgotten", account="ada")
    token = post.token("reset")

    def use(number: int) -> int:
        return int(send(confirmed.client(), "reset", token=token, password=f"password of {number}").json()["code"])

    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(use, range(6)))
    assert sorted(codes) == [-1] * 5 + [0]
    assert logs_in(confirmed, f"password of {codes.index(0)}")


def test_a_weak_password_does_not_use_the_link_up(confirmed: Site, post: Post) -> None:
    send(confirmed.client(), "forgotten", account="ada")
    token = post.token("reset")
    for weak, code in (
        ("short", "weak_password"),
        ("1234567890", "weak_password"),
        ("x" * 2_000, "password_too_long"),
    ):
        answer = send(confirmed.client(), "reset", token=token, password=weak)
        assert error_of(answer)[1:] == (code, "password")
    assert error_of(send(confirmed.client(), "reset", token=token))[1:] == ("missing_field", "password")
    assert send(confirmed.client(), "reset", token=token, password=NEW).json()["code"] == 0


def test_the_database_has_no_link_that_could_be_used(confirmed: Site, post: Post, tmp_path: Path) -> None:
    send(confirmed.client(), "forgotten", account="ada")
    token = post.token("reset")
    assert len(bytes.fromhex(token)) >= 16
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in kept
    assert bytes.fromhex(token) not in kept


def test_a_kind_of_link_does_nothing_else(confirmed: Site, post: Post) -> None:
    client = confirmed.logged_in()
    send(client, "email", email="new@example.org", password=PASSWORD)
    confirm = post.token("confirm")
    send(client, "forgotten", account="ada")
    reset = post.token("reset")
    assert error_of(send(client, "reset", token=confirm, password=NEW))[1] == "void_link"
    assert error_of(send(client, "confirm", token=reset))[1] == "void_link"


@pytest.mark.parametrize(
    "token", ["", " ", "x", "0" * 64, "\0", "ü" * 64, "' OR 1=1 --", "x" * 15_000, 7, None, ["x"], {}]
)
@pytest.mark.parametrize("path", ["reset", "confirm"])
def test_tokens_that_nobody_gave(confirmed: Site, path: str, token: object) -> None:
    answer = send(confirmed.client(), path, token=token, password=NEW)
    assert error_of(answer)[:2] in ((200, "void_link"), (200, "missing_field"))
    assert logs_in(confirmed, PASSWORD)
