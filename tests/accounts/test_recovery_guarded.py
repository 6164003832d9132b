"""What forgotten passwords do not give away: who has an account, a link to another host, a letter more than a person
needs, a guess more; and what becomes of them when the mailer or the database fails."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from salver.accounts import links
from salver.accounts.errors import StoreUnavailable
from salver.accounts.mail import Message
from salver.accounts.recovery import EVENLY
from salver.accounts.tries import MemoryCounter
from tests.accounts.conftest import PASSWORD, Post, Site
from tests.accounts.recovering import ADA, MAIL, NEW, age, error_of, logs_in, send


def test_somebody_and_nobody_get_the_same_answer(make_mailed: Callable[..., Site], post: Post) -> None:
    site = make_mailed()
    registrar, mails = site.accounts.registrar, site.accounts.links
    for name in ("ada", "disabled", "without"):
        user = registrar.register(name, PASSWORD)
        if name != "without":
            mails.set_email(user.id, f"{name}@example.org", f"{name}@example.org", 1_000)
    registrar.set_disabled("disabled", disabled=True)
    answers = [
        site.client().post(f"/accounts/{path}", data={"account": account})
        for path in ("api/forgotten", "forgotten")
        for account in ("ada", MAIL, "without", "disabled", "disabled@example.org", "nobody", "no@example.org", "a\0b")
    ]
    for half in (answers[:8], answers[8:]):
        assert {(each.status, each.text) for each in half} == {(half[0].status, half[0].text)}
        fields = [[field for field in each.headers.fields if field[0] != "Date"] for each in half]
        assert all(each == fields[0] for each in fields)
    for _ in range(4):
        post.take(MAIL)
    assert post.is_empty(site)


def test_the_database_does_the_same_for_both(confirmed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is what the statements take, and those are as many; the hash of a password is none of them."""
    done: list[list[str]] = []
    real = Connection.execute

    def counted(connection: Any, statement: Any, *more: Any, **options: Any) -> Any:
        done[-1].append(str(statement).split("\n")[0].split(" ")[0] + " " + str(statement).count("JOIN").__str__())
        return real(connection, statement, *more, **options)

    monkeypatch.setattr(Connection, "execute", counted)
    for account in ("ada", "nobody", MAIL, "nobody@example.org"):
        done.append([])
        send(confirmed.client(), "forgotten", account=account)
    assert len(done[0]) > 3
    assert done[1:] == [done[0]] * 3


def test_the_answer_takes_its_time_for_both(confirmed: Site) -> None:
    """More than what differs: what is left of it is waited out."""
    assert confirmed.accounts._recovery is not None
    confirmed.accounts._recovery._evenly = 2 * EVENLY
    for account in ("ada", "nobody"):
        began = time.perf_counter()
        send(confirmed.client(), "forgotten", account=account)
        assert time.perf_counter() - began >= 2 * EVENLY


@pytest.mark.bench
def test_somebody_and_nobody_take_as_long(confirmed: Site, tmp_path: Path) -> None:
    assert confirmed.accounts._outbox is not None
    assert confirmed.accounts._recovery is not None
    confirmed.accounts._outbox._pause, confirmed.accounts._recovery._evenly = 0.1, EVENLY
    times: dict[str, list[float]] = {"ada": [], "nobody": []}
    for number in range(200):
        for account, taken in times.items():
            age(tmp_path, 3_600)  # so that each has a letter, and not the first five alone
            client = confirmed.client(client=(f"192.0.{number // 100}.{number % 100}", 1), scheme="https")
            began = time.perf_counter()
            assert client.post("/accounts/api/forgotten", json={"account": account}).json()["code"] == 0
            taken.append(time.perf_counter() - began)
    somebody, nobody = (sorted(each)[100] for each in times.values())
    assert 0.95 < somebody / nobody < 1.05


# Hosts, pages elsewhere, and how often


@pytest.mark.parametrize("host", ["evil.example", "localhost:1@evil.example"])
def test_links_are_made_of_the_setting_and_never_of_the_request(confirmed: Site, post: Post, host: str) -> None:
    sent = {"Host": host, "X-Forwarded-Host": host, "Forwarded": f"host={host}", "X-Original-URL": f"https://{host}/"}
    client = confirmed.client(host="evil.example", scheme="https")
    del sent["Host"]
    answer = client.post("/accounts/api/forgotten", json={"account": "ada"}, headers=sent)
    assert answer.json()["code"] == 0
    letter = post.take(MAIL)
    assert "evil" not in letter.text
    assert "https://example.org/accounts/reset?token=" in letter.text


