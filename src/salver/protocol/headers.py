"""Fields as applications see them: an ordered multi-map of str, with names compared without case.

`Headers` cannot be changed, so one parsed block serves every request that repeats it; `MutableHeaders` is what a
response is built with. Octets are latin-1 both ways (RFC 9110 §5.5), so every byte survives. The index by name is
made on first use: most requests never ask. This file does not check grammar; the reader and the writer do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar, Union, overload

Default = TypeVar("Default")
FieldPairs = Union[Mapping[str, str], Iterable[tuple[str, str]]]


class Headers(Mapping[str, str]):
    """Fields in the order of arrival. Immutable; safe to share between threads.

    `headers[name]` is the combined value (RFC 9110 §5.2: lines of one name joined by ", ") and raises KeyError;
    `get_all(name)` lists the lines apart, which Set-Cookie needs; `fields` are the pairs as they came.
    """

    __slots__ = ("_fields", "_index")

    def __init__(self, fields: FieldPairs | None = None) -> None:
        self._fields = _pairs(fields)
        self._index: dict[str, list[str]] | None = None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The (name, value) pairs in order, names as they were written. Not to be changed."""
        return self._fields

    def get_all(self, name: str) -> list[str]:
        """The values of every line with this name, in order; an empty list where there is none."""
        return list(self._by_name().get(name.lower(), ()))

    def __getitem__(self, name: str) -> str:
        values = self._by_name()[name.lower()]
        return values[0] if len(values) == 1 else ", ".join(values)

    @overload
    def get(self, name: str, /) -> str | None: ...

    @overload
    def get(self, name: str, /, default: str | Default) -> str | Default: ...

    def get(self, name: str, /, default: object = None) -> object:
        """As `headers[name]`, and `default` where there is no such line; the Mapping's own raises and catches."""
        values = self._by_name().get(name.lower())
        if values is None:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name()

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name())

    def __len__(self) -> int:
        return len(self._by_name())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._fields!r})"

    def _by_name(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = {}
            for name, value in self._fields:
                index.setdefault(name.lower(), []).append(value)
            self._index = index
        return index


class MutableHeaders(Headers, MutableMapping[str, str]):
    """Fields of a message being built. Not for use by two threads at once."""

    __slots__ = ()

    def add(self, name: str, value: str) -> None:
        """Add a line, also where one of this name is there already (Set-Cookie, Link, Vary)."""
        self._fields.append((name, value))
        self._index = None

    def __setitem__(self, name: str, value: str) -> None:
        """Replace every line of this name by one, in the first one's place."""
        lowered, fields, placed = name.lower(), [], False
        for pair in self._fields:
            if pair[0].lower() != lowered:
                fields.append(pair)
            elif not placed:
                fields.append((name, value))
                placed = True
        if not placed:
            fields.append((name, value))
        self._fields, self._index = fields, None

    def __delitem__(self, name: str) -> None:
        lowered = name.lower()
        fields = [pair for pair in self._fields if pair[0].lower() != lowered]
        if len(fields) == len(self._fields):
            raise KeyError(name)
        self._fields, self._index = fields, None


def _pairs(fields: FieldPairs | None) -> list[tuple[str, str]]:
    if not fields:
        return []
    if isinstance(fields, Headers):
        return list(fields.fields)
    if isinstance(fields, Mapping):
        return list(fields.items())
    return list(fields)
