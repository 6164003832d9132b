"""What the tests serve with `salver run` as a server of its own: accounts at /accounts, for everybody /, for those who
are logged in /mine. SALVER_DATABASE is the database, SALVER_TRIES a Redis that counts for several processes behind a
proxy on this computer, LOG a file for all that is logged. MAIL_SERVER is the URL of one: with it there are the same
accounts at /mailed as well, with letters whose links lead to https://example.org."""

from __future__ import annotations

import logging
import os

from salver import App, Request
from salver.accounts import Accounts, SMTPMailer
from salver.accounts.passwords import Hashing
from salver.middleware import trusted_proxies

if "LOG" in os.environ:
    logging.basicConfig(filename=os.environ["LOG"], level=logging.DEBUG)


class NoCounts:
    """A `Counter` for whoever tries thousands of times on purpose."""

    def read(self, keys: list[str]) -> list[tuple[int, int]]:
        return [(0, 0) for _ in keys]

    def add(self, keys: list[str]) -> None:
        pass

    def clear(self, keys: list[str]) -> None:
        pass


accounts = Accounts(
    os.environ["SALVER_DATABASE"],
    tries=NoCounts() if os.environ.get("UNCOUNTED") == "1" else os.environ.get("SALVER_TRIES") or None,
    register_by_get=os.environ.get("BY_GET") == "1",
    hashing=Hashing(memory=64, passes=1) if os.environ.get("CHEAP") == "1" else None,
)
app = App()
HEAD = '<!doctype html><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
app.mount("/accounts", accounts)
if "MAIL_SERVER" in os.environ:
    mailed = Accounts(
        os.environ["SALVER_DATABASE"],
        mailer=SMTPMailer(os.environ["MAIL_SERVER"], sender="no-reply@example.org"),
        tries=os.environ.get("SALVER_TRIES") or None,
        public_url="https://example.org",
        at="/mailed",
        hashing=Hashing(memory=64, passes=1),
    )
    app.mount("/mailed", mailed)


@app.get("/")
def everybody(request: Request) -> str:
    return HEAD + '<title>For everybody</title><p>For everybody <a href="/mine">mine</a></p>'


@app.get("/mine")
@accounts.login_required
def mine(request: Request) -> str:
    return f"{HEAD}<title>Mine</title><p id=hello>Hello, {request.user.shown_name}</p>"


@app.get("/health")
def health(request: Request) -> dict[str, int]:
    return {"process": os.getpid()}


if os.environ.get("SALVER_TRIES"):
    app.use(trusted_proxies(["127.0.0.1"]))
