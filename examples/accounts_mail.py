"""Accounts whose owners set a forgotten password themselves, by a link in a letter.

python examples/accounts_mail.py [ADDRESS [DATABASE [MAIL_SERVER]]]

Without a mail server (smtps://user@mail.example; its password is the environment's MAIL_PASSWORD) letters are shown
here, where a server of one's own would never show them: whoever reads one may set that password.
"""

import os
import sys
from html import escape

from salver import App, Request
from salver.accounts import Accounts, Message, SMTPMailer

ADDRESS, DATABASE, MAIL_SERVER = [*sys.argv[1:], *["127.0.0.1:8000", "sqlite:///accounts.db", ""][len(sys.argv) - 1 :]]


def show(message: Message) -> None:
    """A mailer is any callable; it is called in a thread of its own, after the answer."""
    print(f"To: {message.to}\nSubject: {message.subject}\n\n{message.text}", flush=True)


password = os.environ.get("MAIL_PASSWORD")
mailer = SMTPMailer(MAIL_SERVER, sender="no-reply@example.org", password=password) if MAIL_SERVER else show
# Where people open this: links are made of it, and never of what a request says.
accounts = Accounts(DATABASE, mailer=mailer, public_url=f"http://{ADDRESS}", name="Letters")
app = App()
app.mount("/accounts", accounts)


@app.get("/")
@accounts.login_required
def mine(request: Request) -> str:
    email = accounts.email_of(request.user) or "no address yet"
    return f'Hello, {escape(request.user.name)}: {escape(email)}. <a href="/accounts/account">Your account</a>'


if __name__ == "__main__":
    accounts.open()
    app.run(bind=ADDRESS)
