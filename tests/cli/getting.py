"""`salver get` as a process: with pipes, and on a pseudo-terminal; and servers for it, one of ours and one of bytes."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cli.commands import SALVER, SECONDS, environment

HEAD_END = b"\r\n\r\n"


@dataclass
class Done:
    status: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode()


def get(*arguments: str, cwd: Path | None = None, stdin: bytes = b"", **env: str) -> Done:
    """Run it, its standard output and error being pipes."""
    done = subprocess.run(
        [*SALVER, "get", *arguments],
        cwd=cwd,
        env=_environment(**env),
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    errors = done.stderr.decode()
    assert "Traceback" not in errors
    return Done(done.returncode, done.stdout, errors)


def get_on_terminal(*arguments: str, cwd: Path | None = None, typed: bytes = b"", **env: str) -> Done:
    """Run it on a terminal of its own; what it writes, to either stream, is `output`."""
    leader, follower = pty.openpty()
    environment_ = {**_environment(**env), "TERM": "xterm-256color", "COLUMNS": "100"}
    if "NO_COLOR" not in env:
        del environment_["NO_COLOR"]
    process = subprocess.Popen(
        [*SALVER, "get", *arguments],
        cwd=cwd,
        env=environment_,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    written = bytearray()
    with contextlib.suppress(OSError):  # Linux says EIO when the last one has left
        while part := os.read(leader, 65_536):
            written += part
            if typed and written.endswith(b": "):  # asking for a password throws away what was typed before
                os.write(leader, typed)
                typed = b""
    os.close(leader)
    return Done(process.wait(timeout=SECONDS), bytes(written).replace(b"\r\n", b"\n"), "")


def _environment(**env: str) -> dict[str, str]:
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    known = {name: value for name, value in environment(**env).items() if name.lower() not in proxies or name in env}
    return {"NETRC": "/nothing/there", **known, **env}


class Canned:
    """Answers each connection with the next bytes, and keeps what was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.asked: list[bytes] = []
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(SECONDS)
                asked = b""
                while HEAD_END not in asked:
                    part = connection.recv(65_536)
                    if not part:
                        break
                    asked += part
                self.asked.append(asked)
                with contextlib.suppress(OSError):
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass

    def close(self) -> None:
        self._listener.close()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            pass
        self._thread.join(SECONDS)


@contextlib.contextmanager
def canned(*answers: bytes) -> Iterator[Canned]:
    server = Canned(*answers)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    told = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(told).encode("latin-1") + body
