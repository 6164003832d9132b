"""The values that options take, read from text: each function returns the value or raises `UsageError`.

Digits are matched before `int()` sees them, which takes signs, underscores and the digits of every script. Fields
are judged by the protocol's writer, log formats by the log; here they get their words.
"""

from __future__ import annotations

import re

from salver.cli.errors import UsageError, printable, quoted

_PORT = re.compile(r"[0-9]{1,5}")
_SIZE = re.compile(r"([0-9]{1,15})(?:([kmg])(?:i?b)?)?", re.IGNORECASE)
_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)s?")
_POWERS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_ORIGIN = re.compile(r"https?://[^/?#\s,@]+", re.IGNORECASE)
# RFC 9110 §6.6.1, §8.6; RFC 9112 §6.1, §9.6: what frames a message and manages its connection.
_SERVERS_OWN = frozenset(("connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"))


def port(text: str) -> int:
    """A port; 0 asks the system for a free one."""
    if not _PORT.fullmatch(text) or int(text) > 65_535:
        raise UsageError(f"{quoted(text)} is not a port; give a number from 0 (any free one) to 65535")
    return int(text)


def size(text: str) -> int:
    """A count, or bytes with K, M or G (powers of 1024)."""
    matched = _SIZE.fullmatch(text)
    if matched is None:
        raise UsageError(f"{quoted(text)} is not a size; give a number, with K, M or G if you like: 16M")
    return int(matched[1]) * _POWERS[(matched[2] or "").lower()]


def seconds(text: str) -> float:
    """Seconds, with a fraction or without."""
    matched = _SECONDS.fullmatch(text)
    if matched is None:
        raise UsageError(f"{quoted(text)} is not a time; give seconds: 30 or 0.5")
    return float(matched[1])


def whole_seconds(text: str) -> int:
    """Seconds without a fraction, as header fields have them."""
    value = seconds(text)
    if value != int(value):
        raise UsageError(f"{quoted(text)} is not whole seconds")
    return int(value)


def workers(text: str) -> int:
    """How many processes; "auto" is one for each core that this process may use."""
    if text == "auto":
        from salver.service.workers import available_cpus

        return available_cpus()
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) == 0:
        raise UsageError(f"{quoted(text)} is not a number of workers; give 1 or more, or auto")
    return int(text)


def header(text: str) -> tuple[str, str]:
    """A field "Name: value" for every response."""
    from salver.protocol.errors import LocalProtocolError
    from salver.protocol.writer import encode_field

    name, colon, value = text.partition(":")
    name, value = name.strip(" \t"), value.strip(" \t")
    if not colon:
        raise UsageError(f"the header {quoted(text)} has no colon; write it as 'Name: value'")
    if name.lower() in _SERVERS_OWN:
        raise UsageError(f"the header {printable(name)} is the server's own; leave it out")
    try:
        encode_field(name, value)
    except LocalProtocolError as error:
        raise UsageError(f"the header {quoted(text)} cannot be sent: {printable(error)}") from None
    return name, value


def origin(text: str) -> str:
    """Whom CORS lets in: "*", "null", or an origin "https://example.org" (RFC 6454 §7)."""
    if text not in ("*", "null") and not _ORIGIN.fullmatch(text):
        raise UsageError(f"{quoted(text)} is not an origin; give one like https://example.org, or * for all")
    return text


def looks_like_origin(text: str) -> bool:
    """Whether an argument behind `--cors` is meant for it, not the folder to serve."""
    return text in ("*", "null") or "://" in text


def looks_like_folder(text: str) -> bool:
    """Whether an argument behind `--cgi` is meant for it: a port and another option are not."""
    return bool(text) and not text.startswith("-") and not (text.isascii() and text.isdigit())


def index_name(text: str) -> str:
    """The name of an index file: one name, not a path."""
    if not text or "/" in text or "\0" in text or text in (".", ".."):
        raise UsageError(f"{quoted(text)} is not a file name for --index; give one like index.html")
    return text


def log_format(text: str) -> str:
    """ "combined", "json", or a format with fields in braces."""
    if text in ("combined", "json"):
        return text
    from salver.service.access_format import line_format

    try:
        line_format(text)
    except ValueError as error:
        raise UsageError(printable(error)) from None
    return text
