"""Bodies that are made while they are sent, and read while they arrive.

python examples/streaming.py [ADDRESS]
curl http://127.0.0.1:8000/primes?1000000 | tail
curl -T some-large-file http://127.0.0.1:8000/
"""

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

from salver import Request, Response, options, serve


@options(stream_body=True)
def handler(request: Request) -> Any:
    if request.method in ("POST", "PUT"):
        return checksum(request)
    digits = request.query_string
    limit = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else 1_000
    return Response(primes(limit), content_type="text/plain; charset=utf-8")


def primes(limit: int) -> Iterator[bytes]:
    """A generator is pulled when the socket has room: a client that reads slowly makes it wait."""
    sieve = bytearray([1]) * (limit + 1)
    lines: list[str] = []
    for number in range(2, limit + 1):
        if sieve[number]:
            lines.append(f"{number}\n")
            sieve[number * number :: number] = bytes(len(range(number * number, limit + 1, number)))
            if len(lines) == 1_000:
                yield "".join(lines).encode()
                lines.clear()
    yield "".join(lines).encode()


def checksum(request: Request) -> dict[str, Any]:
    """A body of any size in 64 KiB of memory."""
    digest, size = hashlib.sha256(), 0
    while piece := request.stream().read(65_536):
        digest.update(piece)
        size += len(piece)
    return {"sha256": digest.hexdigest(), "size": size}


if __name__ == "__main__":
    serve(handler, bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")
