"""A request made by hand, and what is in a response: what the tests of the file handler share."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from salver.protocol.heads import RequestHead, Section
from salver.request import ClientAddress, Request, Transmission
from salver.response import FileSegment, Response, Segments

LONG_AGO = 1_000_000_000  # Sun, 09 Sep 2001 01:46:40 GMT
LONG_AGO_DATE = "Sun, 09 Sep 2001 01:46:40 GMT"


class FakeExchange:
    """The server as a request sees it; counts how often something was handed over."""

    client = ClientAddress("127.0.0.1", 5000)
    local = ClientAddress("127.0.0.1", 80)
    scheme = "http"

    def __init__(self, has_threads: bool = True) -> None:
        self.handed_over = 0
        self.has_threads = has_threads

    def hand_over(self) -> bool:
        self.handed_over += 1
        return self.has_threads

    def enter(self, site: object) -> None:
        raise AssertionError

    def body_stream(self) -> BinaryIO:
        raise AssertionError

    def watch_client(self) -> None:
        return None

    def transmission(self) -> Transmission:
        raise NotImplementedError


class FakeClock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def request(
    target: str, method: str = "GET", prefix: str = "", exchange: FakeExchange | None = None, **fields: str
) -> Request:
    """A request with fields given as keywords: `if_none_match='"x"'`."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
    section = _section("".join([*lines, "\r\n"]).encode("latin-1"))
    made = Request(RequestHead(method, target, section), exchange or FakeExchange())
    made.prefix = prefix
    return made


@lru_cache(100)
def _section(raw: bytes) -> Section:
    """The same section for the same lines, as a connection has it: only then is there a short way to take."""
    return Section(raw, 1)


def content(response: Response) -> bytes:
    """The body's bytes, as a server would send them; the response is closed afterwards."""
    body = response.body
    if isinstance(body, bytes):
        return body
    if isinstance(body, (FileSegment, Segments)):
        pieces = body.pieces if isinstance(body, Segments) else [body]
        data = b"".join(
            piece if isinstance(piece, bytes) else os.pread(piece.fd, piece.length, piece.offset) for piece in pieces
        )
    else:
        data = b"".join(piece for piece in body if piece is not None)
    response.close()
    return data


def write(path: Path, data: bytes | str, modified: float = LONG_AGO) -> Path:
    """A file whose time of change is long ago, so that it counts as settled."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    os.utime(path, (modified, modified))
    return path


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
