"""Entity tags: lists of them read in linear time, compared strongly and weakly (RFC 9110 §8.8.3).

A tag is kept as it stands on the wire, `"x"` or `W/"x"`. A list is read up to the first thing in it that is not a
tag; what stood before that counts, so a broken list can only match less.
"""

from __future__ import annotations

import re

# RFC 9110 §8.8.3: entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE, and §5.6.1 for a list: empty members are skipped.
_ETAGC = r"[\x21\x23-\x7e\x80-\xff]"
_ENTITY_TAG = re.compile(rf'(W/)?("{_ETAGC}*+")')
_MEMBER = re.compile(rf'[ \t,]*+(W/)?("{_ETAGC}*+")[ \t]*+(?=,|\Z)')


class TagList:
    """The value of If-Match or If-None-Match: "*", or tags. Immutable; safe to share."""

    __slots__ = ("any", "strong", "weak")

    def __init__(self, value: str) -> None:
        """`value`: the combined field value. Time is linear in its length."""
        self.any = value.strip(" \t") == "*"
        strong, weak = set[str](), set[str]()
        matched = _MEMBER.match(value)
        while matched is not None:
            (weak if matched[1] else strong).add(matched[2])
            matched = _MEMBER.match(value, matched.end())
        self.strong = frozenset(strong)  # opaque parts, with their quotes, of the strong tags
        self.weak = frozenset(weak)  # and of the weak ones

    def matches_strongly(self, tag: str | None) -> bool:
        """Is `tag` in the list by strong comparison (§8.8.3.2)? "*" matches whatever exists, with a tag or not."""
        return self.any or (tag is not None and tag in self.strong)

    def matches_weakly(self, tag: str | None) -> bool:
        """Is `tag` in the list by weak comparison: the opaque parts are equal?"""
        if self.any or tag is None:
            return self.any
        opaque = tag.removeprefix("W/")
        return opaque in self.strong or opaque in self.weak


def is_entity_tag(value: str) -> bool:
    """Is this exactly one entity tag, weak or strong?"""
    return _ENTITY_TAG.fullmatch(value) is not None


def equal_strongly(one: str, other: str) -> bool:
    """Strong comparison (§8.8.3.2): both strong and the same."""
    return one == other and not one.startswith("W/")


def encoded_etag(etag: str, coding: str) -> str:
    """The tag of the same representation in a content coding: other bytes need another tag (§8.8.3.3)."""
    return f'{etag[:-1]}-{coding}"'
