"""Asking an app without a server: a request in, a response out, and which sites were entered on the way."""

from __future__ import annotations

from typing import Any

from salver.handler import as_response
from salver.request import Request
from salver.response import Response
from tests.test_request import NoExchange, head


def make(target: str = "/", method: str = "GET", fields: str = "", body: bytes = b"") -> Request:
    return Request(head(target, f"Host: a\r\n{fields}", method), NoExchange(), body)


def ask(app: Any, target: str = "/", method: str = "GET", fields: str = "") -> Response:
    return as_response(app(make(target, method, fields)))


def text(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def asked(app: Any, target: str = "/", method: str = "GET") -> tuple[int, str]:
    """Status and body; of an error the status alone."""
    response = ask(app, target, method)
    return response.status, text(response) if response.status < 400 else ""
