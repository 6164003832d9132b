"""What is wrong with a command, in the words that its user reads."""

from __future__ import annotations


class UsageError(Exception):
    """One line that says what is wrong and what to do about it; the command ends with status 2."""


class AlreadySaid(UsageError):
    """A usage error whose line another process has printed."""


def printable(text: object) -> str:
    """`text` on one line, whatever file names and arguments bring along: what cannot be printed is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text))


def quoted(text: str) -> str:
    """`printable`, in quotes: what stands between them was given."""
    return f"'{printable(text)}'"


def reason_of(error: OSError) -> str:
    """An OSError's reason without number and file name: "permission denied"."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
