"""Finding the route of a path: a tree of segments, walked from the left, the narrower branch first.

At each segment the literal text is tried first, then patterns of text and parameters, then single parameters from the
narrowest converter to the widest, then parameters that span segments, and at last what is mounted there. A branch that
leads nowhere is left again, so that the order of registration never matters. A node is visited once at most for a
path: what a client can make us do is bounded by the routes there are and the path's length, whatever it sends.

A route that has the path but not the method does not end the search: another may have both. All methods that the path
has are collected on the way, for Allow. This file takes decoded segments, and calls nothing but converters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, Union

from salver.app.converters import Converter
from salver.app.patterns import Parameter, Segment

RouteT = TypeVar("RouteT")
MountT = TypeVar("MountT")

_Rank = tuple[int, int, str]


class Conflict(ValueError):
    """Another route has the same paths and a method in common: `other`, by `method`."""

    def __init__(self, other: Any, method: str) -> None:
        super().__init__(other, method)
        self.other = other
        self.method = method


class Reader:
    """A segment that has parameters: it reads a decoded segment and appends their values.

    A parameter between texts ends where the next text first occurs, the last one where the last text begins: there is
    one way to read a segment, and no second attempt.
    """

    __slots__ = ("_parts", "rank", "shape")

    def __init__(self, segment: Segment, converters: Mapping[str, Converter]) -> None:
        self._parts = [converters[part.converter] if isinstance(part, Parameter) else part for part in segment]
        text = sum(len(part) for part in segment if isinstance(part, str))
        written = "".join(part if isinstance(part, str) else f"{{{part.converter}}}" for part in segment)
        width = sum(part.rank for part in self._parts if isinstance(part, Converter))
        self.rank: _Rank = (-text, width, written)
        # What two segments have in common that nothing tells apart.
        self.shape = tuple(part if isinstance(part, str) else part.rank for part in self._parts)

    def read(self, text: str, values: list[Any]) -> bool:
        """Append the parameters' values, and say whether `text` is such a segment. Whatever was appended by a
        failure is for the caller to remove."""
        parts, position = self._parts, 0
        for index, part in enumerate(parts):
            if isinstance(part, str):
                if not text.startswith(part, position):
                    return False
                position += len(part)
                continue
            end = self._end(text, position, index + 1)
            if end <= position:
                return False
            try:
                values.append(part.parse(text[position:end]))
            except ValueError:
                return False
            position = end
        return position == len(text)

    def _end(self, text: str, position: int, following: int) -> int:
        """Where the parameter ends that begins at `position`."""
        parts = self._parts
        if following == len(parts):
            return len(text)
        literal = str(parts[following])
        return len(text) - len(literal) if following + 1 == len(parts) else text.find(literal, position + 1)


class _Span:
    """A parameter that spans segments, and how many the pattern has behind it."""

    __slots__ = ("converter", "node", "rank", "tail")

    def __init__(self, converter: Converter, name: str, tail: int) -> None:
        self.converter = converter
        self.tail = tail
        self.rank: _Rank = (-tail, converter.rank, name)
        self.node: Node[Any, Any] = Node()


class Node(Generic[RouteT, MountT]):
    """What can follow one beginning of a path."""

    __slots__ = ("literals", "methods", "mount", "readers", "singles", "spans")

    def __init__(self) -> None:
        self.literals: dict[str, Node[RouteT, MountT]] = {}
        self.readers: list[tuple[Reader, Node[RouteT, MountT]]] = []
        self.singles: list[tuple[Converter, str, Node[RouteT, MountT]]] = []
        self.spans: list[_Span] = []
        self.methods: dict[str, RouteT] = {}
        self.mount: MountT | None = None


class Tree(Generic[RouteT, MountT]):
    """Routes and mounts by their paths. Written by one thread, read by any: what is added is found from then on."""

    __slots__ = ("_root", "_shapes")

    def __init__(self) -> None:
        self._root: Node[RouteT, MountT] = Node()
        self._shapes: dict[tuple[object, ...], dict[str, RouteT]] = {}

    def add(
        self, segments: Sequence[Segment], converters: Mapping[str, Converter], methods: Iterable[str], route: RouteT
    ) -> None:
        """Put `route` where `segments` lead, for `methods`. Raises `Conflict`, and has changed nothing then."""
        methods = list(methods)
        taken = self._shapes.setdefault(_shape(segments, converters), {})
        for method in methods:
            if method in taken:
                raise Conflict(taken[method], method)
        taken.update(dict.fromkeys(methods, route))
        self._node(segments, converters).methods.update(dict.fromkeys(methods, route))

    def mount(self, names: Sequence[str], mount: MountT) -> None:
        """Put `mount` where the literal segments `names` lead. Raises `Conflict`, with the method "*"."""
        node = self._node([(name,) for name in names], {})
        if node.mount is not None:
            raise Conflict(node.mount, "*")
        node.mount = mount

    def find(
        self, segments: Sequence[str], method: str, values: list[Any], allowed: dict[str, RouteT]
    ) -> Union[RouteT, MountT, None]:
        """The narrowest route that has the path and the method, or else what is mounted above.

        `values` is filled with the parameters' values in order. Into `allowed` go the methods of every route that was
        passed because it has the path alone; what is mounted answers for no path that a route below it has.
        """
        found: RouteT | MountT | None = _walk(self._root, segments, 0, method, values, allowed)
        return found

    def _node(self, segments: Sequence[Segment], converters: Mapping[str, Converter]) -> Node[RouteT, MountT]:
        node = self._root
        for index, segment in enumerate(segments):
            node = _child(node, segment, converters, len(segments) - index - 1)
        return node


def _shape(segments: Sequence[Segment], converters: Mapping[str, Converter]) -> tuple[object, ...]:
    """Two patterns of one shape could both have a path, and neither is the narrower one."""
    return tuple(
        segment[0] if len(segment) == 1 and isinstance(segment[0], str) else Reader(segment, converters).shape
        for segment in segments
    )


def _child(node: Node[Any, Any], segment: Segment, converters: Mapping[str, Converter], behind: int) -> Node[Any, Any]:
    """The node behind `segment`, made where there is none yet. Lists are replaced, not changed: another thread may be
    in the middle of one."""
    first = segment[0]
    if len(segment) > 1:
        reader = Reader(segment, converters)
        for known, child in node.readers:
            if known.rank == reader.rank:
                return child
        child = Node()
        node.readers = sorted([*node.readers, (reader, child)], key=lambda each: each[0].rank)
        return child
    if isinstance(first, str):
        return node.literals.setdefault(first, Node())
    converter, name = converters[first.converter], first.converter
    if converter.spans:
        return _span(node, converter, name, behind)
    for _, known_name, child in node.singles:
        if known_name == name:
            return child
    child = Node()
    node.singles = sorted([*node.singles, (converter, name, child)], key=lambda each: (each[0].rank, each[1]))
    return child


def _span(node: Node[Any, Any], converter: Converter, name: str, behind: int) -> Node[Any, Any]:
    span = _Span(converter, name, behind)
    for known in node.spans:
        if known.rank == span.rank:
            return known.node
    node.spans = sorted([*node.spans, span], key=lambda each: each.rank)
    return span.node


def _walk(
    node: Node[Any, Any], segments: Sequence[str], index: int, method: str, values: list[Any], allowed: dict[str, Any]
) -> Any:
    if index == len(segments):
        methods = node.methods
        if method in methods:
            return methods[method]
        if method == "HEAD" and "GET" in methods:  # RFC 9110 §9.3.2: the server leaves the body away
            return methods["GET"]
        allowed.update(methods)
    else:
        segment = segments[index]
        child = node.literals.get(segment)
        if child is not None:
            found = _walk(child, segments, index + 1, method, values, allowed)
            if found is not None:
                return found
        if segment:
            found = _walk_parameters(node, segments, index, method, values, allowed)
            if found is not None:
                return found
        if node.spans:
            found = _walk_spans(node, segments, index, method, values, allowed)
            if found is not None:
                return found
    return None if allowed else node.mount


def _walk_parameters(
    node: Node[Any, Any], segments: Sequence[str], index: int, method: str, values: list[Any], allowed: dict[str, Any]
) -> Any:
    segment, mark = segments[index], len(values)
    for reader, child in node.readers:
        if reader.read(segment, values):
            found = _walk(child, segments, index + 1, method, values, allowed)
            if found is not None:
                return found
        del values[mark:]
    for converter, _, child in node.singles:
        try:
            values.append(converter.parse(segment))
        except ValueError:
            continue
        found = _walk(child, segments, index + 1, method, values, allowed)
        if found is not None:
            return found
        del values[mark:]
    return None


def _walk_spans(
    node: Node[Any, Any], segments: Sequence[str], index: int, method: str, values: list[Any], allowed: dict[str, Any]
) -> Any:
    mark = len(values)
    for span in node.spans:
        end = len(segments) - span.tail
        text = "/".join(segments[index:end])
        if not text or text.count("/") != end - index - 1:  # a slash that was %2F would split
            continue
        try:
            values.append(span.converter.parse(text))
        except ValueError:
            continue
        found = _walk(span.node, segments, end, method, values, allowed)
        if found is not None:
            return found
        del values[mark:]
    return None
