"""One Flask application for every server: `Hello, World!` at /, and what was posted as JSON at /json."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """`Hello, World!`, as Flask's first page has it."""
    return "Hello, World!"


@app.post("/json")
def echo() -> dict[str, Any]:
    """The document that was sent, in one of its own."""
    return {"received": request.get_json()}
