"""A database as an older Salver has left it goes on: accounts and sessions are there, and what has come since works. On
SQLite and on PostgreSQL; the tables are written here as they were."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from salver.accounts import schema
from salver.accounts.engines import database_url
from salver.accounts.passwords import Hashing, normal_password
from salver.accounts.sessions import Sessions
from salver.accounts.store import Store
from tests.accounts.conftest import CHEAP, PASSWORD, Post, Site
from tests.accounts.recovering import MAIL, NEW, error_of, logs_in, me, send
from tests.accounts.servers import PostgreSQL, postgresql

VERSION_1 = """
CREATE TABLE salver_users (
    id {id}, name VARCHAR(64) NOT NULL, name_key VARCHAR(512) NOT NULL UNIQUE, nickname VARCHAR(64) NOT NULL,
    password VARCHAR(255) NOT NULL, disabled BOOLEAN NOT NULL, created BIGINT NOT NULL, password_changed BIGINT NOT NULL
);
CREATE TABLE salver_sessions (
    token {bytes} NOT NULL PRIMARY KEY, id VARCHAR(22) NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES salver_users (id) ON DELETE CASCADE, created BIGINT NOT NULL,
    used BIGINT NOT NULL, expires BIGINT NOT NULL, agent VARCHAR(200) NOT NULL, address VARCHAR(64) NOT NULL
);
CREATE INDEX salver_sessions_of_user ON salver_sessions (user_id);
CREATE INDEX salver_sessions_by_end ON salver_sessions (expires);
CREATE TABLE salver_accounts (version INTEGER NOT NULL);
INSERT INTO salver_accounts VALUES (1);
"""
KINDS = {
    "sqlite": {"id": "INTEGER NOT NULL PRIMARY KEY", "bytes": "BLOB"},
    "postgresql": {"id": "BIGSERIAL PRIMARY KEY", "bytes": "BYTEA"},
}
HELD = "A" * 43  # what ada's browser holds


@pytest.fixture(scope="module")
def database_server() -> Iterator[PostgreSQL]:
    with postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, database: str) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return database
    name = f"test{abs(hash(request.node.nodeid))}"
    return str(request.getfixturevalue("database_server").url(name))


@pytest.fixture
def engine(empty: str) -> Iterator[Engine]:
    made = create_engine(database_url(empty))
    yield made
    made.dispose()


@pytest.fixture
def old(empty: str, engine: Engine) -> str:
    """One that has ada, who is logged in, as version 1 kept them."""
    encoded, now = Hashing(**CHEAP).hash(normal_password(PASSWORD)), int(time.time())
    with engine.begin() as connection:
        for statement in VERSION_1.format(**KINDS[engine.dialect.name]).split(";"):
            if statement.strip():
                connection.execute(text(statement))
        connection.execute(
            text(
                "INSERT INTO salver_users (name, name_key, nickname, password, disabled, created, password_changed)"
                " VALUES ('Ada', 'ada', 'Lady L', :password, FALSE, 1000, 1000)"
            ),
            {"password": encoded},
        )
        connection.execute(
            text("INSERT INTO salver_sessions VALUES (:token, 'first', 1, :now, :now, :end, 'agent', '192.0.2.1')"),
            {"token": hashlib.sha256(HELD.encode()).digest(), "now": now, "end": now + 1_000},
        )
    return empty


def version_of(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT version FROM salver_accounts")).scalars())


def test_what_was_there_is_there(old: str, engine: Engine, make_store: Callable[..., Store]) -> None:
    store = make_store(old)
    store.open()
    assert [(user.name, user.nickname, user.created) for user in store.all_users()] == [("Ada", "Lady L", 1_000)]
    login = Sessions(store).find(HELD)
    assert login is not None
    assert login.user.name == "Ada"
    assert version_of(engine) == [len(schema.STEPS)]
    make_store(old).open()
    assert version_of(engine) == [len(schema.STEPS)], "once"


def test_several_that_come_at_once_take_the_steps_once(
    old: str, engine: Engine, make_store: Callable[..., Store]
) -> None:
    stores = [make_store(old) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Store.open, stores))
    assert version_of(engine) == [len(schema.STEPS)]
    assert all(len(store.all_users()) == 1 for store in stores)


def test_its_accounts_get_addresses_and_forget_passwords(
    old: str, make_mailed: Callable[..., Site], post: Post
) -> None:
    site = make_mailed(database=old)
    client = site.client()
    send(client, "login", username="ada", password=PASSWORD)
    assert me(client)["email"] == ""
    send(client, "email", email=MAIL, password=PASSWORD)
    send(client, "confirm", token=post.token("confirm"))
    assert me(client)["email"] == MAIL
    send(site.client(), "forgotten", account=MAIL)
    token = post.token("reset")
    assert send(site.client(), "reset", token=token, password=NEW).json()["code"] == 0
    assert logs_in(site, NEW)
    assert client.get("/mine").status == 401


def test_of_two_links_at_once_one_is_used_on_each_database(
    empty: str, make_mailed: Callable[..., Site], post: Post
) -> None:
    """With one link, and with two of the same account: nobody waits for ever, and one password is set."""
    site = make_mailed(database=empty)
    user = site.accounts.registrar.register("ada", PASSWORD)
    site.accounts.links.set_email(user.id, MAIL, MAIL, 1_000)
    for _ in range(3):
        send(site.client(), "forgotten", account="ada")
    tokens = [post.token("reset") for _ in range(3)]

    def use(number: int) -> tuple[int, str, str]:
        answer = send(site.client(), "reset", token=tokens[number % 3], password=f"password of {number}")
        return error_of(answer)

    with ThreadPoolExecutor(6) as pool:
        came = list(pool.map(use, range(6)))
    assert sorted(came) == [(200, "", ""), *[(200, "void_link", "")] * 5]
    assert logs_in(site, f"password of {came.index((200, '', ''))}")


@pytest.mark.parametrize(
    "email", ["用户@例子.中国", "\u3316" * 21 + "@example.org", "x" * 64 + "@" + "y" * 60 + ".example"]
)
def test_every_address_fits(empty: str, make_mailed: Callable[..., Site], post: Post, email: str) -> None:
    site = make_mailed(database=empty)
    client = site.logged_in()
    assert send(client, "email", email=email, password=PASSWORD).json()["code"] == 0
    send(client, "confirm", token=post.token("confirm"))
    send(site.client(), "forgotten", account=email.upper())
    assert post.take().to == email


@pytest.mark.parametrize(
    "account", ["a\0b", "\0", "\ud800", "\u202e", "﷽" * 300, "x" * 10_000, "' OR '1'='1", "@", "%"]
)
def test_what_is_nobody_is_no_trouble_to_a_database(
    empty: str, make_mailed: Callable[..., Site], post: Post, account: str
) -> None:
    site = make_mailed(database=empty)
    answer = send(site.client(), "forgotten", account=account)
    assert (answer.status, answer.json()["code"]) in ((200, 0), (400, -1)), answer.text
    assert post.is_empty(site)
