"""Messages and handlers that the tests of the service share."""

from __future__ import annotations

from salver.request import Request
from salver.response import Response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def hello(request: Request) -> str:
    return "hello"


def echo(request: Request) -> Response:
    return Response(request.body, content_type="text/plain")


def post(body: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), lines, body)


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"
