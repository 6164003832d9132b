"""`--accounts-mailer`: the mail server that letters to accounts go by.

Its password is in a file, or in the environment's SALVER_MAIL_PASSWORD: in the URL it would be seen by everybody who
lists processes. Nothing is opened but that file.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from salver.cli.arguments import MailOptions
from salver.cli.errors import UsageError, printable, reason_of

PASSWORD = "SALVER_MAIL_PASSWORD"
_PASSWORD_MOST = 1_024  # bytes


def mail_settings(options: MailOptions | None) -> dict[str, Any]:
    """What `Accounts` is told of mail: nothing, or its mailer and where links lead. Raises `UsageError`."""
    if options is None:
        return {}
    from salver.accounts.smtp import SMTPMailer

    if _has_password(options.server):
        raise UsageError(
            "--accounts-mailer with a password in it is seen by everybody who lists processes; give it by"
            f" --accounts-mail-password-file, or the environment's {PASSWORD}"
        )
    try:
        mailer = SMTPMailer(options.server, sender=options.sender, password=_password(options.password_file))
    except ValueError as error:
        raise UsageError(f"--accounts-mailer: {printable(error)}") from None
    return {"mailer": mailer, "public_url": options.public_url}


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False  # no URL at all, which is said by whoever reads it


def _password(path: str | None) -> str | None:
    """The file's text without the line's end that editors leave; without a file the environment's."""
    if path is None:
        return os.environ.get(PASSWORD)
    try:
        with open(path, "rb") as file:
            return file.read(_PASSWORD_MOST + 2).decode().strip("\r\n")
    except OSError as error:
        raise UsageError(f"cannot read the password file {printable(path)}: {reason_of(error)}") from None
    except ValueError as error:  # a NUL in the name; no UTF-8
        raise UsageError(f"cannot read the password file {printable(path)}: {error}") from None
