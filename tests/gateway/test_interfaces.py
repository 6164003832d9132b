"""What a callable was written for, told by its signature."""

from __future__ import annotations

import functools
from typing import Any
from wsgiref.validate import validator

import pytest

from salver.gateway.cgi import CGIScript
from salver.gateway.interfaces import interface_of, not_served
from salver.gateway.wsgi import WSGI


def handler(request: Any) -> str:
    return ""


def with_default(request: Any, *, shout: bool = False) -> str:
    return ""


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


def wsgi_with_default(environ: Any, start_response: Any = None) -> list[bytes]:
    return []


def wsgi_with_more(environ: Any, start_response: Any, more: int = 5) -> list[bytes]:
    return []


def generator(environ: Any, start_response: Any) -> Any:
    yield b""


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


async def coroutine(request: Any) -> str:
    return ""


class Framework:
    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []

    def method(self, request: Any) -> str:
        return ""

    def application(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


class AsyncFramework:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@functools.wraps(wsgi)
def wrapped(*arguments: Any, **named: Any) -> Any:
    return wsgi(*arguments, **named)


@pytest.mark.parametrize(
    ("thing", "interface"),
    [
        (handler, "handler"),
        (with_default, "handler"),
        (lambda request: "", "handler"),
        (Framework().method, "handler"),
        (WSGI(wsgi), "handler"),
        (CGIScript("/bin/true"), "handler"),
        (wsgi, "wsgi"),
        (wsgi_with_default, "wsgi"),
        (wsgi_with_more, "wsgi"),
        (generator, "wsgi"),
        (lambda e, s: [], "wsgi"),
        (Framework(), "wsgi"),
        (Framework().application, "wsgi"),
        (wrapped, "wsgi"),
        (functools.partial(wsgi_with_more, more=6), "wsgi"),
        (functools.partial(wsgi, {}), "handler"),
        (asgi, "asgi"),
        (AsyncFramework(), "asgi"),
        (functools.partial(asgi), "asgi"),
        (coroutine, "coroutine"),
        (validator(wsgi), "unknown"),  # *args
        (lambda: "", "unknown"),
        (lambda a, b, c: "", "unknown"),
        (lambda request, *, needed: "", "unknown"),
        (print, "unknown"),
    ],
)
def test_interfaces(thing: Any, interface: str) -> None:
    assert interface_of(thing) == interface


@pytest.mark.parametrize("module", ["flask", "bottle", "falcon", "pyramid.config", "django.core.handlers.wsgi"])
def test_frameworks(module: str) -> None:
    """By their own classes, none of which is known here by name."""
    found = pytest.importorskip(module)
    makers: dict[str, Any] = {
        "flask": lambda: found.Flask("shop"),
        "bottle": lambda: found.Bottle(),
        "falcon": lambda: found.App(),
        "pyramid.config": lambda: found.Configurator().make_wsgi_app(),
        "django.core.handlers.wsgi": lambda: found.WSGIHandler.__call__.__get__(object.__new__(found.WSGIHandler)),
    }
    assert interface_of(makers[module]()) == "wsgi"


def test_what_is_served_needs_no_words() -> None:
    assert not_served("handler") == not_served("wsgi") == ""
    assert "ASGI is not served yet" in not_served("asgi")
    assert "async def" in not_served("coroutine")
    assert "environ and start_response" in not_served("unknown")
