"""A mapping whose names may have several values, as queries, forms and uploads have.

Immutable, so that it is shared freely. This file does not know where the pairs come from, nor what their values are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, overload

Default = TypeVar("Default")
Value_co = TypeVar("Value_co", covariant=True)
Other = TypeVar("Other")


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

    def get_all(self, name: str) -> list[Value_co]:
        """Every value of `name` in order; an empty list where there is none."""
        return list(self._by_name.get(name, ()))

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
    def get(self, name: str, default: None = None, /) -> Value_co | None: ...

    @overload
    def get(self, name: str, default: Value_co | Default, /) -> Value_co | Default: ...

    def get(self, name: str, default: object = None, /) -> object:
        """The first value of `name`, `default` where there is none."""
        values = self._by_name.get(name)
        return default if values is None else values[0]

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
