"""Accounts as tests want them: in a folder of their own, with a hash that costs next to nothing, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from salver import App, Request
from salver.accounts import Accounts
from salver.accounts.passwords import Hashing
from salver.accounts.sessions import Sessions
from salver.accounts.store import Store, User
from salver.testing import TestClient

PASSWORD = "difference engine"
CHEAP = {"memory": 64, "passes": 1}


class Clock:
    """Seconds that go on when a test says so."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Site:
    """An app with accounts at /accounts, a page for everybody at / and one for those who are logged in at /mine."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.app = App()
        self.app.mount("/accounts", accounts)
        self.app.add_route("/", lambda request: "for everybody")
        self.app.add_route("/mine", accounts.require(self._mine), ["GET", "POST"])

    @staticmethod
    def _mine(request: Request) -> str:
        return f"Hello, {request.user.shown_name}"

    def client(self, **more: Any) -> TestClient:
        """Somebody's browser on the same computer; `host` and `scheme` make it another one."""
        return TestClient(self.app, **{"host": "localhost", **more})

    def logged_in(self, name: str = "ada", **more: Any) -> TestClient:
        """A browser in which somebody has logged in, with an account made for it where there is none."""
        if name not in [user.name for user in self.accounts.registrar.users()]:
            self.accounts.registrar.register(name, PASSWORD)
        client = self.client(**more)
        answer = client.post("/accounts/api/login", json={"username": name, "password": PASSWORD})
        assert answer.json()["code"] == 0
        return client


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/accounts.db"


@pytest.fixture
def make_store(database: str) -> Iterator[Callable[..., Store]]:
    """`make_store()`: a Store on `database`, or on another; as many as a test wants."""
    with ExitStack() as stack:

        def make(url: str = database) -> Store:
            store = Store(url)
            stack.callback(store.close)
            return store

        yield make


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    """An open one."""
    made = make_store()
    made.open()
    return made


@pytest.fixture
def ada(store: Store) -> User:
    """An account in `store`, whose password is encoded as "$hash"."""
    return store.add_user("Ada", "ada", "", "$hash", 1_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(store: Store, clock: Clock) -> Sessions:
    return Sessions(store, clock=clock, wall=clock)


@pytest.fixture
def make_site(database: str) -> Iterator[Callable[..., Site]]:
    """`make_site(**settings)`: a `Site`; each on the same database."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Site:
            accounts = Accounts(settings.pop("database", database), **{"hashing": Hashing(**CHEAP), **settings})
            stack.callback(accounts.close)
            return Site(accounts)

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
