"""Downloads over a network of scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salver.client import Client, Retries
from salver.client.downloads import Downloaded, DownloadSettings
from salver.client.downloads import download as run_download
from tests.client.scripted import END, Script, ScriptedTransport

BODY = bytes(range(256)) * 40
SIZE = len(BODY)
URL = "http://a/files/data.bin"


def answer(body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    told = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *lines, "", ""]
    return "\r\n".join(told).encode("latin-1") + body


def whole(*lines: str, cut: int = SIZE, body: bytes = BODY) -> bytes:
    return answer(body[:cut], *(lines or ('ETag: "v1"',)), length=len(body))


def rest(start: int, *lines: str, cut: int = SIZE, body: bytes = BODY, said: str | None = None) -> bytes:
    said = said or f"bytes {start}-{len(body) - 1}/{len(body)}"
    lines = (f"Content-Range: {said}", *(lines or ('ETag: "v1"',)))
    return answer(body[start:cut], *lines, status="206 Partial Content", length=len(body) - start)


class Network:
    """A client over scripts, and what it has asked."""

    def __init__(self, *answers: bytes, then: str = END, lost: int = 0) -> None:
        self.transport = ScriptedTransport([Script([each], then) for each in answers])
        self.client = Client(transport=self.transport, trust_env=False, retries=Retries(lost=lost))

    def get(self, path: Path, url: str = URL, **settings: Any) -> Downloaded:
        options = settings.pop("options", {})
        with self.client:
            return run_download(self.client, url, path, DownloadSettings(sleep=lambda _: None, **settings), options)

    @property
    def asked(self) -> list[tuple[str | None, str | None]]:
        """(Range, If-Range) of each request."""
        return [
            tuple(field(wire.sent, name) for name in (b"Range", b"If-Range"))  # type: ignore[misc]
            for wire in self.transport.wires
        ]


def field(sent: bytes | bytearray, name: bytes) -> str | None:
    values = [line[len(name) + 2 :] for line in bytes(sent).split(b"\r\n") if line.startswith(name + b": ")]
    return values[0].decode() if values else None
