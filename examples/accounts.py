"""A page for everybody, and a notebook for each who has an account: register, log in, write, log out.

python examples/accounts.py [ADDRESS [DATABASE]]
"""

import sys
from html import escape

from salver import App, Request, Response
from salver.accounts import Accounts

accounts = Accounts(sys.argv[2] if len(sys.argv) > 2 else "sqlite:///accounts.db", name="Notebook")
app = App()
app.mount("/accounts", accounts)
notes: dict[int, list[str]] = {}  # by the account's number

HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Notebook</title>
<script src="/accounts/accounts.js" defer></script><h1>Notebook</h1>"""


@app.get("/")
def start(request: Request) -> str:
    user = accounts.user_of(request)  # None for nobody: this page is for everybody
    if user is None:
        # With the script the login opens over this page, and without it the link leads there.
        return (
            HEAD + '<p>Everybody has notes. <a href="/accounts/login?next=/notes" data-salver-login>See yours</a></p>'
        )
    return HEAD + f'<p>Hello, {escape(user.shown_name)}. <a href="/notes">Your notes</a></p>'


@app.get("/notes")
@accounts.login_required
def mine(request: Request) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes.get(request.user.id, []))
    return f"""{HEAD}<ul id="notes">{items}</ul>
<form method="post"><label>A note <input name="note" required></label> <button>Write it down</button></form>
<form method="post" action="/accounts/logout"><button id="leave">Log out</button></form>
<p><a href="/accounts/account">Your account</a></p>"""


@app.post("/notes")
@accounts.login_required
def write(request: Request) -> Response:
    notes.setdefault(request.user.id, []).append(request.form["note"])
    return Response.redirect("/notes")


if __name__ == "__main__":
    accounts.open()  # what is wrong with the database is said now, and not to the first who comes
    app.run(bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")
