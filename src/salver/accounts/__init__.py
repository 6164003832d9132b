"""Accounts: register, log in, protect what others should not see. See `Accounts`.

Needs the extra "accounts"; with PostgreSQL also "postgresql", with shared counts of tries "redis".
"""

try:
    from salver.accounts.accounts import Accounts
except ModuleNotFoundError as error:
    if error.name != "sqlalchemy":
        raise
    raise ImportError('accounts need the extra "accounts": pip install "salver[accounts]"') from error
from salver.accounts.errors import AccountError, StoreError
from salver.accounts.settings import AccountSettings
from salver.accounts.store import Session, User

__all__ = ["AccountError", "AccountSettings", "Accounts", "Session", "StoreError", "User"]
