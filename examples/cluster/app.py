"""An app with accounts that several processes, on one machine or on many, serve as one.

    SALVER_DATABASE=postgresql://salver@db.example/salver SALVER_TRIES=redis://redis.example salver run app:app

Accounts and sessions are in the database, failed tries are counted in Redis, and nothing is kept in the process: it can
be stopped, killed and started at any time. README.md says how the rest is set up.
"""

import os

from salver import App, Request
from salver.accounts import Accounts
from salver.middleware import trusted_proxies

app = App()
accounts = Accounts(
    os.environ.get("SALVER_DATABASE", "sqlite:///accounts.db"),
    tries=os.environ.get("SALVER_TRIES") or None,
    name="The cluster",
)
app.mount("/accounts", accounts)


@app.get("/")
def home() -> str:
    return "Everybody may read this.\n"


@app.get("/mine")
@accounts.login_required
def mine(request: Request) -> str:
    return f"Hello, {request.user.shown_name}, from {request.client.host}.\n"


@app.get("/health")
def health() -> dict[str, str]:
    """The process answers. It says nothing of the database on purpose: all processes have the same one, and a proxy
    that took them all out would turn an outage of the login into an outage of everything."""
    return {"status": "ok"}


# Tries are counted by address: without this line every client would have the proxy's.
app.use(trusted_proxies(os.environ.get("SALVER_PROXIES", "127.0.0.1,::1,unix:").split(",")))
