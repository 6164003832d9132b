"""What can go wrong with an account, as values with a code: the interfaces put them into JSON, the pages into words.

A code is part of the interface and never changes; what a person reads is made of it elsewhere, in their language.
"""

from __future__ import annotations


class AccountError(Exception):
    """Something was refused. `code`: which one, for programs; `field`: which of the caller's fields it is about, "" for
    none; `status`: the HTTP status that says it; `retry_after`: seconds, None where waiting does not help; `limit`: the
    number in the rule that was broken, for the text."""

    status = 422
    code = "refused"
    field = ""

    def __init__(self, detail: str = "", *, retry_after: int | None = None, limit: int | None = None) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.retry_after = retry_after
        self.limit = limit


class BadName(AccountError):
    """A name that no account can have."""

    code = "bad_name"
    field = "username"


class NameTaken(AccountError):
    """Another account has the name, or one that cannot be told from it."""

    status = 409
    code = "name_taken"
    field = "username"


class BadNickname(AccountError):
    """A nickname that cannot be shown."""

    code = "bad_nickname"
    field = "nickname"


class BadEmail(AccountError):
    """What no mail could be sent to."""

    code = "bad_email"
    field = "email"


class WeakPassword(AccountError):
    """Too short, or one of those that are tried first."""

    code = "weak_password"
    field = "password"


class PasswordTooLong(AccountError):
    """Longer than is ever hashed: refused before, since hashing it would be work for nothing."""

    status = 400
    code = "password_too_long"
    field = "password"


class Malformed(AccountError):
    """A request that says nothing: its body is no JSON object and no form. `status` is what it is refused with."""

    status = 400
    code = "malformed"

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


class WrongCredentials(AccountError):
    """No such account, a wrong password, or one that is disabled: which of them is not said."""

    status = 401
    code = "wrong_credentials"
    field = "password"


class WrongPassword(AccountError):
    """Who is logged in already has not given the account's password."""

    status = 401
    code = "wrong_password"
    field = "password"


class VoidLink(AccountError):
    """A link from a mail that holds no more: used, too old, taken back, or never given. Which of them is not said."""

    status = 410
    code = "void_link"


class MissingField(AccountError):
    """A field that is needed is absent, empty, or no text."""

    status = 400
    code = "missing_field"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is missing")
        self.field = field


class TooManyTries(AccountError):
    """More failures in a minute than a person makes."""

    status = 429
    code = "too_many_tries"


class RegistrationClosed(AccountError):
    """Accounts are made by whoever runs this, not by everybody."""

    status = 403
    code = "registration_closed"


class NotLoggedIn(AccountError):
    """This needs a session, and the request has none that holds."""

    status = 401
    code = "not_logged_in"


class ForeignOrigin(AccountError):
    """Another site's page sent the request."""

    status = 403
    code = "foreign_origin"


class Busy(AccountError):
    """Every processor is hashing, and enough others wait."""

    status = 503
    code = "busy"


class StoreUnavailable(AccountError):
    """The database is locked, gone, full or read-only. Nothing was written."""

    status = 503
    code = "store_unavailable"


class StoreError(Exception):
    """The database cannot be used as it is set up; its message says what to do. For whoever starts the server."""
