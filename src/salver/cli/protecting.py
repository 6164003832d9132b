"""`--accounts`: the folder for those who are logged in, and the pages where they do that, at `/accounts`.

What is wrong with the database is found out while there is somebody to tell; each process that serves then opens
connections of its own, when they are first needed, and outlives the database's being away.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from salver.cli.arguments import AccountsOptions, FolderOptions
from salver.cli.errors import UsageError, printable
from salver.cli.mailing import mail_settings
from salver.handler import Handler

AT = "/accounts"
_LIBRARIES = ("sqlalchemy", "argon2", "jinja2", "multipart")  # what the extra brings


def protected(handler: Handler, options: AccountsOptions) -> Handler:
    """`handler` behind a login. Opens no database. Raises `UsageError` for a database that cannot be one."""
    need_accounts()
    from salver.accounts import Accounts, StoreError
    from salver.app import App

    try:
        accounts = Accounts(
            options.database,
            tries=options.tries,
            at=AT,
            registration=options.registration,
            **mail_settings(options.mail),
        )
    except (StoreError, ValueError) as error:
        raise UsageError(printable(error)) from None
    app = App()
    app.mount(AT, accounts)
    app.mount("/", accounts.require(handler))
    return app


def try_accounts(folder: FolderOptions, options: AccountsOptions) -> None:
    """Open the accounts' database as the server will. Raises `UsageError` where it cannot be used, lies where it would
    be served, or a library is missing."""
    need_accounts()
    from salver.accounts import Accounts, StoreError

    _keep_out_of_the_folder(folder, options)
    try:
        with errors_said_once():
            accounts = Accounts(options.database, tries=options.tries, **mail_settings(options.mail))
            accounts.open()
    except (StoreError, ValueError) as error:
        raise UsageError(printable(error)) from None
    accounts.close()


@contextmanager
def errors_said_once() -> Iterator[None]:
    """What the database refuses is raised, and becomes the command's one line; a server would log it as well."""
    logger, silent = logging.getLogger("salver.accounts"), logging.NullHandler()
    logger.addHandler(silent)
    try:
        yield
    finally:
        logger.removeHandler(silent)


def need_accounts() -> None:
    """Raise `UsageError` where a library of the extra is not installed: better now than at the first login."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise UsageError('accounts need the extra "accounts": pip install "salver[accounts]"')


def _keep_out_of_the_folder(folder: FolderOptions, options: AccountsOptions) -> None:
    """Whoever has logged in could read everybody's password hashes, one's neighbour included."""
    path = sqlite_path(options.database)
    if path is None:
        return
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(folder.path))
    names = inside.split(os.sep)
    hidden = not folder.hidden and any(name.startswith(".") for name in names)
    if names[0] != os.pardir and not hidden:
        raise UsageError(
            f"the accounts' database {printable(path)} lies in the folder that is served; put it elsewhere"
            " (sqlite:////var/lib/salver/accounts.db), or give it a name that begins with a dot"
        )


def sqlite_path(database: str) -> str | None:
    """The file of a database's URL, None for one that is no SQLite file. Needs the extra."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(database)
    except ArgumentError:
        return None
    return url.database if url.get_backend_name() == "sqlite" else None
