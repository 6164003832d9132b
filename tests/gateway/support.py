"""A request made by hand, scripts written into a folder, and what is left of processes: what the tests of CGI share."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from salver.exchange import ClientWatch
from salver.protocol.heads import RequestHead, Section, parse_request_section
from salver.request import ClientAddress, Request, RequestBodyError, Transmission
from salver.response import Response
from salver.service.server import Server


class FakeExchange:
    """The server as a request sees it."""

    def __init__(
        self,
        body: bytes = b"",
        *,
        has_threads: bool = True,
        client: ClientAddress | None = None,
        local: ClientAddress | None = None,
    ) -> None:
        self.client = client or ClientAddress("192.0.2.7", 5000)
        self.local = local or ClientAddress("unix:", 0)
        self.scheme = "http"
        self.watch: ClientWatch | None = None
        self.handed_over = 0
        self.entered: list[object] = []
        self.has_threads = has_threads
        self.body = body

    def hand_over(self) -> bool:
        self.handed_over += 1
        return self.has_threads

    def enter(self, site: object) -> None:
        self.entered.append(site)

    def body_stream(self) -> BinaryIO:
        return io.BufferedReader(io.BytesIO(self.body))

    def watch_client(self) -> ClientWatch | None:
        return self.watch

    def transmission(self) -> Transmission:
        raise NotImplementedError


class BrokenBody(FakeExchange):
    """A client that goes away within its body."""

    def body_stream(self) -> BinaryIO:
        class Breaking(io.RawIOBase):
            left = 100_000

            def readable(self) -> bool:
                return True

            def readinto(self, buffer: object) -> int:
                if not self.left:
                    raise RequestBodyError(400, "the client went away")
                size = min(len(memoryview(buffer)), self.left)  # type: ignore[arg-type]
                self.left -= size
                return size

        return io.BufferedReader(Breaking())


def section(fields: list[tuple[str, str]]) -> Section:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return parse_request_section(lines.encode("latin-1") + b"\r\n", 1, 100)


def request(
    target: str = "/",
    method: str = "GET",
    *,
    fields: list[tuple[str, str]] | None = None,
    body: bytes = b"",
    chunked: bool = False,
    prefix: str = "",
    exchange: FakeExchange | None = None,
) -> Request:
    """A request whose body is streamed, as the handlers ask for."""
    fields = [("Host", "example.org:8080"), *(fields or [])]
    if chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    elif body:
        fields.append(("Content-Length", str(len(body))))
    made = Request(RequestHead(method, target, section(fields)), exchange or FakeExchange(body), None)
    made.prefix = prefix
    return made


def content(response: Response) -> bytes:
    """The body's bytes, pulled as a server does; the response is closed afterwards."""
    try:
        return response.body if isinstance(response.body, bytes) else b"".join(response.body)  # type: ignore[arg-type]
    finally:
        response.close()


def script(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    """A script in `folder`; a shell script where it does not say otherwise."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not text.startswith("#!") and not name.endswith(".py"):
        text = "#!/bin/sh\n" + text
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def eventually(holds: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether something comes to hold within `seconds`."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def is_running(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


OTHERS: set[int] = set()  # what was there before the test that runs


def children() -> list[int]:
    """Processes that this one has started and not waited for, zombies among them; not counted are those of `OTHERS`,
    and the one that `multiprocessing` keeps from its first use to the end of this process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == os.getpid() and b"multiprocessing.resource_tracker" not in command:
                found.append(int(entry.name))
    return [pid for pid in found if pid not in OTHERS]


def command_of(pid: int) -> str:
    """What a process was started with; the name of a zombie, which has no more."""
    with contextlib.suppress(OSError):
        folder = Path(f"/proc/{pid}")
        command = (folder / "cmdline").read_bytes() or (folder / "stat").read_bytes()
        return command.replace(b"\0", b" ").decode(errors="replace")
    return f"{pid}, gone"


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def exchange(server: Server, sent: bytes) -> bytes:
    """Everything a server says to `sent`, until it closes."""
    with closing(connect(server)) as client:
        client.sendall(sent)
        return read_all(client)


def get(server: Server, target: str, *fields: str) -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return exchange(server, f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n".encode("latin-1"))


def read_all(client: socket.socket) -> bytes:
    """What comes until the end; raises ConnectionResetError where that is a reset."""
    data = b""
    while piece := client.recv(65_536):
        data += piece
    return data


def body_of(answer: bytes) -> bytes:
    """The body of one answer, whether it came with its length or in chunks: which, is a matter of time."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"Transfer-Encoding: chunked" not in head:
        return body
    data = b""
    while (size := int(body.partition(b"\r\n")[0], 16)) > 0:
        piece, body = body.partition(b"\r\n")[2][:size], body.partition(b"\r\n")[2][size + 2 :]
        data += piece
    return data
