"""Calling views: what a view takes is found out once, from its signature, when its route is made.

A view takes the request, or nothing, and the parameters of its path by their names. The first parameter that the path
does not name is the request, whatever it is called. What does not fit is an error at registration, in the words of who
writes views; nothing is left for the first request to find out.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Any

from salver.handler import ResultError, as_response
from salver.request import Request
from salver.response import Response

View = Callable[..., Any]
# What a route calls: with the request and the values of its path's parameters.
Call = Callable[..., Any]

_CALL = "__call__"
_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_ANYTHING = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_WHAT_TO_RETURN = "return a Response, str, bytes, dict, list, (body, status), (body, status, headers) or an iterator"


class ViewError(TypeError):
    """A function that cannot be a view, or not of this path; says which, where it is, and what to do."""


def bind(view: View, names: Sequence[str], path: str) -> Call:
    """What a route calls for `view`: `call(request, *values)`, with the values of the path's parameters in its order.
    Where the view takes just that, it is the view itself. Raises `ViewError` where the view does not fit the path."""
    _check(view)
    taken = _Taken(view, names, path)
    if not names:
        return view if taken.request else lambda request: view()
    picked = taken.names
    if taken.request and taken.in_order:
        return view
    if taken.request and taken.all_names:
        return lambda request, *values: view(request, **dict(zip(names, values, strict=True)))
    if taken.request:
        places = [names.index(name) for name in picked]
        return lambda request, *values: view(
            request, **{name: values[at] for name, at in zip(picked, places, strict=True)}
        )
    if taken.all_names:
        return lambda request, *values: view(**dict(zip(names, values, strict=True)))
    raise ViewError(
        f"the view {name_of(view)} has no place for {_listed(set(names) - set(picked))} of the path {path!r}; "
        f"let it take {'them' if len(names) > 1 else 'it'}, or the request"
    )


def check_takes(function: Callable[..., Any], what: str, *names: str) -> None:
    """Raises `ViewError` where `function`, a hook or a handler of errors, cannot be called with that many values: said
    when it is registered, and not when the first error has to be answered."""
    code = _code_of(_innermost(function))
    if not callable(function):
        raise ViewError(f"{what} is a function, not {function!r}")
    if code is not None and code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise ViewError(f"{what} {name_of(function)} is an `async def`, which cannot be run yet; write `def`")
    try:
        inspect.signature(function).bind(*names)
    except TypeError:
        taken = ", ".join(names)
        raise ViewError(f"{what} {name_of(function)} has to take ({taken}): it is called with these") from None
    except ValueError:  # written in C, and silent about it
        return


def checked(result: object, request: Request, view: View) -> Response:
    """The response that a view's result means. Raises `ResultError`, which names the view, where it means none."""
    try:
        return as_response(result)
    except ResultError as error:
        what = f"returned None; {_WHAT_TO_RETURN}" if result is None else f"returned what is no answer: {error}"
        raise ResultError(f"the view {name_of(view)} {what}") from None


def name_of(view: View) -> str:
    """A view as its author knows it: `show (shop/pages.py:12)`."""
    inner = _innermost(view)
    name = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    code = _code_of(inner)
    return f"{name} ({_relative(code.co_filename)}:{code.co_firstlineno})" if code is not None else str(name)


def _code_of(function: Any) -> Any:
    """Of a function, of a method, or of the `__call__` of an object; None where there is none."""
    code = getattr(function, "__code__", None)
    return code if code is not None else getattr(getattr(type(function), _CALL, None), "__code__", None)


class _Taken:
    """What a view's parameters are for."""

    __slots__ = ("all_names", "in_order", "names", "request")

    def __init__(self, view: View, names: Sequence[str], path: str) -> None:
        self.request = False
        self.names: list[str] = []
        self.all_names = False
        parameters = _parameters(view)
        for parameter in parameters:
            if parameter.name in names and parameter.kind not in _ANYTHING:
                if parameter.kind is Parameter.POSITIONAL_ONLY:
                    raise ViewError(f"the view {name_of(view)} takes {parameter.name!r} by its place alone (the '/')")
                self.names.append(parameter.name)
            else:
                self._take_other(parameter, view, names, path)
        self.all_names = self.all_names or len(self.names) == len(names)
        # The request, and then the path's parameters as the path has them, which is how views are usually written.
        first = parameters[1 : len(names) + 1]
        self.in_order = [each.name for each in first] == [*names] and all(each.kind in _BY_POSITION for each in first)

    def _take_other(self, parameter: Parameter, view: View, names: Sequence[str], path: str) -> None:
        """A parameter that the path does not name."""
        if parameter.kind is Parameter.VAR_KEYWORD:
            self.all_names = True
        elif parameter.kind is Parameter.VAR_POSITIONAL or self._is_request(parameter):
            self.request = True
        elif parameter.default is Parameter.empty:
            has = f"has {_listed(names)}" if names else "has no parameters"
            raise ViewError(
                f"the view {name_of(view)} takes {parameter.name!r}, but the path {path!r} {has}; "
                "a view takes the request first, and then what the path names"
            )

    def _is_request(self, parameter: Parameter) -> bool:
        """Is it the first of all, and does it need a value? One with a default is the view's own affair, unless it says
        that it is the request."""
        if self.request or self.names or parameter.kind not in _BY_POSITION:
            return False
        return parameter.default is Parameter.empty or parameter.name == "request"


def _parameters(view: View) -> list[Parameter]:
    """What `view` itself takes. A decorator's function that takes anything is asked for what it wraps; one that says
    what it takes has the last word."""
    passes_on = True
    while passes_on:
        try:
            parameters = list(inspect.signature(view, follow_wrapped=False).parameters.values())
        except (TypeError, ValueError):  # written in C, and silent about it: it is given everything
            return [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("values", Parameter.VAR_KEYWORD)]
        passes_on = hasattr(view, "__wrapped__") and all(each.kind in _ANYTHING for each in parameters)
        view = getattr(view, "__wrapped__", view)
    return parameters


def _check(view: View) -> None:
    if not callable(view):
        raise ViewError(f"a view is a function, not {view!r}")
    if isinstance(view, type):
        raise ViewError(f"the view {name_of(view)} is a class; give a function, or mount a handler class")
    code = _code_of(_innermost(view))
    if code is not None and code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise ViewError(f"the view {name_of(view)} is an `async def`, which cannot be served yet; write `def`")


def _innermost(view: Any) -> Any:
    while isinstance(view, functools.partial):
        view = view.func
    return inspect.unwrap(view)


def _relative(path: str) -> str:
    """The path from the working folder, where it is under it."""
    here = os.getcwd() + os.sep
    return path.removeprefix(here)


def _listed(names: object) -> str:
    return " and ".join(repr(name) for name in sorted(names))  # type: ignore[call-overload]
