"""JSON in, JSON out by an `App`, at /json."""

from __future__ import annotations

from typing import Any

from salver import Request
from salver.app import App

app = App()


@app.post("/json")
def echo(request: Request) -> dict[str, Any]:
    """The document that was sent, in one of its own."""
    return {"received": request.json}
