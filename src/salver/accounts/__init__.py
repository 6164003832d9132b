"""Accounts: register, log in, protect what others should not see. See `Accounts`.

Needs the extra "accounts"; with PostgreSQL also "postgresql", with shared counts of tries "redis".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from salver.accounts.accounts import Accounts
except ModuleNotFoundError as error:
    if error.name != "sqlalchemy":
        raise
    raise ImportError('accounts need the extra "accounts": pip install "salver[accounts]"') from error
from salver.accounts.errors import AccountError, StoreError
from salver.accounts.mail import Message
from salver.accounts.settings import AccountSettings
from salver.accounts.store import Session, User

if TYPE_CHECKING:
    from salver.accounts.smtp import SMTPMailer

__all__ = ["AccountError", "AccountSettings", "Accounts", "Message", "SMTPMailer", "Session", "StoreError", "User"]


def __getattr__(name: str) -> Any:
    if name != "SMTPMailer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # When it is first asked for: the standard library's clients of mail take longer to import than all else here.
    from salver.accounts.smtp import SMTPMailer

    return SMTPMailer
