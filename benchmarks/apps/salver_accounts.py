"""An app with accounts, whose database is in the current folder: / for everybody, /mine for those who are logged in.
Tries are not counted, since the load is one address that fails as often as it is told to."""

from __future__ import annotations

from salver import App, Request
from salver.accounts import Accounts


class NoCounts:
    """A `Counter` that stays at nought."""

    def read(self, keys: list[str]) -> list[tuple[int, int]]:
        return [(0, 0) for _ in keys]

    def add(self, keys: list[str]) -> None:
        pass

    def clear(self, keys: list[str]) -> None:
        pass


accounts = Accounts("sqlite:///accounts.db", tries=NoCounts())
accounts.open()
app = App()
app.mount("/accounts", accounts)


def hello(request: Request) -> str:
    """The same for everybody, so that what differs is the question who it is."""
    return "Hello, World!"


app.get("/")(hello)
app.get("/mine")(accounts.login_required(hello))
