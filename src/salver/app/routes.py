"""A route: a pattern, a view, and how it wants to be run; a mount: a prefix and a handler. And the addresses of both.

Routes are made at registration, where everything that can be wrong with one is said. This file does not look for
routes (`tree` does), and calls no view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from salver.app.converters import Converter
from salver.app.patterns import Parameter, Pattern, PatternError, Segment, parse_pattern
from salver.app.views import View, bind, name_of
from salver.handler import DEFAULT_OPTIONS, DeclaredSite, Handler, HandlerOptions, maybe_site_of
from salver.protocol.grammar import TOKEN
from salver.request import Request
from salver.semantics.urls import quote_segment


class Route:
    """One view at one path. Immutable. `site` is what the server learns by whether the view blocks."""

    __slots__ = ("call", "converters", "methods", "name", "names", "options", "pattern", "site", "view")

    def __init__(
        self,
        path: str,
        view: View,
        methods: Iterable[str],
        known: Mapping[str, Converter],
        name: str | None = None,
        options: HandlerOptions = DEFAULT_OPTIONS,
    ) -> None:
        """Raises `PatternError` and `ViewError`."""
        self.pattern = parse_pattern(path)
        self.converters = [_known(parameter, known, self.pattern) for parameter in self.pattern.parameters]
        _check_spans(self.pattern, self.converters)
        self.names = [parameter.name for parameter in self.pattern.parameters]
        self.methods = _checked_methods(methods)
        self.view = view
        self.call = bind(view, self.names, path)
        self.name = name or str(getattr(view, "__name__", type(view).__name__))
        self.options = options
        blocking = options.blocking
        self.site: object = self if blocking is None else DeclaredSite(self, blocking=blocking)

    @property
    def place(self) -> str:
        """The view's name, file and line."""
        return name_of(self.view)

    def url(self, values: Mapping[str, Any]) -> str:
        """The route's path with `values` in it, percent-encoded. Raises ValueError for a value that the path cannot
        have, and KeyError where one is missing."""
        formatted = iter([_formatted(*each, values) for each in zip(self.names, self.converters, strict=True)])
        return "".join("/" + _segment_url(segment, formatted) for segment in self.pattern.segments)

    def __repr__(self) -> str:
        return f"<Route {' '.join(self.methods)} {self.pattern.text} {self.place}>"


class Mount:
    """A handler below a path."""

    __slots__ = ("handler", "name", "names", "prefix", "site")

    def __init__(self, prefix: str, handler: Handler, name: str | None) -> None:
        """Raises `PatternError` for a prefix with parameters, and TypeError for what cannot be called."""
        pattern = parse_pattern(prefix.rstrip("/") if isinstance(prefix, str) else prefix)
        if not pattern.is_literal:
            raise PatternError(f"the prefix {prefix!r} has parameters, which a mount cannot have")
        if not callable(handler):
            raise TypeError(f"what is mounted at {prefix!r} is a handler, not {handler!r}")
        self.names = [str(segment[0]) for segment in pattern.segments]
        self.prefix = "".join("/" + quote_segment(each) for each in self.names)
        self.handler = handler
        self.name = name
        self.site = maybe_site_of(handler)

    def prefix_of(self, request: Request) -> str:
        """What `request.prefix` is for the handler: with our segments as the request spells them."""
        path = request.raw_path[len(request.prefix) :]
        return request.prefix + "/".join(path.split("/", len(self.names) + 1)[: len(self.names) + 1])

    def __repr__(self) -> str:
        return f"<Mount {self.prefix or '/'} {self.handler!r}>"


def with_query(url: str, values: Mapping[str, Any]) -> str:
    """`url` with `values` as its query; None is left out, a list or tuple is given once for each of its items."""
    pairs = {name: value for name, value in values.items() if value is not None}
    return f"{url}?{urlencode(pairs, doseq=True)}" if pairs else url


def _known(parameter: Parameter, known: Mapping[str, Converter], pattern: Pattern) -> Converter:
    converter = known.get(parameter.converter)
    if converter is None:
        there = ", ".join(sorted(known))
        raise PatternError(f"the path {pattern.text!r} has a {parameter.converter!r}, but there are only {there}")
    return converter


def _check_spans(pattern: Pattern, converters: list[Converter]) -> None:
    """What spans segments stands in a segment of its own, and only once: there is one way to read a path."""
    spanning = {each.name for each, converter in zip(pattern.parameters, converters, strict=True) if converter.spans}
    if len(spanning) > 1:
        raise PatternError(f"the path {pattern.text!r} has two parameters that take the rest of it")
    for segment in pattern.segments:
        if len(segment) > 1 and any(isinstance(part, Parameter) and part.name in spanning for part in segment):
            raise PatternError(f"the path {pattern.text!r}: a parameter of several segments has nothing beside it")


def _checked_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """In the order given. Methods have case (RFC 9110 §9.1): "get" is none, and could only be a mistake."""
    if isinstance(methods, str):
        raise ValueError(f'methods are a list, like ["GET", "POST"], not {methods!r}')
    checked = tuple(dict.fromkeys(methods))
    for method in checked:
        if not isinstance(method, str) or not TOKEN.fullmatch(method.encode()) or method != method.upper():
            raise ValueError(f"{method!r} is no method; they are written in capitals")
    if not checked:
        raise ValueError('a route has a method at least, like methods=["GET"]')
    return checked


def _formatted(name: str, converter: Converter, values: Mapping[str, Any]) -> str:
    """A parameter's text, encoded. What the route itself would not read again is none: `url_for` leads back here."""
    value = values[name]
    try:
        text = converter.format(value)
        if not text:
            raise ValueError("it is empty")
        converter.parse(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be {value!r}: {error}") from None
    return "/".join(map(quote_segment, text.split("/"))) if converter.spans else quote_segment(text)


def _segment_url(segment: Segment, formatted: Any) -> str:
    return "".join(quote_segment(part) if isinstance(part, str) else next(formatted) for part in segment)