def test_the_address_below_which_links_are(make_mailed: Callable[..., Site], post: Post) -> None:
    site = make_mailed(public_url="https://example.org/notes/", at="/people/")
    send(site.client(), "register", **ADA, email=MAIL)
    assert "https://example.org/notes/people/confirm?token=" in post.take().text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"public_url": ""}, "public_url='https://example.org'"),
        ({"public_url": "example.org"}, "public_url='https://example.org'"),
        ({"public_url": "ftp://example.org"}, "public_url='https://example.org'"),
        ({"public_url": "https://"}, "public_url='https://example.org'"),
        ({"public_url": "https://example.org?x"}, "public_url='https://example.org'"),
        ({"public_url": "https://example.org/#x"}, "public_url='https://example.org'"),
        ({"public_url": "https://u:p@example.org"}, "public_url='https://example.org'"),
        ({"public_url": "https://example.org:port"}, "public_url='https://example.org'"),
        ({"public_url": "https://exa mple.org"}, "public_url='https://example.org'"),
        ({"public_url": "https://example.org\n"}, "public_url='https://example.org'"),
        ({"public_url": "https://bücher.example"}, "public_url='https://example.org'"),
        ({"public_url": "http://example.org"}, "need https://"),
        ({"mailer": None, "email_required": True}, "email_required needs a mailer"),
    ],
)
def test_settings_that_cannot_be(make_mailed: Callable[..., Site], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_mailed(**settings)


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_plain_http_is_for_this_computer(make_mailed: Callable[..., Site], url: str) -> None:
    make_mailed(public_url=url)
    make_mailed(public_url="http://example.org", dangerous_plain_http=True)


def test_another_sites_page_asks_for_no_letters(confirmed: Site, post: Post) -> None:
    client = confirmed.logged_in()
    for path in ("forgotten", "email"):
        fields = {"account": "ada", "email": "eve@example.org", "password": PASSWORD}
        answer = client.post(f"/accounts/api/{path}", json=fields, headers={"Origin": "https://evil.example"})
        assert (answer.status, answer.json()["error"]) == (403, "foreign_origin")
    assert post.is_empty(confirmed)


def test_how_often_one_may_ask(confirmed: Site, post: Post) -> None:
    for _ in range(10):
        assert send(confirmed.client(), "forgotten", account="ada").status == 200
    for account in ("ada", " ADA"):
        answer = send(confirmed.client(), "forgotten", account=account)
        assert error_of(answer) == (429, "too_many_tries", "")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert send(confirmed.client(), "forgotten", account="nobody").status == 200
    for _ in range(9):
        send(confirmed.client(), "forgotten", account="nobody")
    assert send(confirmed.client(), "forgotten", account="nobody").status == 429, "nobody is counted as somebody is"
    assert logs_in(confirmed, PASSWORD), "who asks for letters is not kept from logging in"
    elsewhere = confirmed.client(client=("192.0.2.9", 1), scheme="https")
    assert send(elsewhere, "forgotten", account="ada").status == 200
    for _ in range(links.MOST):
        post.take(MAIL)
    assert post.is_empty(confirmed), "the mailbox has links enough that hold"


def test_an_address_that_asks_for_many(make_mailed: Callable[..., Site]) -> None:
    site = make_mailed()
    statuses = [send(site.client(), "forgotten", account=f"user {number}").status for number in range(62)]
    assert statuses == [200] * 60 + [429] * 2


def test_asking_is_counted_by_several_processes_together(make_mailed: Callable[..., Site]) -> None:
    counter = MemoryCounter()
    one, other = make_mailed(tries=counter), make_mailed(tries=counter)
    statuses = [send((one, other)[number % 2].client(), "forgotten", account="ada").status for number in range(12)]
    assert statuses == [200] * 10 + [429] * 2


@pytest.mark.parametrize("path", ["reset", "confirm"])
def test_guessing_is_counted(confirmed: Site, post: Post, path: str) -> None:
    send(confirmed.client(), "forgotten", account="ada")
    token = post.token("reset")
    for number in range(10):
        assert send(confirmed.client(), path, token=f"{number:064x}", password=NEW).status == 200
    assert send(confirmed.client(), path, token=token, password=NEW).status == 429, "the right one, too"
    assert confirmed.client().get(f"/accounts/{path}?token={token}").status == 429
    elsewhere = confirmed.client(client=("192.0.2.9", 1), scheme="https")
    assert send(elsewhere, "reset", token=token, password=NEW).json()["code"] == 0


# What fails


def test_a_mailer_that_raises_changes_no_answer(
    make_mailed: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    def mailer(message: Message) -> None:
        raise OSError(f"no route to {message.to}: {message.text}")

    site = make_mailed(mailer=mailer)
    user = site.accounts.registrar.register("ada", PASSWORD)
    site.accounts.links.set_email(user.id, MAIL, MAIL, 1_000)
    answers = [send(site.client(), "forgotten", account=account) for account in ("ada", "nobody")]
    assert answers[0].text == answers[1].text
    assert site.accounts._outbox is not None
    assert site.accounts._outbox.close(30)
    assert "a letter was not sent: OSError" in caplog.text
    assert MAIL not in caplog.text
    assert "token=" not in caplog.text


def test_a_database_that_cannot_be_written_is_503_for_somebody_and_nobody(
    confirmed: Site, post: Post, tmp_path: Path
) -> None:
    send(confirmed.client(), "forgotten", account="ada")
    token = post.token("reset")
    wanted: list[tuple[str, dict[str, str]]] = [
        ("api/forgotten", {"account": "ada"}),
        ("api/forgotten", {"account": "nobody"}),
        ("api/reset", {"token": token, "password": NEW}),
        ("reset", {"token": token, "password": NEW}),
    ]

    def ask(path: str, fields: dict[str, str]) -> Any:
        return confirmed.client().post(f"/accounts/{path}", data=fields)

    with (
        closing(sqlite3.connect(tmp_path / "accounts.db", isolation_level=None)) as other,
        ThreadPoolExecutor(4) as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        answers = list(pool.map(lambda each: ask(*each), wanted))  # each waits for the lock, two seconds long
        other.execute("ROLLBACK")
    assert [(each.status, each.headers["Retry-After"]) for each in answers] == [(503, "2")] * 4
    assert answers[0].text == answers[1].text
    assert post.is_empty(confirmed)
    assert send(confirmed.client(), "reset", token=token, password=NEW).json()["code"] == 0, "the link was not used up"


def test_registering_with_an_address_is_all_or_nothing(
    mailed: Site, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise StoreUnavailable("full", retry_after=2)

    monkeypatch.setattr("salver.accounts.recovery.insert_confirmation", fails)
    assert send(mailed.client(), "register", **ADA, email=MAIL).status == 503
    assert mailed.accounts.registrar.users() == []
    assert post.is_empty(mailed)
    monkeypatch.undo()
    assert send(mailed.client(), "register", **ADA, email=MAIL).json()["code"] == 0


# Statuses and methods


@pytest.mark.parametrize(
    ("path", "fields", "status", "error", "field"),
    [
        ("register", {"username": "bob", "password": PASSWORD, "email": "bob"}, 422, "bad_email", "email"),
        ("register", {"username": "bob", "password": PASSWORD, "email": 7}, 400, "missing_field", "email"),
        ("email", {"password": PASSWORD, "email": "a@b@c"}, 422, "bad_email", "email"),
        ("email", {"password": "wrong", "email": "a@b"}, 401, "wrong_password", "password"),
        ("forgotten", {}, 400, "missing_field", "account"),
        ("forgotten", {"account": " "}, 400, "missing_field", "account"),
        ("forgotten", {"account": ["ada"]}, 400, "missing_field", "account"),
        ("reset", {"token": "0" * 64, "password": NEW}, 410, "void_link", ""),
        ("reset", {"password": NEW}, 400, "missing_field", "token"),
        ("confirm", {"token": "0" * 64}, 410, "void_link", ""),
    ],
)
def test_what_is_refused(
    make_mailed: Callable[..., Site], path: str, fields: dict[str, Any], status: int, error: str, field: str
) -> None:
    """With 200 as the tutorials' pages expect it, and with a status of its own where that was asked for."""
    for strict in (False, True):
        site = make_mailed(strict_status=strict)
        assert error_of(send(site.logged_in(), path, **fields)) == (status if strict else 200, error, field)


def test_who_has_no_session_has_no_address(confirmed: Site) -> None:
    assert error_of(send(confirmed.client(), "email", email=MAIL, password=PASSWORD)) == (401, "not_logged_in", "")


@pytest.mark.parametrize("path", ["forgotten", "reset", "email", "confirm"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_what_changes_something_is_a_post(confirmed: Site, path: str, method: str) -> None:
    assert confirmed.client().request(method, f"/accounts/api/{path}").status == 405


@pytest.mark.parametrize(
    "path", ["api/forgotten", "api/reset", "api/email", "api/confirm", "forgotten", "reset", "confirm"]
)
def test_bodies_have_a_bound(confirmed: Site, path: str) -> None:
    assert confirmed.client().post(f"/accounts/{path}", json={"padding": "x" * 20_000}).status == 413


def test_pages_that_were_named_may_ask(make_mailed: Callable[..., Site]) -> None:
    client = make_mailed(origins=["https://app.example"]).client(scheme="https", host="example.org")
    for origin, status in (("https://app.example", 200), ("https://evil.example", 403)):
        answer = client.post("/accounts/api/forgotten", json={"account": "ada"}, headers={"Origin": origin})
        assert answer.status == status
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
