"""What people have, as a Handler."""

from __future__ import annotations

import http.server
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from salver import App, Request
from salver.adapting import as_any_handler
from salver.files import Folder, SingleFile
from salver.gateway.wsgi import WSGI
from salver.handler import as_response, options
from salver.server import BaseHTTPRequestHandler
from tests.app.support import make, text


def handler(request: Request) -> str:
    return "handler"


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi"]


class Class(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"class")


def anything(*args: Any) -> Any:
    return "anything"


async def later(request: Request) -> str:
    return ""


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    pass


def test_handlers_are_what_they_are(tmp_path: Path) -> None:
    for thing in (handler, App(), Folder(tmp_path), options(blocking=True)(lambda *args: "")):
        assert as_any_handler(thing) is thing
    assert as_any_handler(anything, "handler") is anything


@pytest.mark.parametrize(("thing", "said"), [(handler, "handler"), (wsgi, "wsgi"), (Class, "class")])
def test_each_answers(thing: Any, said: str) -> None:
    assert text(as_response(as_any_handler(thing)(make("/")))) == said


def test_folders_and_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("file")
    assert isinstance(as_any_handler(str(tmp_path)), Folder)
    assert isinstance(as_any_handler(tmp_path / "not-yet"), Folder)
    assert isinstance(as_any_handler(tmp_path / "a.txt"), SingleFile)


def test_what_is_said_is_believed() -> None:
    assert isinstance(as_any_handler(anything, "wsgi"), WSGI)
    with pytest.raises(ValueError, match="auto, handler, wsgi, not 'asgi'"):
        as_any_handler(handler, "asgi")


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (5, "5 is no handler"),
        (None, "is no handler"),
        (anything, "does not take one argument"),
        (later, "async def"),
        (asgi, "ASGI"),
        (dict, "no handler class"),
        (http.server.BaseHTTPRequestHandler, "no handler class"),
    ],
)
def test_what_is_none_is_said(thing: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        as_any_handler(thing)
