"""Uploads to a live server, collected first or read as they come: what is kept, what is refused, and that what breaks
off leaves neither a file nor a descriptor nor a traceback."""

from __future__ import annotations

import gzip
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salver.handler import options
from salver.request import Request
from salver.service.server import Server
from tests.service.test_server import connect, read_response

LARGE = bytes(range(256)) * 12_000  # 3 MB: more than is kept in memory, of a body as of a file
FILE = b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + LARGE + b"\r\n"
TEXT = b'--xYz\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello\r\n'
END = b"--xYz--\r\n"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture(params=["collected", "streamed"])
def server(request: pytest.FixtureRequest, tmp_path: Path, temporary: Path) -> Iterator[Server]:
    kept = tmp_path / "kept"
    kept.mkdir()

    def save(asked: Request) -> dict[str, object]:
        path = asked.files["file"].save_to(kept)
        return {"text": asked.form.get("text"), "name": path.name, "right": path.read_bytes() == LARGE}

    how: Callable[..., object] = (
        options(stream_body=True, blocking=True, max_body=1 << 30) if request.param == "streamed" else options()
    )
    how(save)
    server = Server(save, "127.0.0.1:0")
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def nothing_left(server: Server, tmp_path: Path, temporary: Path) -> Iterator[None]:
    """In the end, soon: no descriptor more than before, no temporary file, and nothing half kept."""
    before = _descriptors()
    yield
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (_descriptors() > before or os.listdir(temporary)):
        time.sleep(0.01)
    assert _descriptors() <= before and not os.listdir(temporary)
    assert all((path.stat().st_size == len(LARGE)) for path in (tmp_path / "kept").iterdir())


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


FORM = "multipart/form-data; boundary=xYz"


def head(length: int, *fields: str, content_type: str = FORM) -> bytes:
    own = ("Host: a", f"Content-Type: {content_type}", f"Content-Length: {length}")
    return "\r\n".join(("POST / HTTP/1.1", *own, *fields, "", "")).encode()


def answer(server: Server, body: bytes, *fields: str, content_type: str = FORM) -> tuple[int, bytes]:
    with connect(server) as client:
        client.sendall(head(len(body), *fields, content_type=content_type) + body)
        return read_response(client)


def test_a_form_with_a_large_file(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    for number in ("", "-1"):
        status, said = answer(server, TEXT + FILE + END)
        assert status == 200 and said == b'{"text":"hello","name":"a%b.bin","right":true}' % number.encode()
    assert not caplog.records


def test_a_connection_goes_on(server: Server) -> None:
    body = FILE + TEXT + END + b"epilogue"
    with connect(server) as client:
        for _ in range(3):
            client.sendall(head(len(body)) + body)
            assert read_response(client)[0] == 200


def test_a_chunked_form(server: Server) -> None:
    body = TEXT + FILE + END
    pieces = [body[start : start + 50_000] for start in range(0, len(body), 50_000)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    with connect(server) as client:
        client.sendall(head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + chunked)
        assert read_response(client)[0] == 200


def test_a_packed_form(server: Server) -> None:
    assert answer(server, gzip.compress(TEXT + FILE + END), "Content-Encoding: gzip")[0] == 200
    assert answer(server, gzip.compress(TEXT + FILE + END)[:-9], "Content-Encoding: gzip")[0] == 400
    bomb = gzip.compress(TEXT + FILE[:-2] + bytes(20 << 20) + b"\r\n" + END)
    assert answer(server, bomb, "Content-Encoding: gzip")[0] == 413
    assert answer(server, TEXT + FILE + END, "Content-Encoding: br")[0] == 415


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (TEXT + FILE, 400),
        (TEXT + FILE + b"--xYz", 400),
        (FILE + b"--xYz\r\n" + b"X" * 100_000 + END, 400),
        (TEXT + END, 400),
        (FILE + TEXT * 10_000 + END, 413),
        (b"nonsense" * 1_000, 400),
    ],
)
def test_what_is_refused(server: Server, body: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    assert answer(server, body)[0] == status
    assert not caplog.records


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=" + "b" * 71])
def test_boundaries_refused(server: Server, content_type: str) -> None:
    assert answer(server, TEXT + FILE + END, content_type=content_type)[0] == 400


@pytest.mark.parametrize("reset", [True, False])
def test_a_client_that_leaves(server: Server, reset: bool, caplog: pytest.LogCaptureFixture) -> None:
    body = TEXT + FILE + END
    with connect(server) as client:
        client.sendall(head(len(body)) + body[:-1_000_000])
        time.sleep(0.05)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert answer(server, body)[0] == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_a_body_over_the_limit(server: Server) -> None:
    with connect(server) as client:
        client.sendall(head(999_999_999_999, "Expect: 100-continue"))
        assert read_response(client)[0] == 413
