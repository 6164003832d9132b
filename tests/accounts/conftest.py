"""Accounts as tests want them: in a folder of their own, with a hash that costs next to nothing, closed at the end."""

from __future__ import annotations

import queue
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from salver import App, Request
from salver.accounts import Accounts
from salver.accounts.mail import Message
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


class Post:
    """A mailer that keeps what it is given, and how its letters are read."""

    def __init__(self) -> None:
        self._letters: queue.Queue[Message] = queue.Queue()

    def __call__(self, message: Message) -> None:
        self._letters.put(message)

    def take(self, to: str = "") -> Message:
        """The next letter, when it is there."""
        letter = self._letters.get(timeout=30)
        assert to in ("", letter.to)
        return letter

    def token(self, kind: str) -> str:
        """Of the link in the next letter, which leads to the page `kind`."""
        (token,) = re.findall(
            rf"^https://example\.org/accounts/{kind}\?token=([0-9a-f]{{64}})$", self.take().text, re.M
        )
        return str(token)

    def is_empty(self, site: Site) -> bool:
        """Nothing is there, and nothing is on its way."""
        assert site.accounts._outbox is not None
        assert site.accounts._outbox.close(30)
        return self._letters.empty()


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def make_mailed(make_site: Callable[..., Site], post: Post) -> Callable[..., Site]:
    """`make_mailed(**settings)`: a `Site` whose letters come to `post`, at once."""

    def make(**settings: Any) -> Site:
        site = make_site(**{"mailer": post, "public_url": "https://example.org", **settings})
        assert site.accounts._outbox is not None
        assert site.accounts._recovery is not None
        site.accounts._outbox._pause = site.accounts._recovery._evenly = 0.0
        return site

    return make


@pytest.fixture
def mailed(make_mailed: Callable[..., Site]) -> Site:
    return make_mailed()


@pytest.fixture
def confirmed(mailed: Site) -> Site:
    """A `mailed` one, with ada, who has the address ada@example.org."""
    user = mailed.accounts.registrar.register("ada", PASSWORD)
    mailed.accounts.links.set_email(user.id, "ada@example.org", "ada@example.org", 1_000)
    return mailed
