"""What a callable was written for, by its signature: a request, WSGI, or ASGI.

Nothing is called to find out, and no framework is known by name: an application of any of them is an object whose
`__call__` has the parameters of its interface. Who knows better says so instead of asking here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

Interface = Literal["handler", "wsgi", "asgi", "coroutine", "unknown"]


def interface_of(thing: Callable[..., Any]) -> Interface:
    """What `thing` takes: one positional argument (a "handler"), two ("wsgi"), or three and is asynchronous ("asgi").

    An `async def` of a request is a "coroutine"; "unknown" is what tells nothing (`*args`), and what is none of them.
    """
    names = _required(thing)
    if names is None:
        return "unknown"
    if _is_asynchronous(thing):
        return {1: "coroutine", 3: "asgi"}.get(len(names), "unknown")  # type: ignore[return-value]
    if len(names) == 2 or _second_is_optional(thing):
        return "wsgi"
    return "handler" if len(names) == 1 else "unknown"


def not_served(interface: Interface) -> str:
    """Why what has this interface cannot be served, for its author; "" where it can."""
    if interface == "asgi":
        return "is an ASGI application, and ASGI is not served yet; give a WSGI application or a function of a request"
    if interface == "coroutine":
        return "is an async def, and those are not served yet; write it as a plain def: what blocks is no matter here"
    if interface == "unknown":
        return "does not take one argument (a request), nor two (WSGI's environ and start_response)"
    return ""


def _required(thing: Callable[..., Any]) -> list[str] | None:
    """The names of the positional parameters without a default; None where they do not tell."""
    parameters = _parameters(thing)
    if parameters is None or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    if any(each.kind is each.KEYWORD_ONLY and each.default is each.empty for each in parameters):
        return None
    return [
        each.name
        for each in parameters
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) and each.default is each.empty
    ]


def _second_is_optional(thing: Callable[..., Any]) -> bool:
    parameters = _parameters(thing) or []
    return len(parameters) > 1 and parameters[1].name == "start_response"


def _parameters(thing: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):  # it is written in C, and says nothing of itself
        return None


def _is_asynchronous(thing: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(thing) or inspect.iscoroutinefunction(type(thing).__call__)
