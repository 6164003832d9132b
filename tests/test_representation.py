"""A representation's fields, and what is made of them."""

from __future__ import annotations

import os
from pathlib import Path

from salver.lookup import OpenFile
from salver.representation import Representation, etag_of, last_modified
from salver.response import FileSegment
from tests.files.support import LONG_AGO, LONG_AGO_DATE, content, write


def test_bytes() -> None:
    made = Representation(b"hello", "text/plain", '"x"', LONG_AGO, [("X-Own", "1"), ("Accept-Ranges", "none")])
    response = made.whole()
    assert (response.status, response.body, response.reason) == (200, b"hello", None)
    assert response.lines == (
        b'Content-Type: text/plain\r\nETag: "x"\r\nLast-Modified: %b\r\nX-Own: 1\r\nAccept-Ranges: none\r\n'
        % LONG_AGO_DATE.encode()
    )
    assert made.piece(1, 3) == b"el"
    assert dict(made.fields_without_content()) == {"ETag": '"x"', "Last-Modified": LONG_AGO_DATE, "X-Own": "1"}


def test_a_file(tmp_path: Path) -> None:
    opened = OpenFile(os.open(write(tmp_path / "a", "hello"), os.O_RDONLY))
    made = Representation(opened, "text/plain", etag_of(opened), last_modified(opened), [])
    assert made.size == 5
    assert content(made.whole()) == b"hello"
    piece = made.piece(1, 3)
    assert isinstance(piece, FileSegment)
    assert os.pread(piece.fd, piece.length, piece.offset) == b"el"
    piece.close()


def test_a_time_that_no_date_can_say_is_left_out() -> None:
    for modified in (2**38, 2**62, -(2**60)):
        made = Representation(b"", "text/plain", '"x"', modified, [])
        assert made.modified is None
        assert made.modified_at == modified
        assert "Last-Modified" not in dict(made.fields)


def test_tags_tell_files_apart(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a", "1"),
        write(tmp_path / "b", "1"),
        write(tmp_path / "c", "12"),
        write(tmp_path / "d", "1", LONG_AGO + 0.001),
        write(tmp_path / "e", "1", -5.5),
    ]
    opened = [OpenFile(os.open(path, os.O_RDONLY)) for path in paths]
    assert len({etag_of(each) for each in opened}) == len(paths)
    assert last_modified(opened[-1]) == -6
