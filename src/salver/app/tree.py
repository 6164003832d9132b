"""Finding the route of a path: a tree of segments, walked from the left, the narrower branch first.

At each segment the literal text is tried first, then patterns of text and parameters, then single parameters from the
narrowest converter to the widest, then parameters that span segments, and at last what is mounted there. A branch that
leads nowhere is left again, so that the order of registration never matters. A node is visited once at most for a
path: what a client can make us do is bounded by the routes there are and the path's length, whatever it sends.

A route that has the path but not the method does not end the search: another may have both. All methods that the path
has are collected on the way, for Allow. This file takes decoded segments, and calls nothing but converters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    """What can follow one beginning of a path. `only` reads the one single parameter, and leads to `only_node`, where
    there is no other way on but literal text: the usual case, where nothing has to be tried and taken back."""

    __slots__ = ("has_parameters", "literals", "methods", "mount", "only", "only_node", "readers", "singles", "spans")

    def __init__(self) -> None:
        self.literals: dict[str, Node[RouteT, MountT]] = {}
        self.readers: list[tuple[Reader, Node[RouteT, MountT]]] = []
        self.singles: list[tuple[Converter, str, Node[RouteT, MountT]]] = []
        self.spans: list[_Span] = []
        self.methods: dict[str, RouteT] = {}
        self.mount: MountT | None = None
        self.only: Callable[[str], Any] | None = None
        self.only_node = self
        self.has_parameters = False

    def note_parameters(self) -> None:
        """Something was added."""
        self.has_parameters = True
        self.only = None
        if len(self.singles) == 1 and not self.readers and not self.spans:
            converter, _, self.only_node = self.singles[0]
            self.only = converter.parse


class Tree(Generic[RouteT, MountT]):
    """Routes and mounts by their paths. Written by one thread, read by any: what is added is found from then on."""

    __slots__ = ("_before", "_exact", "_root", "_shapes")

    def __init__(self) -> None:
        self._root: Node[RouteT, MountT] = Node()
        self._before: Node[RouteT, MountT] = Node()  # what is before the first slash: nothing, or it is no path
        self._before.literals[""] = self._root
        self._exact: dict[str, dict[str, RouteT]] = {}
        self._shapes: dict[tuple[object, ...], dict[str, RouteT]] = {}

    def add(
        self,
        segments: Sequence[Segment],
        converters: Mapping[str, Converter],
        methods: Iterable[str],
        route: RouteT,
        exact: str | None = None,
    ) -> None:
        """Put `route` where `segments` lead, for `methods`; where those have no parameters, `exact` is the usual
        spelling of the path. Raises `Conflict`, and has changed nothing then."""
        methods = list(methods)
        taken = self._shapes.setdefault(_shape(segments, converters), {})
        for method in methods:
            if method in taken:
                raise Conflict(taken[method], method)
        added = dict.fromkeys(methods, route)
        taken.update(added)
        self._node(segments, converters).methods.update(added)
        if exact is not None:
            self._exact.setdefault(exact, {}).update(added)

    def mount(self, names: Sequence[str], mount: MountT) -> None:
        """Put `mount` where the literal segments `names` lead. Raises `Conflict`, with the method "*"."""
        node = self._node([(name,) for name in names], {})
        if node.mount is not None:
            raise Conflict(node.mount, "*")
        node.mount = mount

    def maybe_find_at_once(self, path: str, method: str, values: list[Any]) -> RouteT | None:
        """What `find` gives for the raw `path` in the usual case: it is spelled as `add` was told, or has no %-escapes
        and one way on at each segment; and at the end is a route with the method. None says nothing, and then `values`
        is as it was."""
        methods = self._exact.get(path)
        if methods is not None and method in methods:
            return methods[method]
        if "%" in path or "?" in path:
            return None
        node = self._before
        for segment in path.split("/"):
            child = node.literals.get(segment)
            if child is not None:
                if node.has_parameters:
                    break
                node = child
            elif node.only is not None and segment:
                try:
                    values.append(node.only(segment))
                except ValueError:
                    break
                node = node.only_node
            else:
                break
        else:
            if method in node.methods:
                return node.methods[method]
        values.clear()
        return None

    def find(
        self, segments: Sequence[str], method: str, values: list[Any], allowed: dict[str, RouteT]
    ) -> Union[RouteT, MountT, None]:
        """The narrowest route that has the path and the method, or else what is mounted above.

        `values` is filled with the values of a route's parameters, in order; where no route is found, what is in it
        means nothing. Into `allowed` go the methods of every route that was passed because it has the path alone; what
        is mounted answers for no path that a route below it has.
        """
        return _walk(self._root, segments, 0, method, values, allowed)  # type: ignore[no-any-return]

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
    if len(segment) == 1 and isinstance(first, str):
        return node.literals.setdefault(first, Node())
    if isinstance(first, str) or len(segment) > 1:
        child = _reader(node, Reader(segment, converters))
    elif converters[first.converter].spans:
        child = _span(node, _Span(converters[first.converter], first.converter, behind))
    else:
        child = _single(node, converters[first.converter], first.converter)
    node.note_parameters()
    return child


def _reader(node: Node[Any, Any], reader: Reader) -> Node[Any, Any]:
    for known, child in node.readers:
        if known.rank == reader.rank:
            return child
    made: Node[Any, Any] = Node()
    node.readers = sorted([*node.readers, (reader, made)], key=lambda each: each[0].rank)
    return made


def _single(node: Node[Any, Any], converter: Converter, name: str) -> Node[Any, Any]:
    for _, known, child in node.singles:
        if known == name:
            return child
    made: Node[Any, Any] = Node()
    node.singles = sorted([*node.singles, (converter, name, made)], key=lambda each: (each[0].rank, each[1]))
    return made


def _span(node: Node[Any, Any], span: _Span) -> Node[Any, Any]:
    for known in node.spans:
        if known.rank == span.rank:
            return known.node
    node.spans = sorted([*node.spans, span], key=lambda each: each.rank)
    return span.node


def _walk(
    node: Node[Any, Any], segments: Sequence[str], index: int, method: str, values: list[Any], allowed: dict[str, Any]
) -> Any:
    """On from `node`, as long as there is one way; where there are several, each is tried by a call of its own."""
    mount = node.mount
    for at in range(index, len(segments)):
        segment = segments[at]
        child = node.literals.get(segment)
        if child is None:
            if node.only is None or not segment:
                found = _walk_parameters(node, segments, at, method, values, allowed)
                return found or (None if allowed else mount)
            try:
                values.append(node.only(segment))
            except ValueError:
                return None if allowed else mount
            child = node.only_node
        elif node.has_parameters:
            mark = len(values)
            found = _walk(child, segments, at + 1, method, values, allowed)
            if found is None:
                del values[mark:]
                found = _walk_parameters(node, segments, at, method, values, allowed)
            return found or (None if allowed else mount)
        node = child
        if node.mount is not None:
            mount = node.mount
    return _by_method(node, method, allowed) or (None if allowed else mount)


def _by_method(node: Node[Any, Any], method: str, allowed: dict[str, Any]) -> Any:
    methods = node.methods
    if method in methods:
        return methods[method]
    if method == "HEAD" and "GET" in methods:  # RFC 9110 §9.3.2: the server leaves the body away
        return methods["GET"]
    allowed.update(methods)
    return None


def _walk_parameters(
    node: Node[Any, Any], segments: Sequence[str], index: int, method: str, values: list[Any], allowed: dict[str, Any]
) -> Any:
    """Every way on from `node` that has a parameter, the narrower first."""
    mark = len(values)
    for child, behind in _readings(node, segments, index, values):
        found = _walk(child, segments, behind, method, values, allowed)
        if found is not None:
            return found
        del values[mark:]
    del values[mark:]
    return None


def _readings(
    node: Node[Any, Any], segments: Sequence[str], index: int, values: list[Any]
) -> Iterator[tuple[Node[Any, Any], int]]:
    """Where each parameter that takes the segment leads, and how far; its values are appended by then."""
    segment, mark = segments[index], len(values)
    for reader, child in node.readers:
        if reader.read(segment, values):
            yield child, index + 1
        else:
            del values[mark:]
    for converter, _, child in node.singles if segment else ():
        if _append(converter, segment, values):
            yield child, index + 1
    for span in node.spans:
        end = len(segments) - span.tail
        text = "/".join(segments[index:end])
        # A slash that was %2F would split the value.
        if text and text.count("/") == end - index - 1 and _append(span.converter, text, values):
            yield span.node, end


def _append(converter: Converter, text: str, values: list[Any]) -> bool:
    try:
        values.append(converter.parse(text))
    except ValueError:
        return False
    return True
