"""Addresses of mail: what one may be, and when two are the same.

An address is `local@domain` (RFC 5321 §4.1.2): a local part of atoms between dots, and a name of a host; RFC 6531 adds
the letters of every script to both. What mail programs take for something else is refused: quoted local parts,
comments, addresses in brackets, lists; and whatever could end a line. The *key* of an address compares: without case,
in one form of characters, the host as DNS has it. That RFC 5321 §2.4 lets a host tell `Ada` from `ada` is used by none
that people have mail at; and a key is for finding alone: mail goes to the address that was confirmed, never to the one
that was typed.
"""

from __future__ import annotations

import re
import unicodedata

from salver.accounts.errors import BadEmail

EMAIL_MAX = 254  # bytes of UTF-8: RFC 5321 §4.5.3.1.3 has 256 for a path, which is in angle brackets
_LOCAL_MAX = 64  # bytes: RFC 5321 §4.5.3.1.1

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LABEL = r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]{0,61}[A-Za-z0-9\u0080-\U0010ffff])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})*)")
# Controls, what has no width or turns what stands beside, surrogates, private use, unassigned; separators.
_NEVER = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))


def clean_email(email: str) -> str:
    """An address as it is kept: NFC, without the blanks around it. Raises `BadEmail`."""
    if len(email) > 2 * EMAIL_MAX:
        raise BadEmail(f"an address has at most {EMAIL_MAX} bytes")
    cleaned = unicodedata.normalize("NFC", email.strip(" "))
    matched = _ADDRESS.fullmatch(cleaned)
    # Also in its compatibility form: there are wide commas and wide @.
    plain = _ADDRESS.fullmatch(unicodedata.normalize("NFKC", cleaned))
    if not matched or not plain or any(unicodedata.category(character) in _NEVER for character in cleaned):
        raise BadEmail("an address is name@host, without quotes, brackets and blanks")
    if len(matched["local"].encode()) > _LOCAL_MAX or len(cleaned.encode()) > EMAIL_MAX:
        raise BadEmail(f"an address has at most {EMAIL_MAX} bytes, and {_LOCAL_MAX} before the @")
    ascii_domain(matched["domain"])
    return cleaned


def email_key(email: str) -> str:
    """What is the same for every spelling of an address that `clean_email` has returned. Idempotent."""
    local, _, domain = email.rpartition("@")
    folded = local
    while (again := unicodedata.normalize("NFKC", folded).casefold()) != folded:  # folding may give what folds again
        folded = again
    return f"{folded}@{ascii_domain(domain)}"


def maybe_email_key(text: str) -> str:
    """The key of what somebody has typed, "" where it is no address."""
    try:
        return email_key(clean_email(text))
    except BadEmail:
        return ""


def ascii_domain(domain: str) -> str:
    """A host's name as DNS has it, in lower case; `xn--…` for the letters of other scripts (RFC 3490). Raises
    `BadEmail` for one that cannot be."""
    if domain.isascii():
        return domain.lower()
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise BadEmail("the host of this address cannot be one") from None
