"""What looks like a secret, left out of what people read: logs, tracebacks, pages for who writes the program.

A secret is known by the name before it (a parameter, a variable, a key, a field) and by its place in a URL. That is a
help and no promise: nobody can tell what stands in a path. Time is linear in the text's length. This file is imported
when something has failed.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

MASK = "••••••"

_LONGEST = 500  # characters of a target

# What stands before one of these in a word does not matter, so no pattern looks for it: time stays linear.
_SECRET_WORDS = (
    r"(?:passw|passphrase|passcode|pwd|secret|token|credential|authoriz|authoris|cookie|session|csrf|signature"
    r"|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|signing[_-]?key|dsn|nonce)[\w-]{0,40}"
)
_SECRET_NAME = re.compile(_SECRET_WORDS, re.IGNORECASE)
# A name, and behind ":", "=", "," or an annotation with "=" a literal in quotes; one that was cut short ends with the
# text.
_LITERAL = r"""[bBrRuUfF]{0,2}(?:'(?:[^'\\]|\\.)*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z))"""
_QUOTED = re.compile(
    rf"""({_SECRET_WORDS}['"]?\]?\s*(?:=|:|,|:[ \w.|\[\]]{{1,60}}=)\s*){_LITERAL}""", re.IGNORECASE | re.DOTALL
)
# The same without quotes: a number, or a part of a query.
_BARE = re.compile(rf"""({_SECRET_WORDS}['"]?\]?\s*[=:]\s*)(?!{MASK})[^\s&;,'")}}\]]+""", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^/\s:@'\"]{0,200}:)[^/\s@'\"]{1,200}(?=@)")


def is_secret_name(name: str) -> bool:
    """Does what has this name look secret?"""
    return _SECRET_NAME.search(name) is not None


def without_secrets(text: str, *, bare: bool = True) -> str:
    """`text` with the values of names that look secret masked; `bare`: those without quotes too."""
    text = _URL_PASSWORD.sub(rf"\1{MASK}", _QUOTED.sub(rf"\1{MASK}", text))
    return _BARE.sub(rf"\1{MASK}", text) if bare else text


def looks_secret(text: str) -> bool:
    """Has `text` something in it that `without_secrets` would mask?"""
    return without_secrets(text) != text


def shown_target(target: str, longest: int = _LONGEST) -> str:
    """A request's target for a log, in `longest` characters: without its query where that has something in it that
    looks secret, and without a password before the host. Control characters stay; `%r` escapes them."""
    path, mark, query = target.partition("?")
    if looks_secret(unquote_plus(query)):
        query = "***"
    shown = _URL_PASSWORD.sub(rf"\1{MASK}", path) + mark + query
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
