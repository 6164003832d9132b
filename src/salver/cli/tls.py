"""The `--tls` options made into certificates, with errors in the words of who types commands."""

from __future__ import annotations

from collections.abc import Sequence

from salver.cli.arguments import TLSOptions
from salver.cli.errors import UsageError, printable, reason_of
from salver.net.certificates import Certificates, TLSError, TLSFiles
from salver.net.listener import Listener
from salver.net.self_signed import self_signed

_PASSWORD_MOST = 1_024  # bytes that OpenSSL takes


def certificates_for(options: TLSOptions, listeners: Sequence[Listener]) -> Certificates:
    """What `listeners` are to speak HTTPS with. Raises `UsageError`, and closes them then."""
    try:
        if options.cert is None:
            return self_signed(listener.address.host for listener in listeners)
        return Certificates(TLSFiles(options.cert, options.key, _password(options.password_file)))
    except (TLSError, UsageError) as error:
        for listener in listeners:
            listener.close()
        raise UsageError(printable(error)) from None


def _password(path: str | None) -> str | None:
    """The file's text without the line's end that editors leave."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read(_PASSWORD_MOST + 2).decode().strip("\r\n")
    except OSError as error:
        raise UsageError(f"cannot read the password file {path}: {reason_of(error)}") from None
    except ValueError as error:  # a NUL in the name; no UTF-8
        raise UsageError(f"cannot read the password file {path}: {error}") from None
