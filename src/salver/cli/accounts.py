"""`salver accounts`: add, list, disable and enable accounts, and give one another password or address of mail.

A password is asked for, twice, or is the first line of standard input where that is no terminal: an argument would be
seen by everybody who lists processes, and stay in the shell's history. What an account refuses (a name that is taken, a
weak password) is one line and status 1; what is wrong with the command or the database is one line and status 2.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from salver.cli.arguments import command_parser
from salver.cli.errors import UsageError, printable
from salver.cli.protecting import errors_said_once, need_accounts, sqlite_path

if TYPE_CHECKING:
    from salver.accounts import Accounts
    from salver.accounts.store import User

Action = Callable[["Accounts", argparse.Namespace], None]
DATABASE = "SALVER_DATABASE"
_DEFAULT = "sqlite:///accounts.db"
_PASSWORD_MOST = 8_192  # bytes of a line; what is longer is refused as a password anyway
_EPILOG = """\
examples:
  salver accounts add ada                        asks for the password, twice
  salver accounts add ada --nickname Ada <file   or takes the first line of standard input
  salver accounts list --database postgresql://salver@db.example/salver
  salver accounts email ada --email ada@example.org    an address that needs no confirming ("" for none)
  salver accounts disable ada                    and ends her sessions; a running server knows within a second
"""


class _Refused(Exception):
    """No password came of it."""


def run_accounts(arguments: Sequence[str]) -> int:
    """Carry out `salver accounts …`. Returns 0, or 1 where an account refused it. Raises `UsageError`."""
    given = _parser().parse_intermixed_args(list(arguments))
    act = _ACTIONS[given.action]
    if (given.name is None) != (given.action == "list"):
        raise UsageError(
            "which account? salver accounts list takes no name"
            if given.name
            else f"which account? salver accounts {given.action} NAME"
        )
    if given.nickname is not None and given.action != "add":
        raise UsageError("--nickname is for salver accounts add; leave it out")
    if given.email is not None and given.action not in ("add", "email"):
        raise UsageError("--email is for salver accounts add, and salver accounts email; leave it out")
    if given.email is None and given.action == "email":
        raise UsageError('which address? salver accounts email NAME --email ADDRESS ("" for none)')
    # Until here nothing was to be tidied up; a prompt has to give the terminal its echo back.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return _act(act, given)


def _act(act: Action, given: argparse.Namespace) -> int:
    need_accounts()
    from salver.accounts import AccountError, Accounts, StoreError
    from salver.accounts.errors import StoreUnavailable

    try:
        _must_exist(given)
        accounts = Accounts(given.database)
        with errors_said_once(), closing(accounts):
            accounts.open()
            act(accounts, given)
    except (StoreError, StoreUnavailable) as error:
        raise UsageError(printable(error)) from None
    except (AccountError, _Refused) as error:
        print(f"salver: {printable(error)}", file=sys.stderr)
        return 1
    return 0


def _must_exist(given: argparse.Namespace) -> None:
    """Who mistypes a path is better told than shown an empty database that was just made."""
    path = sqlite_path(given.database)
    if given.action != "add" and path and not path.startswith("file:") and not os.path.exists(path):
        raise UsageError(f"there is no database {printable(path)}; give another one with --database")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "salver accounts", "add|list|disable|enable|passwd|email [NAME] [options]", "Manage accounts.", _EPILOG
    )
    add = parser.add_argument
    add("action", metavar="ACTION", choices=tuple(_ACTIONS), help=", ".join(_ACTIONS))
    add("name", metavar="NAME", nargs="?", help="the account's")
    add(
        "--database",
        metavar="URL",
        default=os.environ.get(DATABASE) or _DEFAULT,
        help=f"sqlite:///PATH or postgresql://… (the environment's {DATABASE}, else {_DEFAULT})",
    )
    add("--nickname", metavar="TEXT", help="with add: what pages call the person")
    add("--email", metavar="ADDRESS", help="with add or email: for a forgotten password; it counts as confirmed")
    return parser


def _add(accounts: Accounts, given: argparse.Namespace) -> None:
    email = _cleaned(given.email)  # before anybody thinks of a password
    user = accounts.registrar.register(given.name, _password(), given.nickname or "")
    if email:
        _set(accounts, user, email)


def _list(accounts: Accounts, given: argparse.Namespace) -> None:
    emails = accounts.links.all_emails(int(time.time()))
    for user in accounts.registrar.users():
        since = datetime.fromtimestamp(user.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        confirmed, pending = emails.get(user.id, ("", ""))
        more = [confirmed, "confirmed"] if confirmed else [pending, "unconfirmed"] if pending else []
        print(user.name, user.nickname, since, "disabled" if user.disabled else "enabled", *more, sep="\t")


def _disable(accounts: Accounts, given: argparse.Namespace) -> None:
    accounts.registrar.set_disabled(given.name, disabled=True)


def _enable(accounts: Accounts, given: argparse.Namespace) -> None:
    accounts.registrar.set_disabled(given.name, disabled=False)


def _passwd(accounts: Accounts, given: argparse.Namespace) -> None:
    accounts.registrar.user(given.name)  # before anybody thinks of a password for it
    accounts.registrar.set_password(given.name, _password())


def _email(accounts: Accounts, given: argparse.Namespace) -> None:
    _set(accounts, accounts.registrar.user(given.name), _cleaned(given.email))


def _set(accounts: Accounts, user: User, email: str) -> None:
    from salver.accounts.addresses import email_key

    accounts.links.set_email(user.id, email, email_key(email) if email else "", int(time.time()))


def _cleaned(email: str | None) -> str:
    from salver.accounts.addresses import clean_email

    return clean_email(email) if email else ""


_ACTIONS: dict[str, Action] = {
    "add": _add,
    "list": _list,
    "disable": _disable,
    "enable": _enable,
    "passwd": _passwd,
    "email": _email,
}


def _password() -> str:
    """Asked for twice, or the first line of standard input. Raises `_Refused`, `UsageError`."""
    if sys.stdin is None or not sys.stdin.isatty():
        given = _first_line()
    else:
        from getpass import getpass

        try:
            given = getpass("Password: ")
            if given and getpass("The same again: ") != given:
                raise _Refused("the two are not the same; nothing was changed")
        except EOFError:
            given = ""
    if not given:
        raise _Refused("no password was given; nothing was changed")
    return given


def _first_line() -> str:
    """Of standard input, without the end that editors and `echo` leave. Never more than a password may have."""
    if sys.stdin is None:
        return ""
    line = sys.stdin.buffer.readline(_PASSWORD_MOST)
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("the password on standard input is no UTF-8") from None
