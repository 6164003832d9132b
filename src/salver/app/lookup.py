"""What an app has at which path: raw paths in, a route, a mount, or the answer where there is neither.

A path is split at "/" as it was sent, and each segment decoded once: what was %2F separates nothing, and what was %252e
stays %2e. This file calls no view.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Union

from salver.app.converters import Converter
from salver.app.routes import Mount, Route
from salver.app.tree import Conflict, Tree
from salver.problem import HTTPError
from salver.request import Request
from salver.response import Response
from salver.semantics.urls import decode_segment, is_well_formed_path, quote_segment

# Controls, and bytes that are not UTF-8: in no path that a page of ours links to, and in nothing that a view expects.
_ODD = re.compile(r"[\x00-\x1f\x7f\udc80-\udcff]")

Found = Union[Route, Mount, HTTPError, Response]


class RouteConflict(ValueError):
    """Two routes have the same paths, or two mounts the same prefix; says where both are."""


class Lookup:
    """The routes and mounts of one app. Written at registration, read by all threads."""

    __slots__ = ("_redirect", "_tree", "maybe_find_at_once", "mounts", "routes")

    def __init__(self, *, redirect_slashes: bool) -> None:
        self._tree: Tree[Route, Mount] = Tree()
        self._redirect = redirect_slashes
        self.maybe_find_at_once = self._tree.maybe_find_at_once
        self.routes: list[Route] = []
        self.mounts: list[Mount] = []

    def add(self, route: Route, converters: Mapping[str, Converter]) -> None:
        """Raises `RouteConflict`."""
        exact = route.url({}) if route.pattern.is_literal else None
        try:
            self._tree.add(route.pattern.segments, converters, route.methods, route, exact)
        except Conflict as conflict:
            raise _conflict(route, conflict) from None
        self.routes.append(route)

    def mount(self, mount: Mount) -> None:
        """Raises `RouteConflict`."""
        try:
            self._tree.mount(mount.names, mount)
        except Conflict as conflict:
            raise RouteConflict(f"{conflict.other.handler!r} is mounted at {mount.prefix or '/'!r} already") from None
        self.mounts.append(mount)

    def find(self, request: Request, values: list[Any]) -> Found:
        """What answers for the request's path behind its prefix. `values` is filled with the values of a route's
        parameters, in order. An `HTTPError` (400, 404, 405) is returned, not raised."""
        path, method = request.target, request.method
        if path[0] != "/" or "?" in path or request.prefix:
            whole = request.raw_path
            path = whole[len(request.prefix) :]
            if whole[0] != "/":
                return self._all_methods(method)
        route = self._tree.maybe_find_at_once(path, method, values)
        if route is not None:
            return route
        segments, is_odd = _split(path)
        allowed: dict[str, Route] = {}
        found = self._tree.find(segments, method, values, allowed)
        if found is not None and (not is_odd or isinstance(found, Mount)):
            return found
        if is_odd:
            return HTTPError(400, "The path is not well-formed.")
        if allowed:
            return _refused(method, allowed)
        return self._maybe_redirect(request, segments) or HTTPError(404)

    def _maybe_redirect(self, request: Request, segments: list[str]) -> Response | None:
        """To the same path with a slash at its end, or without one, where a route has that. Always to the first path of
        an app that is mounted: without the slash, its relative links would lead beside it.

        The address is said relatively, from the last name of the path on, so that it can lead to no other host."""
        if segments and not (self._redirect and any(segments)):
            return None
        *_, before, last = request.raw_path.split("/")
        if last:
            other, location = [*segments, ""], quote_segment(decode_segment(last)) + "/"
        elif before:
            other, location = segments[:-1], "../" + quote_segment(decode_segment(before))
        else:
            return None
        found = self._tree.find(other, request.method, [], {})
        if not isinstance(found, Route):
            return None
        query = request.query_string
        return Response(b"", 308, [("Location", f"{location}?{query}" if query else location)])

    def _all_methods(self, method: str) -> Found:
        """`OPTIONS *` (RFC 9110 §9.3.7): what the app can do at all."""
        if method != "OPTIONS":
            return HTTPError(400, "The path is not well-formed.")
        return _options(each for route in self.routes for each in route.methods)


def _split(path: str) -> tuple[list[str], bool]:
    """The decoded segments of a raw path, and whether it is one that no route answers for."""
    segments = path[1:].split("/") if path else []
    if "%" not in path:
        return segments, False
    segments = [decode_segment(segment) for segment in segments]
    return segments, not is_well_formed_path(path) or any(map(_ODD.search, segments))


def _refused(method: str, allowed: Iterable[str]) -> Found:
    """Where the path has routes, and none of them the method: RFC 9110 §15.5.6, §9.3.7."""
    if method == "OPTIONS":
        return _options(allowed)
    return HTTPError(405, headers=[("Allow", _allow(allowed))])


def _options(methods: Iterable[str]) -> Response:
    return Response(b"", 204, [("Allow", _allow(methods))])


def _allow(methods: Iterable[str]) -> str:
    listed: dict[str, None] = {}
    for method in methods:
        listed[method] = None
        if method == "GET":
            listed["HEAD"] = None
    listed["OPTIONS"] = None
    return ", ".join(listed)


def _conflict(route: Route, conflict: Conflict) -> RouteConflict:
    other = conflict.other
    what = f"{route.place} and {other.place} both answer {conflict.method}"
    if route.pattern.text == other.pattern.text:
        return RouteConflict(f"{what} {route.pattern.text!r}")
    return RouteConflict(
        f"{what}, one at {route.pattern.text!r} and one at {other.pattern.text!r}, "
        "and no path tells which is meant: change one of the paths"
    )
