"""Passwords: which are too weak, and how one is hashed and compared, by Argon2id.

Hashing is made to cost, so it is bounded: as many at once as there are processors, some more waiting, and past that a
refusal. It releases the interpreter's lock, so that others are served meanwhile. An account that does not exist costs
the same as one that does: a hash is compared with that no password has. Nothing here knows a store.
"""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from salver.accounts.errors import Busy, PasswordTooLong, WeakPassword

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LENGTH_MIN = 10  # characters
LENGTH_MAX = 1_024  # bytes of UTF-8: no bound for a person, and little to hash
_WAIT = 10.0  # seconds that a hash may wait for a processor
_WAITING = 400  # hashes that may wait at once


def normal_password(password: str) -> bytes:
    """The bytes that are hashed: NFC, so that one keyboard's ü is the other's; nothing is cut off or stripped. Raises
    `PasswordTooLong`."""
    if len(password) > LENGTH_MAX:
        raise PasswordTooLong(f"a password has at most {LENGTH_MAX} bytes", limit=LENGTH_MAX)
    data = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    if len(data) > LENGTH_MAX:
        raise PasswordTooLong(f"a password has at most {LENGTH_MAX} bytes", limit=LENGTH_MAX)
    return data


def check_strength(password: str, *known: str) -> None:
    """Raise `WeakPassword` for a password that is short, among the common ones, of one character or a run of keys, or
    made of what everybody knows (`known`: the account's name and nickname)."""
    normal = unicodedata.normalize("NFC", password)
    if len(normal) < LENGTH_MIN:
        raise WeakPassword(f"a password has at least {LENGTH_MIN} characters", limit=LENGTH_MIN)
    folded = normal.casefold()
    plain = folded.strip("0123456789!?.,;-_*#$@ ")
    if folded in common_passwords() or (len(plain) >= 4 and plain in common_passwords()):
        raise WeakPassword("this password is among the first that are tried")
    if len(set(folded)) < 5 or _is_run(folded):
        raise WeakPassword("this password repeats itself, or is a run of keys")
    if any(len(each) >= 4 and each.casefold() in folded for each in known):
        raise WeakPassword("the password has the account's name in it")


_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop")


def _is_run(text: str) -> bool:
    """Nearly all of it follows its neighbour in the alphabet, in numbers or on a keyboard, either way round."""
    lines = [*_RUNS, *(line[::-1] for line in _RUNS)]
    follows = sum(any(pair in line for line in lines) for pair in (text[at : at + 2] for at in range(len(text) - 1)))
    return follows >= len(text) - 3


@cache
def common_passwords() -> frozenset[str]:
    """The list that is shipped, read when the first password is checked."""
    text = (files("salver.accounts") / "common_passwords.txt").read_text("utf-8")
    return frozenset(line.strip().casefold() for line in text.splitlines() if line and not line.startswith("#"))


class Hashing:
    """Argon2id with bounded work. Safe to use from several threads."""

    def __init__(
        self, *, memory: int = 19_456, passes: int = 2, lanes: int = 1, at_once: int | None = None, wait: float = _WAIT
    ) -> None:
        """`memory` in KiB, `passes`, `lanes`: what the OWASP recommends for Argon2id. `at_once`: hashes in work at one
        time, by default one for each processor that this process may use. `wait`: seconds that one may wait."""
        self._memory, self._passes, self._lanes = memory, passes, lanes
        self._wait = wait
        self._places = threading.BoundedSemaphore(at_once or _processors())
        self._counting = threading.Lock()
        self._waiting = 0
        self._made: PasswordHasher | None = None
        self._dummy = ""

    def hash(self, password: bytes) -> str:
        """An Argon2id string with a salt of its own. Raises `Busy`."""
        with _Place(self):
            return self._hasher().hash(password)

    def verify(self, encoded: str | None, password: bytes, before: Callable[[], None] | None = None) -> bool:
        """Whether `password` is the one that `encoded` was made of; None is compared as long, and is never. `before` is
        called when it is this one's turn: what it raises ends it. Raises `Busy`."""
        with _Place(self):
            if before is not None:
                before()
            hasher = self._hasher()
            from argon2.exceptions import InvalidHashError, VerificationError

            try:
                return hasher.verify(encoded or self._dummy, password) and encoded is not None
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, encoded: str) -> bool:
        """It was made with other parameters than those of today."""
        return self._hasher().check_needs_rehash(encoded)

    def _hasher(self) -> PasswordHasher:
        made = self._made
        if made is None:
            try:
                from argon2 import PasswordHasher
            except ImportError:
                raise RuntimeError('accounts need the extra "accounts": pip install "salver[accounts]"') from None
            made = PasswordHasher(self._passes, self._memory, self._lanes)
            self._dummy = made.hash(os.urandom(16))
            self._made = made
        return made

    def warm(self) -> None:
        """Make what the first use would make, so that it takes no longer than the second."""
        self._hasher()

    def enter(self) -> None:
        """Take a place. Raises `Busy` where too many wait, or it takes too long."""
        if self._places.acquire(blocking=False):
            return
        with self._counting:
            if self._waiting >= _WAITING:
                raise Busy("too many passwords are being checked", retry_after=2)
            self._waiting += 1
        try:
            if not self._places.acquire(timeout=self._wait):
                raise Busy("too many passwords are being checked", retry_after=2)
        finally:
            with self._counting:
                self._waiting -= 1

    def leave(self) -> None:
        """Give the place back."""
        self._places.release()


class _Place:
    """One of the places, for the `with` statement."""

    __slots__ = ("_hashing",)

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing

    def __enter__(self) -> None:
        self._hashing.enter()

    def __exit__(self, *_: object) -> None:
        self._hashing.leave()


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        return os.cpu_count() or 1
