"""The pattern of a path as a value: `/users/{id:int}/files/{name:path}`, and `<int:id>` for those who are used to it.

A pattern is a tuple of segments, and a segment a tuple of parts: literal text and parameters. It is written decoded, as
people read an address ("/käse/{id}"); `tree` matches it against decoded segments. This file matches nothing, and does
not know which converters there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Union

_PARAMETER = re.compile(r"\{([^{}]*)\}|<([^<>]*)>")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f?#%\\]")


class PatternError(ValueError):
    """A pattern that cannot be read, with what is wrong and how it is written."""


class Parameter(NamedTuple):
    """A named part of a path, and the name of its converter."""

    name: str
    converter: str


Part = Union[str, Parameter]
Segment = tuple[Part, ...]


class Pattern(NamedTuple):
    """A pattern that was read. A segment is `("text",)`, `(Parameter,)`, or texts and parameters in turn; the last one
    of a path that ends in a slash is `("",)`. No segments at all: the empty path, a mount without its slash."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters in order; no two have one name."""
        return [part for segment in self.segments for part in segment if isinstance(part, Parameter)]

    @property
    def is_literal(self) -> bool:
        """Does it match one path alone?"""
        return not self.parameters


def parse_pattern(text: str) -> Pattern:
    """The pattern that `text` writes. Raises `PatternError`."""
    if not isinstance(text, str):
        raise PatternError(f"a path is a str like '/users/{{id:int}}', not {text!r}")
    if text and not text.startswith("/"):
        raise PatternError(f"the path {text!r} begins with no slash: write {'/' + text!r}")
    segments = tuple(_segments(text)) if text else ()
    pattern = Pattern(text, segments)
    names = [parameter.name for parameter in pattern.parameters]
    for name in names:
        if names.count(name) > 1:
            raise PatternError(f"the path {text!r} has two parameters named {name!r}")
    return pattern


def _segments(text: str) -> Iterator[Segment]:
    written = text[1:].split("/")
    for index, segment in enumerate(written):
        if not segment and index < len(written) - 1:
            raise PatternError(f"the path {text!r} has two slashes in a row")
        if segment in {".", ".."}:
            raise PatternError(f"the path {text!r} has a dot segment, which no client sends")
        yield tuple(_parts(segment, text))


def _parts(segment: str, text: str) -> Iterator[Part]:
    """Literals and parameters of one segment; between two parameters there is always a literal."""
    begin, after_parameter = 0, False
    for found in _PARAMETER.finditer(segment):
        literal = segment[begin : found.start()]
        if literal:
            yield _literal(literal, text)
        elif after_parameter:
            raise PatternError(f"the path {text!r} has nothing between two parameters: where would one end?")
        yield _parameter(found, text)
        begin, after_parameter = found.end(), True
    if begin < len(segment) or not begin:
        yield _literal(segment[begin:], text)


def _literal(literal: str, text: str) -> str:
    if "%" in literal:
        raise PatternError(f"the path {text!r} is percent-encoded: write it decoded, 'a b' for a%20b")
    if _NEVER.search(literal):
        raise PatternError(f"the path {text!r} has a character that no path has: a control, '?', '#' or a backslash")
    if any(brace in literal for brace in "{}<>"):
        raise PatternError(
            f"the path {text!r} has a brace without its other half: a parameter is {{name}} or {{name:int}}"
        )
    return literal


def _parameter(found: re.Match[str], text: str) -> Parameter:
    inside, angled = found[1], found[2]
    if inside is not None:
        name, _, converter = inside.partition(":")
    else:
        converter, _, name = angled.rpartition(":")
    if not _NAME.fullmatch(name) or (converter and not _NAME.fullmatch(converter)):
        raise PatternError(f"the path {text!r}: {found[0]} is no parameter; write {{name}} or {{name:int}}")
    return Parameter(name, converter or "str")
