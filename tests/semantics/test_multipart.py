"""What stands around the parts of a form: read back by another library's parser."""

from __future__ import annotations

import io
import sys
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.semantics.multipart import closing, content_type, file_type, opening, own_name, part_head

BOUNDARY = "0123456789abcdef"


def parsed(*parts: tuple[str, bytes]) -> list[tuple[dict[str, Any], str | None, bytes]]:
    body = b"".join(opening(BOUNDARY, head) + content + b"\r\n" for head, content in parts) + closing(BOUNDARY)
    head = f"Content-Type: {content_type(BOUNDARY)}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    assert not message.defects
    return [
        (
            dict(cast(Any, each["content-disposition"]).params),
            each.get("x-more"),
            cast(bytes, each.get_payload(decode=True)),
        )
        for each in message.iter_parts()
    ]


def test_parts() -> None:
    assert part_head("a", None) == 'Content-Disposition: form-data; name="a"'
    assert part_head("a", "") == 'Content-Disposition: form-data; name="a"; filename=""'
    parts = (part_head("a", None), b"1"), (part_head("b", "c.txt", [("X-More", "d")]), b"2\r\n--not the end")
    assert parsed(*parts) == [
        ({"name": "a"}, None, b"1"),
        ({"name": "b", "filename": "c.txt"}, "d", b"2\r\n--not the end"),
    ]


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_no_name_ends_its_quotes_or_its_line(name: str, filename: str) -> None:
    head = part_head(name, filename)
    assert head.count('"') == 4 and "\r" not in head and "\n" not in head
    assert opening(BOUNDARY, head).endswith(b'"\r\n\r\n')


@pytest.mark.parametrize(
    ("filename", "found"),
    [
        ("a.png", "image/png"),
        ("a.TXT", "text/plain"),
        ("a", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_types_of_files(filename: str, found: str) -> None:
    assert file_type(filename) == found


class Named(io.BytesIO):
    def __init__(self, name: object) -> None:
        super().__init__()
        self.name = name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (Named("/tmp/a.txt"), "a.txt"),
        (Named("C:"), "C:"),
        (Named(b"/tmp/\xff.txt"), "\udcff.txt"),
        (Named("<stdin>"), ""),
        (Named(7), ""),
        (Named(None), ""),
        (io.BytesIO(), ""),
        (Path("/tmp/a.txt"), ""),  # it has a name, and is no file
        (b"", ""),
    ],
)
def test_what_a_file_is_called(file: object, name: str) -> None:
    assert own_name(file) == name


def test_standard_input_has_no_name() -> None:
    assert own_name(sys.__stdin__) == ""
