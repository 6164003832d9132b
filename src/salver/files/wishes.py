"""What a request's fields want of a file, as one short string that can be compared at once.

A client repeats its fields from request to request, so the string is worked out once per section and kept there
(`Section.notes`). It names the content codings the client takes, the best liked first ("br,gzip"; "" for none), with
a "?" in front where the request is conditional or asks for ranges and so needs a closer look.
"""

from __future__ import annotations

from salver.protocol.headers import Headers
from salver.protocol.heads import Section
from salver.semantics.codings import CODINGS
from salver.semantics.conditions import CONDITIONAL_FIELDS
from salver.semantics.negotiation import acceptable_codings

_CLOSER_LOOK = (*CONDITIONAL_FIELDS, "range")


def wish_of(section: Section) -> str:
    """The wish of a section's fields; remembered on it. Two threads may both work it out, with the same result."""
    wish = section.notes
    if wish is None:
        wish = section.notes = _wish(section.headers)
    return wish


def _wish(headers: Headers) -> str:
    codings = ",".join(acceptable_codings(headers.get("accept-encoding"), CODINGS))
    return "?" + codings if any(name in headers for name in _CLOSER_LOOK) else codings


def needs_closer_look(wish: str) -> bool:
    """Is the request conditional, or for ranges?"""
    return wish.startswith("?")


def codings_of(wish: str) -> str:
    """The codings alone, joined as they are in the wish."""
    return wish.removeprefix("?")
