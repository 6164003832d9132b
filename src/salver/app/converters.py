"""What a parameter of a path may be, as text in the path and as a value for the view.

A converter reads one decoded segment and writes one; "path" spans several. How they are ordered where several could
read a segment is said by `rank`: the narrower comes first. This file knows neither patterns nor requests.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

# `int` and `float` of Python take signs, blanks, underscores and the digits of every script, and `int` takes for ever
# over a long number: the text is looked at first, all of it, and no number is longer than what a database holds.
_FLOAT = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,19})?")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_DOT_SEGMENTS = frozenset((".", ".."))


class Converter(ABC):
    """One kind of parameter. Its instances are shared by all threads.

    `rank` orders converters at the same place of a path, the smallest first: 10 for what few texts are (int; uuid has
    12), 20 for float, 50 for those of your own, 100 for any one segment (str), 1000 for what spans several. `spans`: it
    reads the rest of the path, slashes and all.
    """

    rank: int = 50
    spans: bool = False

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The value of a decoded piece of a path, which is never empty. Raises ValueError where it is none: the route
        is then not the request's."""

    def format(self, value: Any) -> str:
        """The text for `value`, decoded; `App.url_for` encodes it. Raises ValueError where it has none."""
        return str(value)


class StrConverter(Converter):
    """Any one segment. What was %2F is part of the value and no separator."""

    rank = 100

    def parse(self, text: str) -> str:
        if text in _DOT_SEGMENTS:
            raise ValueError("a dot segment is no name")
        return text


class IntConverter(Converter):
    """Digits, at most 19: no sign, as in the addresses of things that are counted."""

    rank = 10

    def parse(self, text: str) -> int:
        if text.isdecimal() and text.isascii() and len(text) <= 19:
            return int(text)
        raise ValueError("no whole number")


class FloatConverter(Converter):
    """Digits with an optional fraction and an optional minus: 1, 2.50, -0.5."""

    rank = 20

    def parse(self, text: str) -> float:
        if not _FLOAT.fullmatch(text):
            raise ValueError("no number")
        return float(text)

    def format(self, value: Any) -> str:
        return repr(float(value))


class UUIDConverter(Converter):
    """A UUID in its usual form, as `uuid.UUID`; its letters in either case, written small."""

    rank = 12

    def __init__(self) -> None:
        from uuid import UUID  # which is slow to import, and seldom wanted

        self._type = UUID

    def parse(self, text: str) -> UUID:
        if not _UUID.fullmatch(text):
            raise ValueError("no UUID")
        return self._type(text)


class PathConverter(Converter):
    """The rest of the path, or what of it the pattern leaves: at least one character, no slash at its beginning.

    A segment that has a slash, or is a dot segment, once decoded is not taken: whoever joins the value to a folder's
    name could be led out of the folder by it.
    """

    rank = 1000
    spans = True

    def parse(self, text: str) -> str:
        if text.startswith("/") or not _DOT_SEGMENTS.isdisjoint(text.split("/")):
            raise ValueError("no path below this one")
        return text


BUILT_IN: Mapping[str, Callable[[], Converter]] = MappingProxyType(
    {
        "int": IntConverter,
        "float": FloatConverter,
        "str": StrConverter,
        "path": PathConverter,
        "uuid": UUIDConverter,
    }
)
