"""A server's certificate and key: read from files, judged in one line where they are wrong, and read anew when they
change.

A changed file makes a new context, which new connections get; those that are there keep the old one to their end. What
cannot be read then is logged once, and the old one stays: half of a renewal, the certificate written and its key not
yet, must not take a server down. This file knows no connections.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from salver.net.stream import SocketStream
from salver.net.tls import TLSStream

__all__ = ["Certificates", "GivenContext", "TLSError", "TLSFiles"]

logger = logging.getLogger(__name__)

_LOOK_EVERY = 1.0  # seconds
_Stamp = tuple[tuple[int, int, int], ...]


class TLSError(ValueError):
    """A certificate, key or password that cannot be used; its text is one line that says why."""


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """PEM files: the certificate with those that vouch for it behind it, its private key (None: in the same file), and
    the key's password where it has one. `alpn`: the protocols offered (RFC 7301). Immutable; opens nothing."""

    cert: str | os.PathLike[str]
    key: str | os.PathLike[str] | None = None
    password: str | bytes | None = field(default=None, repr=False)
    alpn: tuple[str, ...] = ("http/1.1",)

    @property
    def paths(self) -> tuple[str, ...]:
        """What has to be read."""
        return tuple(dict.fromkeys(os.fspath(path) for path in (self.cert, self.key) if path is not None))


class Certificates:
    """The context of new connections. `current` and `wrap` are for one thread at a time."""

    def __init__(self, files: TLSFiles, *, watched: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the files. Raises `TLSError`. Without `watched` they are not needed any more afterwards."""
        self._files = files
        self._clock = clock
        self._stamp = _stamp(files)
        self._context = load_context(files)
        self._next_look = clock() + _LOOK_EVERY if watched else float("inf")

    def current(self) -> ssl.SSLContext:
        """The context for a connection that begins now. Looks at the files at most once a second; does not raise."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY
            self._look()
        return self._context

    def wrap(self, stream: SocketStream) -> TLSStream:
        """The server's end of TLS over `stream`, which becomes its own."""
        return TLSStream(stream, self.current())

    def _look(self) -> None:
        stamp = _stamp(self._files)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context = load_context(self._files)
        except TLSError as error:
            logger.error("the certificate has changed, and the old one stays in use: %s", error)
        else:
            logger.info("the certificate has changed: new connections get the new one")


class GivenContext(Certificates):
    """A context that somebody else has made, and answers for; no file is looked at."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """`context` is used as it is, but for renegotiation: with it a peer could have us compute keys for ever, and a
        write could have to wait for a read."""
        context.options |= ssl.OP_NO_RENEGOTIATION
        self._context = context

    def current(self) -> ssl.SSLContext:
        """The context that was given."""
        return self._context


def _stamp(files: TLSFiles) -> _Stamp:
    return tuple(_stamp_of(path) for path in files.paths)


def _stamp_of(path: str) -> tuple[int, int, int]:
    """What changes when a file is written or replaced, through symbolic links too; zeros where there is none."""
    try:
        there = os.stat(path)
    except (OSError, ValueError):
        return 0, 0, 0
    return there.st_mtime_ns, there.st_size, there.st_ino


def load_context(files: TLSFiles) -> ssl.SSLContext:
    """A server's context: TLS 1.2 and 1.3, ALPN, tickets on. Raises `TLSError`."""
    for path in files.paths:
        _check(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # TLS 1.2: a peer could have us compute keys for ever; and no data must ever need the other direction.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(files.alpn)
    context.num_tickets = 1  # OpenSSL's 2 cost 5 % of a handshake, for clients that resume it twice at once
    asked: list[None] = []

    def password() -> str | bytes:  # OpenSSL would ask at the terminal
        asked.append(None)
        return files.password or ""

    try:
        context.load_cert_chain(files.cert, files.key, password)
    except (OSError, ValueError) as error:  # SSLError is an OSError; ValueError: a password of over 1,024 bytes
        raise TLSError(_explained(files, error, bool(asked))) from error
    return context


def _check(path: str) -> None:
    """OpenSSL names no file."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise TLSError(f"cannot read {_shown(path)}: {reason[:1].lower()}{reason[1:]}") from error
    except ValueError as error:  # a NUL
        raise TLSError(f"cannot read {_shown(path)}: {error}") from error


def _explained(files: TLSFiles, error: Exception, asked: bool) -> str:
    cert = _shown(os.fspath(files.cert))
    key = cert if files.key is None else _shown(os.fspath(files.key))
    reason = getattr(error, "reason", None) or ""
    if reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
        return f"the key in {key} does not belong to the certificate in {cert}"
    if not _contains(files.cert, b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----"):
        return f"{cert} holds no certificate; it must be a PEM file with -----BEGIN CERTIFICATE-----"
    if not _contains(files.key or files.cert, b"PRIVATE KEY-----"):
        return f"{key} holds no private key; it must be a PEM file with -----BEGIN PRIVATE KEY-----"
    if asked:
        return f"the key in {key} is encrypted; " + ("the password is wrong" if files.password else "give its password")
    detail = f": {reason.replace('_', ' ').lower()}" if reason else ""
    return f"the certificate in {cert} or the key in {key} cannot be used{detail}"


def _contains(path: str | os.PathLike[str], *markers: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            data = file.read(1_048_576)
    except OSError:
        return False
    return any(marker in data for marker in markers)


def _shown(path: str) -> str:
    """On one line, whatever is in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path)
