"""How `salver get` ends: the exit status of each error, curl's wherever curl has the same error."""

from __future__ import annotations

import ssl

from salver.cli.errors import printable, reason_of
from salver.client import errors

CANNOT_WRITE = 23

# The first that fits counts: the special ones stand before what they are special cases of.
_STATUSES: tuple[tuple[type[errors.ClientError], int], ...] = (
    (errors.InvalidRequest, 2),
    (errors.NameNotFound, 6),
    (errors.TLSFailed, 35),
    (errors.ConnectFailed, 7),
    (errors.TimedOut, 28),
    (errors.ConnectionLost, 56),
    (errors.ResponseTooLarge, 63),
    (errors.BrokenCoding, 61),
    (errors.BrokenResponse, 8),
    (errors.TooManyRedirects, 47),
    (errors.StatusError, 22),
)
_OTHER = 1


class FetchFailed(Exception):
    """The command ends with `status` and this message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def failure_of(error: errors.ClientError | OSError) -> FetchFailed:
    """What the client, or the system, has raised, for people and for scripts."""
    if isinstance(error, errors.ClientError):
        return FetchFailed(_status_of(error), printable(error).replace("verify=PATH", "--cacert FILE, or -k"))
    where = f"{printable(error.filename)}: " if error.filename else ""
    return FetchFailed(CANNOT_WRITE, f"{where}{reason_of(error)}")


def _status_of(error: errors.ClientError) -> int:
    if isinstance(error, errors.TLSFailed):
        return _tls_status(error)
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), _OTHER)


def _tls_status(error: errors.TLSFailed) -> int:
    """60: not to be trusted; 58 and 77: files of ours that cannot be used; 35: anything else."""
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return 60
    if error.message.startswith("cannot use the certificate"):
        return 58
    return 77 if error.message.startswith("cannot use the authorities") else 35
