"""A mapping whose names may have several values, as queries, forms and uploads have.

Immutable, so that it is shared freely. This file does not know where the pairs come from, nor what their values are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, overload

Default = TypeVar("Default")
Value_co = TypeVar("Value_co", covariant=True)
Read = TypeVar("Read")
Given = TypeVar("Given")

# What reading a value as a type raises where it is none: int and float, datetime, UUID, Enum; Decimal; int("inf").
_UNREADABLE = (ValueError, ArithmeticError)


def read_as(value: Given, type: Callable[[Given], Read], default: Default) -> Read | Default:  # noqa: A002
    """`type(value)`; `default` where that is a ValueError or ArithmeticError. What else it raises passes."""
    try:
        return type(value)
    except _UNREADABLE:
        return default


_NOTHING: Any = object()


class MultiDict(Mapping[str, Value_co]):
    """Names with one value or more, in the order of arrival. Immutable; safe to share between threads.

    As a mapping it shows the *first* value of each name: `d[name]`, `get`, `items()`. `get_all(name)` lists every value
    of one name, `multi_items()` every pair. Names are compared as they are, case included.
    """

    __slots__ = ("_by_name", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, Value_co]] = ()) -> None:
        self._pairs = tuple(pairs)
        by_name: dict[str, list[Value_co]] = {}
        for name, value in self._pairs:
            by_name.setdefault(name, []).append(value)
        self._by_name = by_name

    @overload
    def get_all(self, name: str, type: None = None) -> list[Value_co]: ...

    @overload
    def get_all(self, name: str, type: Callable[[Value_co], Read]) -> list[Read]: ...

    def get_all(self, name: str, type: Callable[[Any], Any] | None = None) -> list[Any]:  # noqa: A002
        """Every value of `name` in order, an empty list where there is none; with `type`, what it makes of each, those
        left out of which it makes nothing (see `get`)."""
        values = self._by_name.get(name, ())
        if type is None:
            return list(values)
        return [read for value in values if (read := read_as(value, type, _NOTHING)) is not _NOTHING]

    getlist = get_all  # as other frameworks call it

    def multi_items(self) -> tuple[tuple[str, Value_co], ...]:
        """Every (name, value) pair in the order of arrival."""
        return self._pairs

    def missing(self, name: str) -> Exception:
        """What `d[name]` raises where there is no such name; for subclasses with a better word than KeyError."""
        return KeyError(name)

    def __getitem__(self, name: str) -> Value_co:
        values = self._by_name.get(name)
        if values is None:
            raise self.missing(name)
        return values[0]

    @overload
    def get(self, name: str, /, default: None = None, type: None = None) -> Value_co | None: ...

    @overload
    def get(self, name: str, /, default: Value_co | Default, type: None = None) -> Value_co | Default: ...

    @overload
    def get(self, name: str, /, default: None = None, *, type: Callable[[Value_co], Read]) -> Read | None: ...

    @overload
    def get(self, name: str, /, default: Default, type: Callable[[Value_co], Read]) -> Read | Default: ...

    def get(self, name: str, /, default: object = None, type: Callable[[Any], object] | None = None) -> object:  # noqa: A002
        """The first value of `name`, `default` where there is none. With `type` (int, float, date.fromisoformat, any
        function of one value), what that makes of it: `get("page", 1, type=int)`. A value of which it makes nothing,
        and raises ValueError or ArithmeticError, is as one that is not there; what else it raises passes."""
        values = self._by_name.get(name)
        if values is None:
            return default
        return values[0] if type is None else read_as(values[0], type, default)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MultiDict):
            return self._pairs == other._pairs
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._pairs)!r})"
