"""JSON in, JSON out by Starlette, at /json."""

from __future__ import annotations

from starlette.applications import Starlette  # type: ignore[import-not-found,unused-ignore]
from starlette.requests import Request  # type: ignore[import-not-found,unused-ignore]
from starlette.responses import JSONResponse  # type: ignore[import-not-found,unused-ignore]
from starlette.routing import Route  # type: ignore[import-not-found,unused-ignore]


async def echo(request: Request) -> JSONResponse:
    """The document that was sent, in one of its own."""
    return JSONResponse({"received": await request.json()})


app = Starlette(routes=[Route("/json", echo, methods=["POST"])])
