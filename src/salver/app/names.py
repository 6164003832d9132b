"""From the name of a view to its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salver.app.lookup import Lookup
from salver.app.routes import Mount, Route, with_query
from salver.handler import and_wrapped


def url_for(lookup: Lookup, name: str, params: Mapping[str, Any]) -> str:
    """See `App.url_for`."""
    mount_name, dot, rest = name.partition(".")
    if dot and not any(route.name == name for route in lookup.routes):  # a route's own name may have dots
        mount, app = _mount(lookup, mount_name, name)
        return mount.prefix + str(app.url_for(rest, **params))
    route = _route(lookup, name, params)
    query = {key: value for key, value in params.items() if key not in route.names}
    return with_query(route.url(params), query)


def _mount(lookup: Lookup, mount_name: str, name: str) -> tuple[Mount, Any]:
    """The mount of that name, and the app that is there, whatever is put around it."""
    for mount in lookup.mounts:
        if mount.name == mount_name:
            for handler in and_wrapped(mount.handler):
                if hasattr(handler, "url_for"):
                    return mount, handler
            raise LookupError(f"what is mounted as {mount_name!r}, which {name!r} asks for, is no App: {mount!r}")
    there = ", ".join(sorted(repr(mount.name) for mount in lookup.mounts if mount.name)) or "none"
    raise LookupError(f"no app is mounted as {mount_name!r}, which {name!r} asks for; mounts with a name: {there}")


def _route(lookup: Lookup, name: str, params: Mapping[str, Any]) -> Route:
    """Of the routes of this name, the one with the most parameters of those that are there."""
    routes = [route for route in lookup.routes if route.name == name]
    if not routes:
        there = ", ".join(sorted({str(route.name) for route in lookup.routes})) or "none"
        raise LookupError(f"no view is called {name!r}; there are: {there}")
    if any(route.view is not routes[0].view for route in routes):
        places = " and ".join(sorted({route.place for route in routes}))
        raise LookupError(f"several views are called {name!r}: {places}; give their routes names, by name=…")
    fitting = [route for route in routes if all(each in params for each in route.names)]
    if not fitting:
        paths = " or ".join(repr(route.pattern.text) for route in routes)
        given = ", ".join(sorted(params)) or "none"
        raise ValueError(f"{name!r} needs the parameters of {paths}; given: {given}")
    return max(fitting, key=lambda route: len(route.names))
