"""What a writer keeps, as values: its weight, the rest of an open file, and the response that it is."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from salver.classes.heads import Framing
from salver.classes.pieces import maybe_response, maybe_rest_of_file, weight
from salver.response import FileSegment

LARGE = 100_000  # bytes: more than are worth copying
LINES = [b"HTTP/1.1 201 Made Here\r\n", b"Server: x\r\n", b"Date: now\r\n", b"X-A: b: c\r\n", b"Content-Length: 4\r\n"]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    (tmp_path / "large").write_bytes(bytes(LARGE))
    return tmp_path / "large"


def test_a_file_weighs_next_to_nothing() -> None:
    assert weight([]) == 0
    assert weight([b"abc", FileSegment(-1, 0, LARGE), b"d"]) == 5


def test_the_rest_of_a_file_from_where_it_is_read(large: Path) -> None:
    with large.open("rb") as file:
        file.read(10)
        segment = maybe_rest_of_file(file, LARGE)
        assert segment is not None and (segment.offset, segment.length) == (10, LARGE - 10)
        assert segment.fd != file.fileno()
    os.fstat(segment.fd)  # open, although the file has been closed
    segment.close()
    with pytest.raises(OSError):
        os.fstat(segment.fd)


@pytest.mark.parametrize(("at", "room"), [(0, LARGE - 1), (LARGE - 10, LARGE)])
def test_what_does_not_fit_and_what_is_small_is_copied(large: Path, at: int, room: int) -> None:
    with large.open("rb") as file:
        file.seek(at)
        assert maybe_rest_of_file(file, room) is None


def test_what_is_no_file_is_copied(large: Path) -> None:
    ended = large.open("rb")
    ended.close()
    read, write = os.pipe()
    files: list[BinaryIO] = [io.BytesIO(bytes(LARGE)), ended, os.fdopen(read, "rb")]
    assert [maybe_rest_of_file(file, LARGE) for file in files] == [None] * 3
    files[-1].close()
    os.close(write)


@pytest.mark.parametrize(("persistence", "connection"), [("close", "close"), ("keep-alive", None), ("", None)])
def test_a_response_without_what_is_the_servers(persistence: str, connection: str | None) -> None:
    framing = Framing(201)
    framing.note("connection", persistence)
    response = maybe_response(LINES, framing, [b"ab", b"cd"])
    assert response is not None
    assert (response.status, response.reason, response.body) == (201, "Made Here", b"abcd")
    assert response.headers.get("connection") == connection
    assert [name for name, _ in response.headers.items() if name.lower() != "connection"] == ["x-a"]
    assert response.headers["x-a"] == "b: c"


def test_pieces_of_files_are_not_changed_by_others() -> None:
    assert maybe_response(LINES, Framing(201), [b"ab", FileSegment(-1, 0, 2)]) is None
