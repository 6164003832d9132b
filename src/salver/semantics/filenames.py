"""Names of files that cross the wire: one that a client sent made harmless, one of ours written for a download.

A name from a client says what its owner calls the file and nothing more. What becomes of it here is one plain name, on
Windows too: no folder, no drive, no stream, no control or invisible character, nothing that a shell reads as an option,
not too long for any file system. Or nothing at all, where nothing is left.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

from salver.semantics.urls import is_plain_name

# What Windows or a shell gives a meaning, and "%" because somebody might decode the name once more.
_MEANINGFUL = re.compile(r'[%:*?"<>|$`~&;!]')
_BLANKS = re.compile(r"\s+")
# Octets of UTF-8; file systems take 255, and a number or a suffix of somebody's own must still fit.
_LONGEST = 200
_LONGEST_SUFFIX = 20
_UNQUOTED = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NEVER_IN_QUOTES = re.compile(r'[^\x20-\x7e]|["\\%]')


def safe_filename(name: str) -> str:
    """`name`, as a client has sent it, as one plain name for a file; "" where nothing is left of it.

    What stands before the last "/" or "\\" goes. Letters of every script stay (NFC). Two names may become the same.
    """
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    name = _BLANKS.sub(" ", "".join(filter(_is_visible_or_blank, name)))
    name = _MEANINGFUL.sub("_", name).lstrip(". -").rstrip(". ")
    name = _shortened(name)
    if not name or is_plain_name(name):
        return name
    return "_" + name  # a device's, as CON is on Windows


def _is_visible(character: str) -> bool:
    """Not a control (Cc), a formatting one (Cf: U+202E turns the text around), half a surrogate pair (Cs), private,
    unassigned, or an end of line."""
    return character == " " or unicodedata.category(character)[0] not in "CZ"


def _is_visible_or_blank(character: str) -> bool:
    return character.isspace() or _is_visible(character)


def _shortened(name: str) -> str:
    raw = name.encode()
    if len(raw) <= _LONGEST:
        return name
    stem, dot, suffix = name.rpartition(".")
    ending = (dot + suffix).encode() if stem else b""
    if len(ending) > _LONGEST_SUFFIX:
        ending = b""
    stem = raw[: _LONGEST - len(ending)].decode("utf-8", "ignore").rstrip(". ")
    return stem + ending.decode()


def content_disposition(disposition: str, name: str) -> str:
    """The value of a Content-Disposition field: "attachment" or "inline", and what the file is to be called.

    As RFC 6266 has it: `filename` in ASCII for all, and where the name is more than that `filename*` (RFC 8187) for
    those who read it. Control characters in `name` are left out, and so is what stands before a slash.
    """
    name = "".join(filter(_is_visible, re.split(r"[/\\]", name)[-1]))
    if not name:
        return disposition
    plain = _NEVER_IN_QUOTES.sub("_", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or "file")
    shown = plain if _UNQUOTED.fullmatch(plain) else f'"{plain}"'
    if plain == name:
        return f"{disposition}; filename={shown}"
    # RFC 8187 §3.2.1: attr-char
    return f"{disposition}; filename={shown}; filename*=UTF-8''{quote(name, safe='!#$&+^`|', errors='replace')}"


# RFC 6266 §4.1 and RFC 8187 §3.2.1; the parts before and behind a parameter that is none of ours are stepped over.
_FILENAME = re.compile(
    r";[ \t]*+filename(\*)?[ \t]*+=[ \t]*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^;\"]++))", re.IGNORECASE | re.DOTALL
)
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE | re.DOTALL)


def maybe_disposition_filename(value: str) -> str | None:
    """The name that a Content-Disposition field (as Latin-1, the way it comes) gives, by `safe_filename` one plain name
    for a file; None where it gives none. `filename*` goes before `filename` (RFC 6266 §4.3)."""
    plain, extended = "", ""
    for star, quoted, bare in _FILENAME.findall(value):
        text = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted else bare.strip()
        if star:
            extended = extended or _extended(text)
        else:
            plain = plain or _as_meant(text)
    return safe_filename(extended) or safe_filename(plain) or None


def maybe_extended_filename(value: str) -> str | None:
    """What `filename*` in a Content-Disposition field calls a file, as it is: for showing only. "" where it cannot be
    read, None where there is none."""
    if "filename*" not in value.lower():
        return None
    said = [quoted or bare.strip() for star, quoted, bare in _FILENAME.findall(value) if star]
    return _extended(said[0]) if said else None


def _extended(text: str) -> str:
    """RFC 8187 §3.2; "" for what is none."""
    matched = _EXTENDED.fullmatch(text)
    return unquote(matched[2], matched[1], "replace") if matched else ""


def _as_meant(text: str) -> str:
    """What servers send is UTF-8, whatever the field's bytes are said to be."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
